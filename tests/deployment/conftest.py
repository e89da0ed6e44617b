import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from certificates import Authority, make_node_key
from meter import Meter

SRC = Path(__file__).parents[2] / "src"
BIN = Path(sys.executable).parent
STEP_SECONDS = 300
"""For one step, on a machine that does other things too; usually a few are enough."""


class Place:
    """A folder with certificates, in which processes of Flower and ours run until the end of the tests.

    Its SuperLink listens on `superlink`; `gate` lets nodes through to it.
    """

    def __init__(self, folder):
        self.folder = folder
        self._processes, self._meters = {}, {}
        self.superlink, self.gate = (f"127.0.0.1:{port}" for port in _free_ports(2))
        self.authority = Authority(folder, "ca")
        self.server = self.authority.make_server("server")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("FLWR_")} | {
            "FLWR_HOME": str(folder / "flwr"),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(SRC), os.environ.get("PYTHONPATH")])),
            "SWANN_CACHE_DIR": str(folder / "cache"),
        }
        (folder / "flwr").mkdir()
        (folder / "flwr" / "config.toml").write_text(
            '[superlink]\ndefault = "server"\n\n[superlink.server]\n'
            f'address = "{self.superlink}"\nroot-certificates = "{self.authority.certificate}"\n'
        )

    def start(self, name, *command):
        """Start a process whose output goes to `log(name)`."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self._processes[name]

    def start_supernode(self, name, *options):
        """Start Flower's own SuperNode, with a port of its own for its Runtime API."""
        (port,) = _free_ports(1)
        self.start(name, "flower-supernode", "--isolation", "process", "--port", port, *options)

    def start_superlink(self):
        """Start a SuperLink with TLS and authentication of nodes; it knows those that were registered before."""
        host, _, port = self.superlink.rpartition(":")
        certificate, key = self.server
        tls = ("--ssl-ca-certfile", self.authority.certificate, "--ssl-certfile", certificate, "--ssl-keyfile", key)
        options = (*tls, "--enable-supernode-auth", "--disable-runtime-dependency-installation")
        options += ("--database", self.folder / "superlink.db")
        self.start("superlink", "flower-superlink", "--host", host, "--port", port, *options)
        self.wait("superlink to listen", lambda: _listens(self.superlink), "superlink")

    def kill(self, name):
        os.killpg(self._processes[name].pid, signal.SIGKILL)
        self._processes[name].wait()

    def metered_gate(self, name):
        """Return an address from which the gate is reached; what `name` receives there is counted."""
        self._meters[name] = Meter(self.gate)
        return self._meters[name].address

    def n_bytes(self, name):
        return self._meters[name].n_bytes

    def exit_code(self, name):
        return self._processes[name].poll()

    def call(self, *command):
        """Run a command to its end and return what it printed."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def log(self, name):
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def wait(self, what, condition, *names):
        """Wait until a condition holds; fail with the logs if it does not in time or a process of `names` ends."""
        end = time.monotonic() + STEP_SECONDS
        while not (found := condition()):
            ended = [name for name in names if self._processes[name].poll() is not None]
            if ended or time.monotonic() > end:
                why = f"{ended[0]} ended" if ended else "out of time"
                logs = "\n".join(f"== {name}\n{self.log(name)[-3000:]}" for name in self._processes)
                pytest.fail(f"waiting for {what}: {why}\n{logs}")
            time.sleep(0.1)
        return found

    def wait_for(self, name, text):
        self.wait(f"{text!r} from {name}", lambda: text in self.log(name), name)

    def register(self, name):
        """Make a key for a node and register it; return the node's number at the SuperLink."""
        _, public = make_node_key(self.folder, name)
        answer = self.call("flwr", "supernode", "register", public, "server")
        return answer.partition("SuperNode ")[2].partition(" ")[0]

    def close(self):
        for meter in self._meters.values():
            meter.close()
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        end = time.monotonic() + 10
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(end - time.monotonic(), 0.1))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        mark = f"FLWR_HOME={self.environment['FLWR_HOME']}".encode()
        for entry in Path("/proc").glob("[0-9]*"):  # what the SuperLink started has a session of its own
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A SuperLink with TLS and authentication of nodes, and a gate in front of it."""
    place = Place(tmp_path_factory.mktemp("loopback"))
    ca, (certificate, key) = place.authority.certificate, place.server
    try:
        gate = ("--superlink", place.superlink, "--listen", place.gate, "--root-certificates", ca)
        swann = (sys.executable, "-m", "swann", "federated")
        place.start("gate", *swann, "gate", *gate, "--certificate", certificate, "--private-key", key)
        place.start_superlink()
        place.wait("gate to listen", lambda: _listens(place.gate), "gate")
        yield place
    finally:
        place.close()
        shutil.rmtree(place.folder, ignore_errors=True)


def _free_ports(number):
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [each.getsockname()[1] for each in found]


def _listens(address):
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=1):
        return True
    return False
