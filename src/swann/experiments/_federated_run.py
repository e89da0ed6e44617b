"""Federated runs of several networks, and what travelled in them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from torch import nn

from .._errors import FileFormatError, InvalidValueError
from .._files import write_text
from ..data import ImageData
from ..federated import Architecture, FederatedConfig, FederatedHistory, Partition, simulate
from ._compare import Factory, InterruptedRunError, slug

RoundProgress = Callable[[str, int, FederatedHistory], None]
"""Called after each round with: variant, seed, what was recorded so far."""


def run_federated(
    networks: Mapping[str, Factory],
    describe: Callable[[nn.Module], Architecture],
    data: ImageData,
    deal: Callable[[int], Partition],
    config: FederatedConfig,
    *,
    seeds: Sequence[int],
    directory: Path,
    n_workers: int = 1,
    on_round: RoundProgress | None = None,
) -> dict[str, list[FederatedHistory]]:
    """Train each network under each seed with the same clients and batches; they take turns.

    Checkpoints stay: with the same directory and more rounds, runs that were done go on.

    Args:
        networks: by name, each made from a seed.
        describe: returns what clients are told of a network.
        data: training images for the clients, test images for the server.
        deal: returns the clients' images for a seed.
        config: settings; the seed is replaced.
        seeds: one run of each network for each.
        directory: for histories and checkpoints; what was done before an interruption is not done again.
        n_workers: processes that clients run in.
        on_round: called after each round.

    Raises:
        InterruptedRunError: Ctrl-C; call again with the same directory to go on.
        FileFormatError: a file in the directory is damaged or of another run, or has fewer rounds and no checkpoint.
        InvalidValueError: a run has more rounds than are wanted.
    """
    directory.mkdir(exist_ok=True)
    histories: dict[str, list[FederatedHistory]] = {name: [] for name in networks}
    for seed in seeds:
        for name, create in networks.items():
            record = directory / f"history-{slug(name)}-{seed}.json"
            checkpoint = directory / f"checkpoint-{slug(name)}-{seed}.ckpt"
            if record.is_file():
                found = _read(record)
                if len(found.rounds) >= config.rounds or not checkpoint.is_file():
                    histories[name].append(_checked(found, config, record))
                    continue
            network = create(seed)
            report = None
            if on_round is not None:
                report = _reporter(on_round, name, seed)
            history = simulate(
                network,
                describe(network),
                data,
                deal(seed),
                replace(config, seed=seed),
                n_workers=n_workers,
                checkpoint=checkpoint,
                resume=checkpoint.is_file(),
                on_round=report,
            )
            if history.interrupted:
                raise InterruptedRunError(f"{name}, seed {seed}: stopped after an interrupt")
            write_text(record, history.to_json())
            histories[name].append(history)
    return histories


def traffic_markdown(histories: Mapping[str, Sequence[FederatedHistory]]) -> str:
    """Return a Markdown table of weights, bytes (down + up) and seconds of each network, means over its runs."""
    lines = [
        "| Variant | weights | rounds | kB a client and round | MB in all | client seconds | refused | missing |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, runs in histories.items():
        rounds = [each for run in runs for each in run.rounds]
        asked = sum(each.asked for each in rounds)
        down = sum(each.bytes_down for each in rounds) / max(asked, 1) / 1e3
        up = sum(each.bytes_up for each in rounds) / max(sum(each.answered for each in rounds), 1) / 1e3
        in_all = statistics.fmean(run.total_bytes for run in runs) / 1e6
        seconds = statistics.fmean(sum(each.client_seconds for each in run.rounds) for run in runs)
        refused, missing = sum(len(each.not_averaged) for each in rounds), sum(each.missing for each in rounds)
        lines.append(
            f"| {name} | {runs[0].n_parameters:,} | {len(rounds) / len(runs):g} | {down:,.1f} + {up:,.1f} | "
            f"{in_all:,.1f} | {seconds:,.1f} | {refused} | {missing} |"
        )
    return "\n".join([*lines, ""])


def _reporter(on_round: RoundProgress, name: str, seed: int) -> Callable[[FederatedHistory], None]:
    return lambda history: on_round(name, seed, history)


def _checked(found: FederatedHistory, config: FederatedConfig, path: Path) -> FederatedHistory:
    """Return a run that was done, if it has the rounds that are wanted or has come to the target error."""
    n_rounds, reached = len(found.rounds), found.rounds[-1].test_error if found.rounds else None
    if n_rounds > config.rounds:
        raise InvalidValueError(f"rounds: found {config.rounds}, but {path} has {n_rounds} already")
    if n_rounds < config.rounds and (config.target_error is None or reached is None or reached > config.target_error):
        raise FileFormatError(f"{path} has {n_rounds} rounds and no checkpoint to go on from; remove it to start anew")
    return found


def _read(path: Path) -> FederatedHistory:
    try:
        return FederatedHistory.from_json(path.read_text(encoding="utf-8"))
    except (FileFormatError, UnicodeDecodeError) as error:
        raise FileFormatError(f"{path}: {error}; remove it to repeat that run") from error
