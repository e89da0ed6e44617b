"""Federated learning of many clients on this machine."""

import os
from functools import partial
from pathlib import Path

import torch
from flwr.app import Context, RecordDict
from flwr.clientapp import ClientApp
from torch import nn

from .._errors import InvalidValueError
from ..data import ImageData
from ._architecture import Architecture
from ._client import make_client_app, remember
from ._config import FederatedConfig
from ._history import FederatedHistory
from ._local_grid import LocalGrid
from ._local_training import ClientData
from ._partition import Partition
from ._rounds import OnRound, Rounds

_CLIENT = "partition-id"


def simulate(
    network: nn.Module,
    architecture: Architecture,
    data: ImageData,
    partition: Partition,
    config: FederatedConfig,
    *,
    n_workers: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    on_round: OnRound | None = None,
) -> FederatedHistory:
    """Train a network in place as a server and its clients would, by one of Flower's strategies.

    Clients, their images and batches, and noise depend on the seed, the round and the client alone: the weights are the
    same for any number of processes, and after a resumption.

    Args:
        network: its weights are where the run begins, and it has those of the last round afterwards.
        architecture: of the network.
        data: training images for the clients, test images for the server.
        partition: which images each client has.
        config: the settings.
        n_workers: processes that clients run in; with 1 it is this one.
        checkpoint: file from which an interrupted run can go on; written after every round, whole or not at all.
        resume: go on from the checkpoint, also of a run that was done, to more rounds.
        on_round: called after each round with what was recorded so far.

    Raises:
        InvalidValueError: settings that do not fit.
        UnknownNameError: Flower has no such strategy.
        OutputError: nothing to resume, or a checkpoint that exists, or cannot be written.
        FileFormatError: the checkpoint is damaged or of another run.

    >>> import swann
    >>> from swann.federated import Architecture, FederatedConfig, LocalTraining, simulate, split
    >>> digits = swann.data.load("digits").subset(200, 50)
    >>> twin = swann.convert(swann.models.mnist5(image_size=8), torch.zeros(1, 1, 8, 8), p=0.5)
    >>> clients = split("iid", digits.train_labels, clients=10)
    >>> config = FederatedConfig(rounds=2, per_round=3, local=LocalTraining(epochs=None, steps=2))
    >>> [each.answered for each in simulate(twin, Architecture.of(twin), digits, clients, config).rounds]
    [3, 3]
    """
    if n_workers < 1:
        raise InvalidValueError(f"workers: expected 1 or more, found {n_workers}")
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None and path.exists() and not resume:
        raise InvalidValueError(f"{path} exists: resume that run, or remove the file to start anew")
    n_clients = len(partition.rows)
    rounds = Rounds(
        network=network,
        architecture=architecture,
        config=config,
        n_clients=n_clients,
        n_images=int(partition.sizes.sum()),
        data=data,
        checkpoint=path,
        settings={"data": data.name, "partition": partition.digest()},
        on_round=on_round,
        seeded_noise=True,
    )
    informed = rounds.restore() if resume else set()
    make_app = partial(_make_app, data, [torch.from_numpy(rows) for rows in partition.rows])
    node_configs = [{_CLIENT: client} for client in range(n_clients)]
    with LocalGrid(make_app, node_configs, n_workers, _states(informed, architecture)) as grid:
        return rounds.run(grid)


def _make_app(data: ImageData, rows: list[torch.Tensor]) -> ClientApp:
    def open_data(context: Context) -> ClientData:
        return ClientData(data, rows[int(context.node_config[_CLIENT])])

    return make_client_app(open_data, any_model=True)


def _states(informed: set[int], architecture: Architecture) -> dict[int, RecordDict]:
    """Return what clients that had the architecture kept of it."""
    found, text = {}, architecture.to_json()
    for number in informed:
        context = Context(1, number, {}, RecordDict(), {})
        remember(context, text)
        found[number] = context.state
    return found
