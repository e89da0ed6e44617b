"""A SuperNode of Flower and the process that trains for it."""

import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from .._errors import InvalidValueError, OutputError
from ._client import NodeSettings, client
from ._executor import Executor

_HOST = "127.0.0.1"
_PATIENCE = 10
"""Seconds for the SuperNode to end before it is killed."""


def run_node(
    superlink: str,
    settings: NodeSettings,
    *,
    root_certificates: Path | None = None,
    private_key: Path | None = None,
    insecure: bool = False,
    port: int | None = None,
    flower_options: Sequence[str] = (),
) -> int:
    """Run a SuperNode and train for it in this process, until one of them ends; return the SuperNode's exit code.

    Args:
        superlink: its address as host:port.
        settings: the node's images.
        root_certificates: of the authority that signed the SuperLink's certificate; the system's if None.
        private_key: the node's key, in OpenSSH's form.
        insecure: without TLS; for trials on one machine.
        port: on this machine's loopback, for the two processes; a free one if None.
        flower_options: more arguments of `flower-supernode`.

    Raises:
        InvalidValueError: a file that is not there, or a key without TLS.
    """
    for name, path in (("root_certificates", root_certificates), ("private_key", private_key)):
        if path is not None and not path.is_file():
            raise InvalidValueError(f"{name}: there is no file {path}")
    if insecure and (root_certificates is not None or private_key is not None):
        raise InvalidValueError("insecure: certificates and keys need TLS; leave out one or the other")
    port = port or _free_port()
    secret = secrets.token_bytes(32)
    with tempfile.TemporaryDirectory(prefix="swann-node-") as folder:
        place = Path(folder) / "secret"
        place.touch(mode=0o600)
        place.write_bytes(secret)
        command = [*_flower_supernode(), "--superlink", superlink, "--isolation", "process"]
        command += ["--host", _HOST, "--port", str(port), "--superexec-auth-secret-file", str(place)]
        command += ["--node-config", str(settings), *(["--insecure"] if insecure else [])]
        command += ["--root-certificates", str(root_certificates)] if root_certificates is not None else []
        command += ["--auth-supernode-private-key", str(private_key)] if private_key is not None else []
        before = signal.signal(signal.SIGTERM, _interrupt)
        process = subprocess.Popen([*command, *flower_options])
        try:
            Executor(f"{_HOST}:{port}", secret, client).run(lambda: process.poll() is None)
        except KeyboardInterrupt:
            pass
        finally:
            code = _end(process)
            signal.signal(signal.SIGTERM, before)
    return code


def _flower_supernode() -> list[str]:
    """Return the command of this environment's Flower."""
    return [sys.executable, "-c", "from flwr.supernode.cli import flower_supernode; flower_supernode()"]


def _free_port() -> int:
    try:
        with socket.create_server((_HOST, 0)) as found:
            return int(found.getsockname()[1])
    except OSError as error:
        raise OutputError(f"no free port on {_HOST}: {error.strerror or error}") from error


def _end(process: "subprocess.Popen[bytes]") -> int:
    """End the SuperNode, in order so that the SuperLink learns of it, and return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (signature of a signal handler)
    raise KeyboardInterrupt
