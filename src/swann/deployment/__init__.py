"""Federated learning on machines of their own: the two halves of a Flower app, and what runs beside Flower.

>>> type(server).__name__, type(client).__name__
('ServerApp', 'ClientApp')
"""

from .. import federated  # noqa: F401 (switches Flower's telemetry off before it is imported)
from ._app_folder import write_app
from ._client import NodeSettings, client, load_own_data
from ._executor import Executor
from ._gate import make_gate, run_gate
from ._node import run_node
from ._server import serve, server
from ._settings import ServerSettings

__all__ = [
    "Executor",
    "NodeSettings",
    "ServerSettings",
    "client",
    "load_own_data",
    "make_gate",
    "run_gate",
    "run_node",
    "serve",
    "server",
    "write_app",
]
