"""Federated learning on machines of their own: the two halves of a Flower app, and what runs beside Flower.

>>> from swann.deployment import client, server
>>> type(server).__name__, type(client).__name__
('ServerApp', 'ClientApp')
"""

import importlib
from typing import TYPE_CHECKING, Any

from .. import _offline  # noqa: F401 (switches Flower's telemetry off before it is imported)

if TYPE_CHECKING:
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

_HOMES = {
    "_app_folder": ("write_app",),
    "_client": ("NodeSettings", "client", "load_own_data"),
    "_executor": ("Executor",),
    "_gate": ("make_gate", "run_gate"),
    "_node": ("run_node",),
    "_server": ("serve", "server"),
    "_settings": ("ServerSettings",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import what is asked for: the gate needs no PyTorch."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
