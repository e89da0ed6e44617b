"""Federated learning of many clients on this machine."""

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from torch import nn

from .._errors import InvalidValueError
from .._files import write_text
from ..experiments import InterruptedRunError, RunDirectory
from ..nn import SmallWorldDenseNet, SmallWorldNetwork
from ..report import plot_partition
from ..train import OptimizerConfig, plot
from ._console import draw_picture, note, progress_bar, show
from ._options import (
    Data,
    DataDir,
    DataSize,
    Download,
    DrawOption,
    Granularity,
    Json,
    OrderOption,
    OutWithDefault,
    Overwrite,
    Repair,
    Resume,
    Seed,
    TargetError,
    TrainProbability,
    Validation,
    Width,
    option,
)
from ._task import Task, open_task
from ._train import ModelOrFile, make_network, write_network
from ._training import resumable

if TYPE_CHECKING:
    from ..federated import Architecture, FederatedHistory

_CLIENTS, _SERVER = "Clients", "Server"

Clients = Annotated[int, option(help="Clients that share the training images", panel=_CLIENTS, min=1, metavar="N")]
PerRound = Annotated[int, option(help="Clients drawn for each round", panel=_SERVER, min=1, metavar="N")]
Rounds = Annotated[int, option(help="Rounds of communication", panel=_SERVER, min=1, metavar="N")]
LocalEpochs = Annotated[
    int | None,
    option(
        help="Passes of a client through its images in a round; 5 unless --local-steps is given",
        panel=_CLIENTS,
        min=1,
        show_default=False,
        metavar="N",
    ),
]
LocalSteps = Annotated[
    int | None,
    option(
        help="Batches of a client in a round, in the place of epochs",
        panel=_CLIENTS,
        min=1,
        show_default=False,
        metavar="N",
    ),
]
LocalBatch = Annotated[int, option("--batch-size", help="Images a step", panel=_CLIENTS, min=1, metavar="N")]
LocalRate = Annotated[float, option("--lr", help="Learning rate of the clients' SGD", panel=_CLIENTS, metavar="X")]
PartitionKind = Annotated[
    str,
    option(
        "--partition",
        help="How images are dealt out: evenly at random; sorted by label into 2 shards a client; or with classes "
        "mixed by a Dirichlet distribution (--alpha)",
        panel=_CLIENTS,
        choices=("iid", "shards", "dirichlet"),
    ),
]
Alpha = Annotated[float, option(help="Of the Dirichlet distribution: small for few classes", panel=_CLIENTS)]
Strategy = Annotated[str, option("--strategy", help="One of Flower's, by name: fedavg, fedadam, …", panel=_SERVER)]
StrategyOptions = Annotated[
    list[str],
    option(
        "--strategy-option",
        help="An argument of the strategy as name=value, such as server_momentum=0.9; may be given again",
        panel=_SERVER,
        show_default=False,
        metavar="NAME=X",
    ),
]
CompressionOption = Annotated[
    str,
    option(
        "--compression",
        help="Updates as float32, float16 or 8-bit whole numbers; weights to clients in float16 with either",
        panel=_SERVER,
        choices=("none", "fp16", "int8"),
    ),
]
PrivacyOption = Annotated[
    str,
    option(
        "--privacy",
        help="Differential privacy: updates are clipped by the server or the client, and noise is added to their mean",
        panel=_SERVER,
        choices=("none", "server", "client"),
    ),
]
NoiseMultiplier = Annotated[float, option(help="Of differential privacy: noise over clipping norm", panel=_SERVER)]
ClippingNorm = Annotated[float, option(help="Of differential privacy: largest L2 norm of an update", panel=_SERVER)]
SecureAggregation = Annotated[
    bool,
    option(
        "--secure-aggregation",
        help="Let the server learn the mean of the updates alone, by Flower's SecAgg+",
        panel=_SERVER,
    ),
]
EvaluateRounds = Annotated[
    int, option("--evaluate-every", help="Rounds from one evaluation to the next", panel=_SERVER, min=1, metavar="N")
]
Timeout = Annotated[float, option(help="Seconds after which a round leaves clients behind", panel=_SERVER)]
Workers = Annotated[int, option(help="Processes that clients run in", panel="Machine", min=1, metavar="N")]


def simulate_command(
    model: ModelOrFile,
    out: OutWithDefault = Path("runs/federated"),
    p: TrainProbability = None,
    data: Data = "digits",
    data_dir: DataDir = None,
    download: Download = False,
    image_size: DataSize = None,
    width: Width = 1.0,
    clients: Clients = 100,
    partition: PartitionKind = "iid",
    alpha: Alpha = 0.5,
    local_epochs: LocalEpochs = None,
    local_steps: LocalSteps = None,
    batch_size: LocalBatch = 10,
    lr: LocalRate = 0.01,
    rounds: Rounds = 30,
    per_round: PerRound = 10,
    strategy: Strategy = "fedavg",
    strategy_option: StrategyOptions = [],  # noqa: B006 (typer copies it)
    compression: CompressionOption = "none",
    privacy: PrivacyOption = "none",
    noise_multiplier: NoiseMultiplier = 1.0,
    clipping_norm: ClippingNorm = 1.0,
    secure_aggregation: SecureAggregation = False,
    evaluate_every: EvaluateRounds = 1,
    target_error: TargetError = None,
    timeout: Timeout = 3600.0,
    validation: Validation = False,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    granularity: Granularity = 1,
    order: OrderOption = "paper",
    workers: Workers = 1,
    seed: Seed = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train one network as a server and many clients would, on this machine: a model, its twin (--p), or a file.

    Each round, some clients train on images of their own and send their weights; a strategy of Flower makes the next
    weights of them. Writes rounds.csv after every round and, at the end, federated.json, history.json, curves.png,
    clients.csv and clients.png (classes that each client has), and the network. Ctrl-C ends after the running round;
    --resume goes on, also after a kill, or with more --rounds.

    Example: swann federated simulate --model swann:mnist5 --p 0.5 --data mnist --data-dir ~/data --partition shards
    """
    from .. import federated  # needs the extra 'federated'

    config = federated.FederatedConfig(
        rounds=rounds,
        per_round=per_round,
        local=federated.LocalTraining(
            epochs=5 if local_epochs is None and local_steps is None else local_epochs,
            steps=local_steps,
            batch_size=batch_size,
            optimizer=OptimizerConfig("sgd", lr=lr),
        ),
        strategy=strategy,
        strategy_options=dict(map(_name_and_value, strategy_option)),
        compression=compression,  # type: ignore[arg-type]
        privacy=federated.Privacy(privacy, noise_multiplier, clipping_norm),  # type: ignore[arg-type]
        secure_aggregation=secure_aggregation,
        evaluate_every=evaluate_every,
        target_error=target_error,
        timeout=timeout,
        seed=seed,
    )
    torch.set_num_threads(1)  # batches are small, and clients run beside one another
    task = open_task(
        model, data, data_dir, download=download, image_size=image_size, width=width, validation=validation
    )
    dealt = federated.split(partition, task.data.train_labels.numpy(), clients, alpha=alpha, seed=seed)
    config = replace(config, largest_client=int(dealt.sizes.max()))
    federated.check_strategy(config, clients)
    settings: dict[str, Any] = {"command": "federated simulate", "model": model, "p": p, "data": task.data.name}
    settings |= {"width": width, "image_size": image_size, "draw": draw, "repair": repair, "order": order}
    settings |= {"granularity": granularity, "clients": clients, "partition": partition, "alpha": alpha}
    settings["federated"] = asdict(config)
    directory = RunDirectory(out, settings, resume=resume, overwrite=overwrite, resumable=True, may_grow="rounds")
    network = make_network(task, p, draw, repair, order, granularity, seed)
    note(f"{partition}: {dealt.imbalance()}")
    with resumable(directory):
        folder = directory.make()
        write_text(folder / "clients.csv", dealt.to_csv(task.data.classes))
        picture = partial(plot_partition, dealt.class_counts, task.data.classes)
        draw_picture(picture, folder / "clients.png")
        with progress_bar("federated", "rounds") as move:

            def on_round(history: "FederatedHistory") -> None:
                last = history.rounds[-1]
                write_text(folder / "rounds.csv", history.to_csv())
                error = "" if last.test_error is None else f"test error {last.test_error:.2%}, "
                move(last.number, rounds, f"{error}{history.total_bytes / 1e6:,.1f} MB")

            history = federated.simulate(
                network,
                architecture_of(network, task),
                task.data,
                dealt,
                config,
                n_workers=workers,
                checkpoint=folder / "checkpoint-federated.ckpt",
                resume=resume,
                on_round=on_round,
            )
        if history.interrupted:
            raise InterruptedRunError(out)
        weights = _write(network, history, directory, model)
    if as_json:
        print(history.to_json())
    else:
        show(str(history))
    for line in _refused(history):
        note(line)
    note(f"written to {out}: federated.json, rounds.csv, history.json, curves.png, clients.csv, clients.png, {weights}")


def architecture_of(network: nn.Module, task: Task) -> "Architecture":
    """Return what clients are told of a network."""
    from ..federated import Architecture

    if isinstance(network, (SmallWorldNetwork, SmallWorldDenseNet)):
        return Architecture.of(network)
    channels, size, _ = task.data.input_shape
    return Architecture.by_name(
        task.model, in_channels=channels, n_classes=task.data.n_classes, image_size=size, width=task.width
    )


def _name_and_value(text: str) -> tuple[str, float]:
    name, separator, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        what = f"found {text!r}" if separator else f"found {text!r} without ="
        raise InvalidValueError(f"--strategy-option: expected name=value with a number, {what}") from None


def _refused(history: "FederatedHistory") -> list[str]:
    """Say which answers were refused, the first few by name."""
    all_of_them = [f"round {each.number}: {reason}" for each in history.rounds for reason in each.not_averaged]
    more = [f"… and {len(all_of_them) - 5:,} more answers refused, see federated.json"] if len(all_of_them) > 5 else []
    return [f"refused: {line}" for line in all_of_them[:5]] + more


def _write(network: nn.Module, history: "FederatedHistory", directory: RunDirectory, model: str) -> str:
    """Write a run's results and return the name of the file with the weights."""
    curve = history.curve()
    write_text(directory / "federated.json", history.to_json() + "\n")
    write_text(directory / "history.json", curve.to_json() + "\n")
    if curve.evaluations:
        draw_picture(partial(plot, {model: [curve]}), directory / "curves.png")
    return write_network(network, directory)
