"""Modules that have to be called, because somebody listens to them, and cannot be computed in another way."""

from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.modules import module as modules
from torch.utils.hooks import RemovableHandle

_HEARING = frozenset(("forward", "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"))


class Heard(nn.Module):
    """A module of which there are many, and which kernels do not call: whether somebody listens need not be looked up.

    `hearing` is another number as soon as somebody may have begun to.
    """

    n_set: ClassVar[int] = 0

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _HEARING:
            Heard.n_set += 1
        super().__setattr__(name, value)


def hearing() -> tuple[int, int, bool]:
    """Return what is equal in two passes if no hook was registered, and none set, on a module of ours between them."""
    return RemovableHandle.next_id, Heard.n_set, torch.is_grad_enabled()


def is_listened_to(stage: nn.Module) -> bool:
    """Return whether a stage has to be called where there are no gradients, but for hooks on all modules.

    Somebody listens to it, or has given it a forward of its own.
    """
    return bool(stage._forward_hooks or stage._forward_pre_hooks or "forward" in stage.__dict__)


def has_hooks(stage: nn.Module) -> bool:
    """Return whether a stage has to be called: for what `is_listened_to` says, or its gradients."""
    return is_listened_to(stage) or bool(stage._backward_hooks or stage._backward_pre_hooks)


def all_listened_to(attributes: list[dict[str, Any]]) -> list[int]:
    """Return the places of the modules that have to be called in this pass, given the attributes of each."""
    found = [
        place
        for place, each in enumerate(attributes)  # in each pass: attributes of modules take twice as long
        if each["_forward_hooks"] or each["_forward_pre_hooks"] or "forward" in each
    ]
    if not found and torch.is_grad_enabled():
        found = [
            place for place, each in enumerate(attributes) if each["_backward_hooks"] or each["_backward_pre_hooks"]
        ]
    return found


def has_global_hooks() -> bool:
    """Return whether somebody listens to all modules in this pass."""
    if modules._global_forward_hooks or modules._global_forward_pre_hooks:
        return True
    return torch.is_grad_enabled() and bool(modules._global_backward_hooks or modules._global_backward_pre_hooks)
