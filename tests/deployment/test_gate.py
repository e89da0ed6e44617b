import asyncio
import socket
import subprocess
import sys

import httpx
import pytest

from swann._errors import InvalidValueError
from swann.deployment import make_gate, run_gate


@pytest.fixture
def ask():
    """Return what asks a gate, behind which no SuperLink is, and returns the answer's code."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        nobody = f"127.0.0.1:{found.getsockname()[1]}"

    async def ask_later(method, path):
        transport = httpx.ASGITransport(make_gate(nobody))
        async with httpx.AsyncClient(transport=transport, base_url="http://gate") as client:
            return (await client.request(method, path)).status_code

    return lambda method, path: asyncio.run(ask_later(method, path))


def test_a_superlink_that_is_not_there_is_503(ask):
    assert ask("POST", "/v1/fleet/pull-messages") == 503


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/control/start-run", "/v1/fleet/../control/start-run", "/v1/fleet/..%2fcontrol%2fstart-run", "/"),
        *("/v1/fleet/", "/v1/fleet/pull_messages", "/v1/fleet/pull-messages/more", "/v1/fleet/PULL"),
    ],
)
def test_all_else_is_404(ask, path):
    assert ask("POST", path) == 404


def test_only_posts_are_passed_on(ask):
    assert ask("GET", "/v1/fleet/pull-messages") == 405


def test_a_certificate_that_is_not_there_is_named(tmp_path):
    path = tmp_path / "ca.crt"
    with pytest.raises(InvalidValueError, match=f"root_certificates: there is no file {path}"):
        run_gate("127.0.0.1:1", root_certificates=path, host="127.0.0.1", port=1, certificate=path, private_key=path)


def test_the_command_imports_no_torch(tmp_path):
    for name in ("ca.crt", "gate.crt", "gate.key"):
        (tmp_path / name).touch()
    program = (
        "import sys, uvicorn; uvicorn.run = lambda app, **more: print(app.routes, 'torch' in sys.modules)\n"
        "sys.argv = ['swann', 'federated', 'gate', '--root-certificates', 'ca.crt', '--certificate', 'gate.crt']\n"
        "sys.argv += ['--private-key', 'gate.key']\n"
        "import ssl; ssl.create_default_context = lambda cafile: True\n"
        "from swann.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split()[-1] == "False"
