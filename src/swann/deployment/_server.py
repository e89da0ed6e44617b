"""The half of the app that runs on the server."""

from dataclasses import asdict
from pathlib import Path

import torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from torch import nn

from .._errors import MissingExtraError, OutputError
from .._files import replacing, write_text
from ..convert import save
from ..data import load
from ..experiments import RunDirectory
from ..federated import FederatedHistory, Rounds
from ..nn import SmallWorldDenseNet, SmallWorldNetwork
from ..train import plot
from ._network import make_network
from ._settings import ServerSettings

_NO_SETTINGS = ("out", "resume", "overwrite", "data_dir")
"""These do not decide the result."""

server = ServerApp()


@server.main()
def _main(grid: Grid, context: Context) -> None:
    serve(grid, ServerSettings.of(context.run_config))


def serve(grid: Grid, settings: ServerSettings) -> FederatedHistory:
    """Run the rounds over a grid and write what `swann federated simulate` writes of a server.

    After each round there is a checkpoint and rounds.csv; at the end federated.json, history.json, curves.png and the
    network. Each file appears whole or not at all.

    Raises:
        SwannError: settings that do not fit, or a folder that cannot be used.
    """
    config = settings.federated()
    data = None
    if settings.data:
        data = load(settings.data, data_dir=settings.data_dir or None, image_size=settings.image_size)
    network, architecture = make_network(settings, data)
    kept = {name: value for name, value in asdict(settings).items() if name not in _NO_SETTINGS}
    directory = RunDirectory(
        settings.out,
        {"command": "federated app"} | kept,
        resume=settings.resume,
        overwrite=settings.overwrite,
        resumable=True,
        may_grow="rounds",
    )

    def on_round(history: FederatedHistory) -> None:
        last = history.rounds[-1]
        write_text(directory / "rounds.csv", history.to_csv())
        error = "" if last.test_error is None else f", test error {last.test_error:.2%}"
        print(f"round {last.number} of {config.rounds}: {last.answered} of {last.asked} answers{error}", flush=True)
        for reason in last.not_averaged:
            print(f"refused: {reason}", flush=True)

    with directory:
        rounds = Rounds(
            network=network,
            architecture=architecture,
            config=config,
            n_clients=settings.clients,
            n_images=None,
            data=data,
            checkpoint=Path(settings.out) / "checkpoint-federated.ckpt",
            settings={"data": data.name if data is not None else ""},
            on_round=on_round,
            catch_interrupt=False,
        )
        if settings.resume:
            rounds.restore()
            rounds.strategy.informed.clear()  # in a new run of Flower nodes know nothing of the one before
        directory.make()
        history = rounds.run(grid)
        if history.interrupted:
            raise OutputError(f"stopped after an interrupt; go on with resume=true and out={settings.out!r}")
        _write(network, history, directory, settings.model)
    print(history, flush=True)
    print(f"written to {directory.path.absolute()}", flush=True)
    return history


def _write(network: nn.Module, history: FederatedHistory, directory: RunDirectory, model: str) -> None:
    curve = history.curve()
    write_text(directory / "federated.json", history.to_json() + "\n")
    write_text(directory / "history.json", curve.to_json() + "\n")
    if curve.evaluations:
        try:
            plot({model: [curve]}, directory / "curves.png")
        except MissingExtraError as error:
            print(f"curves.png is left out: {error}", flush=True)
    if isinstance(network, (SmallWorldNetwork, SmallWorldDenseNet)):
        save(network, directory / "network.safetensors")
        return
    with replacing(directory / "weights.pt") as temporary:
        torch.save(network.state_dict(), temporary)
