"""Which of the operations after a layer compiled code can do, and the rows of a schedule that do them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from ._finish import NORMS
from ._hooks import is_listened_to
from .kernels import (
    Address,
    Axis,
    Row,
    ScheduleBuilder,
    StoredMap,
    adaptive_axis,
    normalise_row,
    pool_rows,
    rectify_row,
    strided_axis,
)

Form = tuple[Any, ...]
"""What an operation does, as far as compiled code depends on it; equal for operations that do the same."""


def stage_form(stage: nn.Module) -> Form | None:
    """Return what an operation does; None where compiled code cannot do it, or somebody listens to it."""
    find = _RULES.get(type(stage))
    if find is None or is_listened_to(stage):
        return None
    return find(stage)


def _norm(stage: Any) -> Form | None:
    weight, bias = (stage._parameters[name] is None for name in ("weight", "bias"))
    if stage.training or stage._buffers["running_mean"] is None:
        return None
    return "norm", stage, stage.eps, weight, bias


def _max_pool(stage: Any) -> Form | None:
    if stage.return_indices or stage.ceil_mode:
        return None
    return "max", *map(fixed, (stage.kernel_size, stage.stride, stage.padding, stage.dilation))


def fixed(number: Any) -> Any:
    """Return a module's number, or its numbers as a tuple."""
    return tuple(number) if isinstance(number, list) else number


def _mean(stage: Any) -> Form:
    return "mean", fixed(stage.output_size)


Rules = dict[type[nn.Module], Callable[[Any], Form | None]]
"""For each class what an operation does; None where compiled code cannot do it."""

SHARED_RULES: Rules = {
    nn.ReLU: lambda _: ("rectify",),
    nn.Identity: lambda _: ("same",),
    nn.Dropout: lambda stage: None if stage.training and stage.p else ("same",),
    nn.Flatten: lambda stage: ("flat",) if (stage.start_dim, stage.end_dim) == (1, -1) else None,
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d), _mean),
}
"""Those of a pass of any kind, which `swann.nn._block_stages` goes by too."""

_RULES: Rules = {
    **SHARED_RULES,
    **dict.fromkeys(NORMS, _norm),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d), _max_pool),
    nn.AdaptiveAvgPool3d: _mean,
}


@dataclass(frozen=True)
class Finished:
    """What has become of a layer's map: the rows that do it, the map, and whether it is flattened."""

    rows: tuple[Row, ...]
    map: StoredMap
    is_flat: bool = False


def stage_rows(
    builder: ScheduleBuilder, found: Finished, form: Form, statistics: tuple[Address, ...]
) -> Finished | None:
    """Return a layer's map after one more operation; None where compiled code cannot do it there.

    Args:
        builder: the schedule.
        found: the map so far.
        form: what the operation does.
        statistics: of a batch norm, see `normalise_row`.
    """
    kind, *numbers = form
    rows, source = list(found.rows), found.map
    if kind == "rectify":
        rows.append(rectify_row(source))
    elif found.is_flat and kind != "same":
        return None
    elif kind == "norm":
        rows.append(normalise_row(source, statistics, numbers[1]))
    elif kind in ("max", "mean"):
        axes = _axes(kind, source.size, numbers)
        more, source = pool_rows(builder, source, "max" if kind == "max" else "mean", axes)
        rows += more
    return Finished(tuple(rows), source, found.is_flat or kind == "flat")


def _axes(kind: str, size: tuple[int, ...], numbers: list[Any]) -> list[Axis]:
    """Return the windows of pooling along each axis."""
    of_axes = zip(*(_each(number, len(size)) for number in numbers), strict=True)
    if kind == "max":
        return [strided_axis(length, *of_axis) for length, of_axis in zip(size, of_axes, strict=True)]
    return [
        adaptive_axis(length, length if n_places is None else n_places)
        for length, (n_places,) in zip(size, of_axes, strict=True)
    ]


def _each(number: Any, n_axes: int) -> tuple[Any, ...]:
    return tuple(number) if isinstance(number, tuple) else (number,) * n_axes
