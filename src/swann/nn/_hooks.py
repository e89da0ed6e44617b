"""Modules that have to be called, because somebody listens to them, and cannot be computed in another way."""

from torch import nn
from torch.nn.modules import module as modules


def is_listened_to(stage: nn.Module) -> bool:
    """Return whether a stage has to be called where there are no gradients, but for hooks on all modules.

    Somebody listens to it, or has given it a forward of its own.
    """
    return bool(stage._forward_hooks or stage._forward_pre_hooks or "forward" in stage.__dict__)


def has_hooks(stage: nn.Module) -> bool:
    """Return whether a stage has to be called: for what `is_listened_to` says, its gradients, or all modules."""
    of_gradients = stage._backward_hooks or stage._backward_pre_hooks
    return is_listened_to(stage) or bool(of_gradients) or modules._has_any_global_hook()  # type: ignore[no-untyped-call]


def has_global_hooks() -> bool:
    """Return whether somebody listens to all modules where there are no gradients."""
    return bool(modules._global_forward_hooks or modules._global_forward_pre_hooks)
