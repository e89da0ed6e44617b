"""Which of the operations after a layer compiled code can do to maps in blocks, and what it does there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from ._finish import NORMS, pool_of
from ._hooks import has_hooks
from ._native_stages import SHARED_RULES, Form, Rules, fixed
from .kernels import MaxPool

Shape = tuple[int, ...]


def block_form(stage: nn.Module) -> Form | None:
    """Return what an operation does; None where compiled code cannot do it, or it has hooks."""
    find = _RULES.get(type(stage))
    if find is None or has_hooks(stage):
        return None
    return find(stage)


def _norm(stage: Any) -> Form | None:
    tracks, has_weight = tracks_statistics(stage), stage._parameters["weight"] is not None
    if tracks and stage.momentum is None:
        return None
    is_fixed = stage._buffers["running_mean"] is not None and not stage.training
    return "norm", stage, is_fixed, stage.eps, stage.momentum, tracks, has_weight


def tracks_statistics(norm: Any) -> bool:
    """Return whether a norm moves its running statistics."""
    return norm.training and norm.track_running_stats and norm._buffers["running_mean"] is not None


def _max_pool(stage: Any) -> Form | None:
    if stage.return_indices:
        return None
    windows = map(fixed, (stage.kernel_size, stage.stride, stage.padding, stage.dilation))
    return "max", stage, *windows, stage.ceil_mode


_RULES: Rules = {
    **SHARED_RULES,
    **dict.fromkeys(NORMS, _norm),
    **dict.fromkeys((nn.MaxPool1d, nn.MaxPool2d), _max_pool),
}


@dataclass(frozen=True)
class Step:
    """An operation that is done at once.

    Args:
        kind: a ReLU, a norm, a maximum pooling, or an averaging.
        size: spatial size of what it leaves.
        rectifies: whether a ReLU follows, which is done with it.
        norm: the norm.
        is_fixed: whether it goes by its running statistics.
        pool: the pooling.
    """

    kind: str
    size: Shape
    rectifies: bool = False
    norm: Any = None
    is_fixed: bool = False
    pool: MaxPool | None = None


@dataclass(frozen=True)
class LayerForm:
    """What is done to a layer's maps.

    Args:
        steps: the operations after it.
        is_flat: whether what they leave is flattened.
        threshold: how many of 2¹⁶ draws drop what flows in; None if nothing is dropped.
    """

    steps: tuple[Step, ...]
    is_flat: bool
    threshold: int | None


def block_steps(forms: Sequence[Form | None], size: Shape) -> tuple[list[Step], bool] | None:
    """Return the operations after a layer as steps, and whether what they leave is flattened.

    ReLUs are done with the norm before them, or with the pooling at whose side they stand. None where compiled code
    cannot do all of them.

    Args:
        forms: from `block_form`.
        size: spatial size of the layer's map.
    """
    steps: list[Step] = []
    is_flat = False
    for form in forms:
        if form is None or (is_flat and form[0] not in ("same", "rectify")):
            return None
        kind = form[0]
        if kind == "flat":
            is_flat = True
        elif kind == "rectify":
            if steps and steps[-1].kind in ("norm", "max"):
                steps[-1] = replace(steps[-1], rectifies=True)
            elif not steps or steps[-1].kind != "rectify":
                steps.append(Step("rectify", size))
        elif kind == "norm":
            steps.append(Step("norm", size, norm=form[1], is_fixed=form[2]))
        elif kind == "max":
            pool, size = pool_of(form[1], size)
            if pool is None:
                return None
            rectifies = bool(steps) and steps[-1].kind == "rectify"
            if rectifies:  # the same after the pooling, where there is less to do
                steps.pop()
            steps.append(Step("max", size, rectifies, pool=pool))
        elif kind == "mean":
            found = form[1] if isinstance(form[1], tuple) else (form[1],) * len(size)
            size = tuple(length if wanted is None else wanted for length, wanted in zip(size, found, strict=True))
            steps.append(Step("mean", size))
    return steps, is_flat
