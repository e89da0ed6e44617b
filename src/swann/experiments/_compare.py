from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from .._errors import FileFormatError, InvalidValueError
from .._files import write_text
from ..convert import convert
from ..data import ImageData
from ..nn import Order
from ..smallworld import Draw
from ..train import Comparison, History, TrainingConfig, TrainingDivergedError, compare, fit

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Factory = Callable[[int], nn.Module]
Progress = Callable[[str, int, int, int, float, float], None]
"""Called after each iteration with: variant, seed, iteration, their total, iterations per second, last loss."""

BASELINE, PAPER_ORDER, TWIN, RANDOM = "baseline", "paper order, p = 0", "twin", "random links, p = 1"


class InterruptedRunError(KeyboardInterrupt):
    """A run was stopped by Ctrl-C; what it had done is in its checkpoint."""


def variants(
    create: Factory,
    data: ImageData,
    p: float | Sequence[float],
    *,
    draw: Draw = "nodes",
    repair: bool = True,
    order: Order = "paper",
    granularity: int = 1,
    with_random: bool = False,
) -> dict[str, Factory]:
    """Return the networks that tell what the rewiring gives from what the order of operations gives.

    Args:
        create: makes the baseline from a seed.
        data: whose images the networks read.
        p: the rewiring probability of the twin, or one for each dense block of a DenseNet.
        draw: how new ends are drawn.
        repair: whether dead nodes are repaired.
        order: the order of operations of the twin.
        granularity: the number of neighbouring channels that move together.
        with_random: have a network in which all edges are rewired too, whatever its small-worldness.

    Returns:
        `"baseline"` is the model as it comes; `"paper order, p = 0"` its chain with nothing rewired, in the order
        activation → pooling → norm; `"twin"` the rewired one; `"random links, p = 1"` the one with all edges
        rewired. All draw their weights from the same distribution
        where the model draws them as `swann.models` does.
    """
    example = torch.zeros(1, *data.input_shape)

    def rewired(seed: int, probability: float | Sequence[float], of_order: Order) -> nn.Module:
        return convert(
            create(seed),
            example,
            probability,
            seed=seed,
            draw=draw,
            repair=repair,
            order=of_order,
            granularity=granularity,
        )

    found: dict[str, Factory] = {
        BASELINE: create,
        PAPER_ORDER: lambda seed: rewired(seed, 0.0, "paper"),
        TWIN: lambda seed: rewired(seed, p, order),
    }
    if with_random:
        found[RANDOM] = lambda seed: rewired(seed, 1.0, order)
    return found


def run_comparison(
    networks: Mapping[str, Factory],
    data: ImageData,
    config: TrainingConfig,
    *,
    seeds: Sequence[int],
    baseline: str = BASELINE,
    directory: Path | None = None,
    on_progress: Progress | None = None,
    fabric: "Fabric | None" = None,
) -> Comparison:
    """Train each network under each seed, with the same batches and schedule, and compare them.

    The errors compared at are such as every seed of the baseline reaches.

    The networks take turns, so that a slow spell of the machine falls on all of them. With a directory, each run
    leaves its history there, and what was done before an interruption is not done again.

    Args:
        networks: by name, each made from a seed.
        data: training and test images.
        config: the settings; its seed is replaced by each of `seeds`.
        seeds: one run of each network for each.
        baseline: the network that the others are compared with.
        directory: for histories and checkpoints.
        on_progress: called after each iteration.
        fabric: from `swann.train.launch`, needed for several processes; launched for each run if None.

    Raises:
        InterruptedRunError: Ctrl-C; call again with the same directory to go on.
        InvalidValueError: two names that would share their files in the directory.
        FileFormatError: a history or checkpoint in the directory is damaged or of another run.
    """
    names = {slug(name): name for name in networks}
    for name in networks:
        if names[slug(name)] != name:
            raise InvalidValueError(f"networks: {name!r} and {names[slug(name)]!r} differ in punctuation alone")
    histories: dict[str, list[History]] = {name: [] for name in networks}
    for seed in seeds:
        for name, create in networks.items():
            settings = replace(config, seed=seed)
            histories[name].append(run_network(name, create, data, settings, directory, on_progress, fabric))
    return compare(histories, baseline, over_seeds="worst")


def run_network(
    name: str,
    create: Factory,
    data: ImageData,
    config: TrainingConfig,
    directory: Path | None,
    on_progress: Progress | None,
    fabric: "Fabric | None",
    *,
    may_diverge: bool = False,
) -> History:
    """Train a network made from the settings' seed, or read its history from the directory if that was done before.

    With `may_diverge` the history of a run whose loss becomes infinite or NaN is a result as any other.
    """
    report = None
    if on_progress is not None:
        progress = on_progress

        def report(iteration: int, total: int, rate: float, loss: float) -> None:
            progress(name, config.seed, iteration, total, rate, loss)

    record = checkpoint = None
    if directory is not None:
        ending = f"{slug(name)}-{config.seed}"
        record, checkpoint = directory / f"history-{ending}.json", directory / f"checkpoint-{ending}.ckpt"
        if record.is_file():
            return _read(record)
    try:
        history = fit(
            create(config.seed),
            data,
            config,
            checkpoint=checkpoint,
            resume=checkpoint is not None and checkpoint.is_file(),
            on_progress=report,
            fabric=fabric,
        )
    except TrainingDivergedError as error:
        if not may_diverge:
            raise
        history = error.history
    if history.interrupted:
        raise InterruptedRunError(f"{name}, seed {config.seed}: stopped after an interrupt")
    if record is not None and checkpoint is not None and (fabric is None or fabric.is_global_zero):
        write_text(record, history.to_json())
        checkpoint.unlink(missing_ok=True)
    return history


def slug(name: str) -> str:
    """Return a name as a part of a file's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def _read(path: Path) -> History:
    try:
        return History.from_json(path.read_text(encoding="utf-8"))
    except (FileFormatError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: {error}; remove it to repeat that run") from error
