"""Test error and loss of a model."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from .._errors import InvalidValueError
from ..data import ImageData, read_ahead
from ._one_process import OneProcess

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_LEAST_BATCH = 256


@torch.no_grad()
def evaluate(
    fabric: "Fabric | OneProcess",
    model: nn.Module,
    data: ImageData,
    batch_size: int,
    stop: Callable[[], bool] = lambda: False,
    *,
    least: int | None = None,
) -> tuple[float, float] | None:
    """Return the test error (a fraction) and the mean test loss; each process looks at its own share of the images.

    Args:
        fabric: launched; a `OneProcess` does too.
        model: itself, not its wrapper: processes may have different numbers of batches, so none may wait for another.
        data: its test images are used.
        batch_size: of training; a hint.
        stop: asked before each batch; ends the evaluation without a result.
        least: images a batch at least; 256 if None, for without gradients there is room for more than in training.

    Returns:
        Error and loss, the same on every process; None if `stop` said so.
    """
    _share_buffers(fabric, model)
    training = model.training
    model.eval()
    images = data.test_images[fabric.global_rank :: fabric.world_size]
    labels = data.test_labels[fabric.global_rank :: fabric.world_size]
    size = max(batch_size // fabric.world_size, _LEAST_BATCH if least is None else least)
    wrong, loss = 0, 0.0
    try:
        starts = range(0, len(images), size)
        parts = ((images[start : start + size], labels[start : start + size], None) for start in starts)
        for some, expected in read_ahead(parts, depth=1):
            if stop():
                return None
            batch = data.normalise(some.to(fabric.device))
            target = expected.to(fabric.device)
            with fabric.autocast():
                logits = model(batch.to(floating_type(model)))
            loss += cross_entropy(logits, target, reduction="sum").item()
            wrong += int((logits.argmax(dim=1) != target).sum())
    finally:
        model.train(training)
    if fabric.world_size > 1:
        sums = torch.tensor([wrong, loss], dtype=torch.float64, device=fabric.device)
        torch.distributed.all_reduce(sums)
        wrong, loss = round(sums[0].item()), sums[1].item()
    count = len(data.test_images)
    return wrong / count, loss / count


def cross_entropy(logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    """Return the cross-entropy, computed in float32 at least.

    Args:
        logits: [N, classes].
        labels: int64, [N].
        reduction: 'mean' or 'sum'.

    Raises:
        InvalidValueError: the model gave another shape.
    """
    if logits.ndim != 2 or len(logits) != len(labels):
        raise InvalidValueError(
            f"output of the model: expected one score a class for each image, of shape [{len(labels)}, classes], "
            f"found {list(logits.shape)}"
        )
    wide = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    return functional.cross_entropy(wide, labels, reduction=reduction)


def floating_type(model: nn.Module) -> torch.dtype:
    """Return the type that the model's weights have, which its inputs must have too."""
    for parameter in model.parameters():
        if parameter.is_floating_point():
            return parameter.dtype
    return torch.float32


def _share_buffers(fabric: "Fabric | OneProcess", model: nn.Module) -> None:
    """Give every process the first one's running statistics, which DDP does only before a training step."""
    if fabric.world_size > 1:
        for buffer in model.buffers():
            if buffer.is_floating_point():
                torch.distributed.broadcast(buffer, src=0)
