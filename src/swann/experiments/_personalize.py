"""Fine-tuning a network on a user's own images, under a ceiling of memory."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from .._errors import InvalidValueError
from ..data import ImageData
from ..nn import SmallWorldDenseNet, SmallWorldLayer, SmallWorldNetwork
from ..train import History, TrainingConfig, fit, launch
from ..train._evaluate import evaluate
from ..train._run import Progress
from ._bench_steps import Candidate
from ._peak_memory import peak_memory, resident_bytes

Network = SmallWorldNetwork | SmallWorldDenseNet

_MARGIN = 0.95
"""Of the ceiling is used: the measurement is of one process, the training happens in another."""

_LEAST_PART = 2
"""Images: batch norm needs two."""


@dataclass(frozen=True)
class Personalized:
    """What fine-tuning came to.

    Args:
        before: test error of the network as it came, a fraction.
        after: test error afterwards.
        train_images: that it was trained on.
        test_images: that it was measured on.
        training_seconds: of training steps.
        elapsed_seconds: of everything, evaluations too.
        part: images that are computed at a time.
        peak_bytes: the most resident memory that the process had, libraries and images too.
        limit_bytes: the ceiling; None without one.
        history: of the training.
    """

    before: float
    after: float
    train_images: int
    test_images: int
    training_seconds: float
    elapsed_seconds: float
    part: int
    peak_bytes: int
    limit_bytes: int | None
    history: History

    @property
    def is_within(self) -> bool:
        """Whether the ceiling was kept."""
        return self.limit_bytes is None or self.peak_bytes <= self.limit_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, without the history."""
        values = asdict(replace(self, history=History(())))
        return {name: value for name, value in values.items() if name != "history"}

    def __str__(self) -> str:
        limit = "" if self.limit_bytes is None else f" of {self.limit_bytes / 1e6:,.0f} MB allowed"
        return (
            f"accuracy {1 - self.before:.2%} before, {1 - self.after:.2%} after, on {self.test_images:,} images; "
            f"trained on {self.train_images:,} images in {self.training_seconds:.1f} s "
            f"({self.elapsed_seconds:.1f} s in all), {self.part} at a time; "
            f"peak memory {self.peak_bytes / 1e6:,.0f} MB{limit}"
        )


def personalize(
    network: Network,
    data: ImageData,
    config: TrainingConfig,
    *,
    layers: str = "all",
    memory_limit: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    on_progress: Progress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> Personalized:
    """Fine-tune a network in place, and measure it before and after.

    Under a ceiling the batch is computed in parts (`TrainingConfig.accumulate`), the largest that fit: the memory of a
    training step is measured in a process of its own for two sizes, and grows evenly between and beyond them. Batch
    norm then uses the statistics of each part.

    Args:
        network: trained in place.
        data: images of the size and channels that it reads, of no more classes than it tells apart.
        config: the settings.
        layers: 'all', or 'last' to leave the weights of all other layers as they are.
        memory_limit: the ceiling for the resident memory of this process, in bytes.
        checkpoint: file from which an interrupted run can go on.
        resume: go on from it.
        on_progress: called after each iteration.
        on_note: called with what was decided.

    Raises:
        InvalidValueError: the images do not fit the network, or training does not fit under the ceiling.
        PeakMemoryError: the memory of a step cannot be measured here.
    """
    _check(network, data)
    start = time.perf_counter()
    parts = config.accumulate
    if layers == "last":
        _freeze_all_but_last(network)
    fabric = launch(config)  # imports Lightning: before memory is measured
    if memory_limit is not None:
        part, needed = _largest_part(network, data, config.batch_size, memory_limit)
        parts = config.batch_size // part
        if on_note is not None:
            on_note(f"{part} of {config.batch_size} images at a time: about {needed / 1e6:,.0f} MB")
        config = replace(config, accumulate=parts)
    found = evaluate(
        fabric, network, data, config.batch_size // parts, least=None if parts == 1 else config.batch_size // parts
    )
    before = 1.0 if found is None else found[0]
    history = fit(network, data, config, checkpoint=checkpoint, resume=resume, on_progress=on_progress, fabric=fabric)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    last = history.evaluations[-1] if history.evaluations else None
    return Personalized(
        before=before,
        after=last.test_error if last else before,
        train_images=len(data.train_images),
        test_images=len(data.test_images),
        training_seconds=last.training_seconds if last else 0.0,
        elapsed_seconds=time.perf_counter() - start,
        part=config.batch_size // parts,
        peak_bytes=peak_resident_bytes(),
        limit_bytes=memory_limit,
        history=history,
    )


def peak_resident_bytes() -> int:
    """Return the most resident memory that this process has had."""
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else 1024 * found


def _check(network: Network, data: ImageData) -> None:
    shape = tuple(network.plan.input_shape)
    if shape != data.input_shape:
        raise InvalidValueError(
            f"the network reads images of {_by(shape)}, {data.name} has {_by(data.input_shape)}; "
            f"give another --image-size"
        )
    with torch.no_grad():
        outputs = network.eval()(torch.zeros(1, *shape)).shape[1]
    if data.n_classes > outputs:
        raise InvalidValueError(
            f"{data.name} has {data.n_classes} classes, the network tells {outputs} apart; "
            f"leave classes out, or train a network for {data.n_classes} with swann train"
        )


def _freeze_all_but_last(network: Network) -> None:
    layers = [module for module in network.modules() if isinstance(module, SmallWorldLayer)]
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    for parameter in layers[-1].parameters():
        parameter.requires_grad_(True)


def _largest_part(network: Network, data: ImageData, batch_size: int, limit: int) -> tuple[int, int]:
    """Return the largest part of a batch that fits under the ceiling, and the bytes that the process then needs."""
    held, peak = resident_bytes(), peak_resident_bytes()
    taken = f"the program, the network and the images take {max(held, peak) / 1e6:,.0f} MB already"
    if max(held, peak) >= limit:
        raise InvalidValueError(f"memory_limit: {taken}, {limit / 1e6:,.0f} MB are allowed")
    candidate, threads = Candidate(network), torch.get_num_threads()
    small, large = _LEAST_PART, max(_LEAST_PART * 4, min(batch_size, 32))
    of_small, of_large = (
        peak_memory(candidate, data.input_shape, data.n_classes, part, threads) for part in (small, large)
    )
    slope = max(0.0, (of_large - of_small) / (large - small))

    def needed(part: int) -> int:
        return max(peak, round(held + of_small + slope * (part - small)))

    fitting = [part for part in _divisors(batch_size) if needed(part) <= _MARGIN * limit]
    if not fitting:
        least = min(_divisors(batch_size))
        raise InvalidValueError(
            f"memory_limit: training {least} images at a time needs about {needed(least) / _MARGIN / 1e6:,.0f} MB "
            f"({taken}), {limit / 1e6:,.0f} MB are allowed"
        )
    return max(fitting), needed(max(fitting))


def _divisors(batch_size: int) -> list[int]:
    found = [part for part in range(_LEAST_PART, batch_size + 1) if batch_size % part == 0]
    return found or [batch_size]


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))
