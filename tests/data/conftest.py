import functools
import http.server
import os
import threading
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def no_data_dir(monkeypatch):
    """The tests of this folder see no SWANN_DATA_DIR unless they ask for the real data."""
    monkeypatch.delenv("SWANN_DATA_DIR", raising=False)


_GIVEN = os.environ.get("SWANN_DATA_DIR")


@pytest.fixture
def real_data_dir():
    path = Path(_GIVEN) if _GIVEN else Path(__file__).parents[3] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no real data in {path}: set SWANN_DATA_DIR")
    return path


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder and the loopback address at which it is served: it stands in for a place on the network."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
