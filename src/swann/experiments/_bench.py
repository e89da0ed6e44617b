import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from .._errors import InvalidValueError, SwannError
from ..convert import count_chain, count_dense_block, count_plan
from ..nn import DenseNetPlan, Plan, SmallWorldDenseNet, SmallWorldNetwork
from ..trace import Chain
from ._bench_result import Bench, Case, PeakMemory, Task
from ._bench_settings import BenchSettings
from ._bench_steps import Candidate, dense_candidates, random_data, twin_candidates
from ._peak_memory import PeakMemoryError, peak_memory

Progress = Callable[[int, int, str], None]
"""Called with: rounds done, rounds in all, what is measured."""

_TOLERANCES = {"32-true": 1e-5, "bf16-mixed": 0.1}
_WARM_UP = 2
_MOST_REPEATS = 1000


class UnequalOutputsError(SwannError, ArithmeticError):
    """Two forms of a network that must have the same outputs have different ones."""


def bench(
    model: nn.Module,
    twin: SmallWorldNetwork | SmallWorldDenseNet,
    settings: BenchSettings | None = None,
    *,
    name: str = "network",
    on_progress: Progress | None = None,
) -> Bench:
    """Measure a network and its small-world twin on the CPU: inference, a training step, peak memory.

    All networks of a case take turns, round after round, so that a slow spell of the machine falls on all of them.
    The dense network runs as PyTorch runs it best: with its weights and inputs as they come and `channels_last`, and
    compiled if the settings say so. A training step is forward, cross entropy, backward and SGD with momentum.

    Args:
        model: the dense network, whose outputs are of shape `[batch, classes]`; it stays as it is.
        twin: its small-world twin, which stays as it is too.
        settings: what to measure.
        name: of the network, for tables and pictures.
        on_progress: called before a case and after each of its rounds; the memory counts as a round.

    Returns:
        The samples. What could not be measured is named in `left_out`.

    Raises:
        InvalidValueError: the outputs are not of such a shape.
        UnequalOutputsError: outputs at inference differ by more than 1e-5 of the largest, 0.1 in bfloat16, between the
            forms of the dense network, or between the backends of the twin.
    """
    settings = settings or BenchSettings()
    shape = twin.plan.input_shape
    n_classes = _n_classes(model, shape)
    lowers = settings.precision == "bf16-mixed"
    dense = dense_candidates(model, len(shape) + 1, compiled=settings.compile, lowers=lowers)
    twins = twin_candidates(twin, settings.backends, lowers=lowers)
    wanted: list[tuple[Task, int, int]] = []
    for threads in settings.threads:
        wanted += [("inference", batch, threads) for batch in settings.batches]
        wanted.append(("training step", settings.train_batch, threads))
    total = len(wanted) * settings.rounds + settings.memory
    left_out: dict[str, str] = {}
    cases: list[Case] = []

    def report(number: int, remark: str) -> None:
        if on_progress is not None:
            on_progress(len(cases) * settings.rounds + number, total, remark)

    with _settled(settings.seed):
        for task, batch, threads in wanted:
            torch.set_num_threads(threads)
            data = random_data(shape, n_classes, batch, settings.seed)
            cases.append(_measure_case(task, threads, data, dense, twins, settings, left_out, report))
    memory = None
    if settings.memory:
        report(0, "peak memory of a training step")
        memory = _measure_memory(dense, twins, shape, n_classes, settings, left_out, report)
        report(1, "peak memory of a training step")
    return Bench(name, tuple(cases), memory, _multiplications(twin.plan), left_out)


def _multiplications(plan: Plan | DenseNetPlan) -> float:
    """Return the multiplications of a twin over those of the network that it comes from."""
    parts = (plan,) if isinstance(plan, Plan) else plan.parts
    return sum(count_plan(part).macs for part in parts) / sum(_dense_macs(part.chain) for part in parts)


def _dense_macs(chain: Chain) -> int:
    return count_dense_block(chain)[1] if chain.dense else count_chain(chain).macs


def _measure_case(
    task: Task,
    threads: int,
    data: tuple[Tensor, Tensor],
    dense: Mapping[str, Candidate],
    twins: Mapping[str, Candidate],
    settings: BenchSettings,
    left_out: dict[str, str],
    report: Callable[[int, str], None],
) -> Case:
    """Return the seconds of one case; a candidate that cannot be compiled joins those left out."""
    inputs, labels = data
    steps: dict[str, Callable[[], Tensor]] = {}
    label = f"{task}, batch {len(inputs)}"
    report(0, label)
    gc.collect()
    for candidates in (dense, twins):
        outputs: dict[str, Tensor] = {}
        for name, candidate in candidates.items():
            if name in left_out:
                continue
            try:
                step = candidate.inference(inputs) if task == "inference" else candidate.training(inputs, labels)
                outputs[name] = step()
            except Exception as error:
                if not candidate.compile:
                    raise
                left_out[name] = f"torch.compile fails here: {_first_line(error)}"
                continue
            steps[name] = step
        if task == "inference":
            check_equal(outputs, _TOLERANCES[settings.precision])
    repeats = {name: _repeats(step, settings.sample_seconds) for name, step in steps.items()}
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(settings.rounds):
        for name, step in steps.items():
            seconds[name].append(_seconds(step, repeats[name]))
        report(number + 1, label)
    if settings.compile:
        torch.compiler.reset()  # compiled code of this case is for its shape and threads alone
    families = [{name: tuple(seconds[name]) for name in family if name in seconds} for family in (dense, twins)]
    return Case(task, len(inputs), threads, *families)


def _measure_memory(
    dense: Mapping[str, Candidate],
    twins: Mapping[str, Candidate],
    shape: tuple[int, ...],
    n_classes: int,
    settings: BenchSettings,
    left_out: dict[str, str],
    report: Callable[[int, str], None],
) -> PeakMemory | None:
    threads, batch = max(settings.threads), settings.train_batch
    families: list[dict[str, int]] = []
    try:
        for candidates in (dense, twins):
            plain = {name: candidate for name, candidate in candidates.items() if not candidate.compile}
            found = {}
            for name, each in plain.items():
                report(0, f"peak memory of a training step, {name}")  # each takes seconds, in a process of its own
                found[name] = peak_memory(each, shape, n_classes, batch, threads)
            families.append(found)
    except PeakMemoryError as error:
        left_out["peak memory"] = str(error)
        return None
    return PeakMemory(batch, threads, *families)


def check_equal(outputs: Mapping[str, Tensor], tolerance: float) -> None:
    """Raise an `UnequalOutputsError` unless all outputs equal the first, up to a share of its largest number."""
    (first, reference), *others = outputs.items()
    scale = float(reference.abs().max())
    for name, output in others:
        deviation = float((output - reference).abs().max()) / (scale or 1.0)
        if not deviation <= tolerance:  # also where it is NaN
            raise UnequalOutputsError(
                f"{name}: its outputs differ from those of '{first}' by {deviation:.1g} of the largest, "
                f"{tolerance:g} at most was expected; nothing is timed, for the results would not be the same"
            )


def _n_classes(model: nn.Module, shape: tuple[int, ...]) -> int:
    candidate = Candidate(model)
    outputs = candidate.inference(torch.zeros(1, *shape))()
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        found = list(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise InvalidValueError(f"bench: expected outputs of shape [batch, classes], found {found} for one input")
    return outputs.shape[1]


def _repeats(step: Callable[[], Tensor], sample_seconds: float) -> int:
    """Warm up and return how many calls last about so long."""
    for _ in range(_WARM_UP):
        seconds = _seconds(step, 1)
    return min(max(math.ceil(sample_seconds / seconds), 1), _MOST_REPEATS)


def _seconds(step: Callable[[], Tensor], repeats: int) -> float:
    """Return the seconds of one call; several begin with one that is not timed, which refills the caches."""
    if repeats > 1:
        step()
    start = time.perf_counter()
    for _ in range(repeats):
        step()
    return (time.perf_counter() - start) / repeats


@contextmanager
def _settled(seed: int) -> Iterator[None]:
    """Seed what is random in the block and collect no garbage; leave both and the threads as they were."""
    threads, collecting = torch.get_num_threads(), gc.isenabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        gc.collect()
        gc.disable()
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            if collecting:
                gc.enable()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
