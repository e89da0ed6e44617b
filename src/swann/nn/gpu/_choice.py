from __future__ import annotations

import statistics
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ._compiled import has_triton
from ._inflow import FORMS, Form, can_use_blocks, prepare
from ._kept import keep_form, kept_form
from ._precision import convolution_precision, product_precision

if TYPE_CHECKING:
    from .._network import SmallWorldLayer

_ROUNDS, _WARM_UP = 7, 3
_EXACT, _ROUNDED = 1e-4, 2e-2
"""How far forms may differ, of a map's largest number; the second where numbers are rounded before multiplications."""

_OF_GRADIENTS = 5
"""How many times as far gradients may differ, which are sums over all places."""

Maps = Sequence[Tensor | None]
Clock = Callable[[Callable[[], object]], float]
"""Runs a step and returns the seconds that it took on its device."""


def fastest_form(layer: SmallWorldLayer, maps: Maps, clock: Clock | None = None) -> Form:
    """Return the form in which a layer is computed fastest on the maps' GPU.

    The first time that a layer meets maps of some size and type, with or without gradients, all forms are timed on
    them, which takes a moment; what was found is kept beside the calibration of the CPU. Where nothing can be timed,
    under `torch.compile` and while a CUDA graph is recorded, a layer keeps the form that it had last, and is masked if
    it had none.

    Args:
        layer: a layer.
        maps: of all earlier layers.
        clock: how a step is timed; by CUDA's events if None.
    """
    training = torch.is_grad_enabled()
    if torch.compiler.is_compiling():
        return layer.last_form.get(training, "masked")
    if not layer.sources:
        return "masked"
    sources = [cast(Tensor, maps[source]) for source in layer.sources]
    device, batch = sources[0].device, len(sources[0])
    lower = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else None
    key = device, batch, training, sources[0].dtype, lower
    form = layer.forms.get(key)
    if form is None and batch:
        recording = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        if not recording:
            form = layer.forms[key] = _kept_or_measured(layer, maps, sources, key[2:], clock or _seconds)
    if form is None:
        return layer.last_form.get(training, "masked")
    layer.last_form[training] = form
    return form


def _kept_or_measured(
    layer: SmallWorldLayer, maps: Maps, sources: Sequence[Tensor], about: tuple[Any, ...], clock: Clock
) -> Form:
    """Return the form that was found to be the fastest, now or before; masked where memory does not suffice to see."""
    forms: list[Form] = ["masked", "joined"]
    if has_triton() and can_use_blocks(layer, maps):
        forms.append("blocks")
    for form in forms:
        prepare(layer, form)
    links = [(len(link.weight), link.weight.dtype, *link.mask.shape) for _, link in layer.each_link()]
    given = [(*source.shape, source.stride(), source.requires_grad) for source in sources]
    cudnn = torch.backends.cudnn
    settings = convolution_precision(), product_precision(), cudnn.benchmark, cudnn.deterministic
    case = (*about, *settings, forms, layer.flat_shapes, layer.size, links, given, layer.layout)
    kept = kept_form(sources[0].device, case)
    if kept is not None:
        return kept
    try:
        seconds = measure_forms(layer, maps, forms, clock)
    except torch.OutOfMemoryError:
        return "masked"
    fastest = min(seconds, key=lambda form: seconds[form])
    keep_form(sources[0].device, case, fastest)
    return fastest


def measure_forms(layer: SmallWorldLayer, maps: Maps, forms: Sequence[Form], clock: Clock) -> dict[Form, float]:
    """Return the median seconds of each form of a layer, taken in turn; with gradients a backward pass is part of it.

    A form that fails, or whose result or gradients are not those of the first one, is left out with a warning.
    """
    training = torch.is_grad_enabled()
    detached = [None if given is None else given.detach().requires_grad_(given.requires_grad) for given in maps]
    weights = [parameter for parameter in layer.links.parameters() if parameter.requires_grad]
    sources = [cast(Tensor, detached[source]) for source in layer.sources]
    operands = [*(source for source in sources if source.requires_grad), *weights]

    def step(form: Form) -> list[Tensor]:
        result = FORMS[form](layer, list(detached), lambda given: given)
        if not training or not operands:
            return [result]
        return [result, *torch.autograd.grad(result, operands, torch.ones_like(result))]

    usable = list(forms)
    expected = step(forms[0])
    for form in forms[1:]:
        try:
            fault = _fault(step(form), expected)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            fault = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        if fault:
            warnings.warn(
                f"form '{form}' of a small-world layer is left out on {expected[0].device}: {fault}", stacklevel=2
            )
            usable.remove(form)
    taken: dict[Form, list[float]] = {form: [] for form in usable}
    for number in range(_WARM_UP + _ROUNDS):
        for form in usable:
            seconds = clock(lambda form=form: step(form))  # type: ignore[misc]
            if number >= _WARM_UP:  # kernels are compiled and chosen at their first use
                taken[form].append(seconds)
    return {form: statistics.median(found) for form, found in taken.items()}


def _fault(found: Sequence[Tensor], expected: Sequence[Tensor]) -> str:
    """Return what is wrong with a result and gradients; nothing if they are near enough, or should not be finite."""
    is_half = expected[0].dtype in (torch.float16, torch.bfloat16)
    rounded = is_half or "tf32" in (convolution_precision(), product_precision())
    allowed = _ROUNDED if rounded else _EXACT
    for number, (left, right) in enumerate(zip(found, expected, strict=True)):
        left, right = left.detach().float(), right.detach().float()
        if not right.numel() or not right.isfinite().all():
            continue
        largest, difference = float(right.abs().max()), float((left - right).abs().max())
        if not difference <= allowed * largest * (_OF_GRADIENTS if number else 1):
            what = "a gradient" if number else "its result"
            return f"{what} is {difference:.2g} from that of masked products, whose largest number is {largest:.2g}"
    return ""


def _seconds(step: Callable[[], object]) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    start.record()
    step()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1e3
