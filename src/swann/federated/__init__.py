"""Federated learning on Flower: data split over clients, their updates averaged on a server.

Flower's telemetry and its search for updates are switched off before it is imported.
"""

from .. import _offline  # noqa: F401 (must be the first)
from ._architecture import Architecture
from ._client import make_client_app
from ._config import FederatedConfig, LocalTraining, Privacy
from ._history import FederatedHistory, Round
from ._local_grid import LocalGrid
from ._local_training import ClientData
from ._partition import Imbalance, Partition, split
from ._rounds import Rounds
from ._simulate import simulate
from ._strategies import check_strategy, strategy_names
from ._strategy import CheckedStrategy

__all__ = [
    "Architecture",
    "CheckedStrategy",
    "ClientData",
    "FederatedConfig",
    "FederatedHistory",
    "Imbalance",
    "LocalGrid",
    "LocalTraining",
    "Partition",
    "Privacy",
    "Round",
    "Rounds",
    "check_strategy",
    "make_client_app",
    "simulate",
    "split",
    "strategy_names",
]
