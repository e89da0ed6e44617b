"""The training that a client does in a round."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from typing import cast

import torch
from torch import Tensor, nn

from .._errors import InvalidValueError
from ..data import ImageData, batches, decoded
from ..train._evaluate import cross_entropy
from ..train._random import random_state_kept, seed_model
from ._config import LocalTraining


@dataclass(frozen=True)
class ClientData:
    """The training images that a client has.

    Args:
        data: the dataset, whose mean and standard deviation all clients share.
        rows: the client's images in it, int64; all of them if None.
    """

    data: ImageData
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.data.train_images) if self.rows is None else len(self.rows)

    def batches(self, size: int, *, seed: int, epoch: int, drop_last: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield its images, uint8, and labels as `swann.data.batches` does, looking up no others than are asked for."""
        rows = torch.arange(len(self)) if self.rows is None else self.rows
        for some, classes in batches(
            rows, self.data.train_labels[rows], size, seed=seed, epoch=epoch, drop_last=drop_last
        ):
            yield decoded(self.data.train_images[cast(Tensor, some)]), classes


@dataclass(frozen=True)
class Trained:
    """What the training of a client in a round came to.

    Args:
        loss: mean over its batches.
        steps: of the optimizer.
        seconds: it took.
    """

    loss: float
    steps: int
    seconds: float


def train_locally(
    network: nn.Module, own: ClientData, settings: LocalTraining, seed: int, proximal_mu: float = 0.0
) -> Trained:
    """Train a network in place on a client's images.

    In an epoch whose last batch would hold a single image, that image joins the batch before: batch norm needs two.

    Args:
        network: with the weights that were received.
        own: the client's images.
        settings: how long, in which batches, by which optimizer.
        seed: of the order of the images and of what is random in the network.
        proximal_mu: adds mu/2 ‖w − w_received‖² to the loss (FedProx, Li et al. 2020).

    Raises:
        InvalidValueError: the client has no image, or the network no weight.
    """
    n_images = len(own)
    if n_images == 0:
        raise InvalidValueError("the client has no training image")
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    received = [parameter.detach().clone() for parameter in weights] if proximal_mu else []
    optimizer = settings.optimizer.build(weights)
    size = min(settings.batch_size, n_images)
    alone = _is_last_alone(n_images, size)
    steps = settings.steps or (settings.epochs or 0) * (-(-n_images // size) - alone)
    source = (
        batch
        for epoch in count()
        for batch in _joined(own.batches(size, seed=seed, epoch=epoch, drop_last=settings.steps is not None), alone)
    )
    start, total = time.perf_counter(), 0.0
    network.train()
    with random_state_kept(torch.device("cpu")):
        seed_model(seed, torch.device("cpu"))
        for some, classes in islice(source, steps):
            optimizer.zero_grad()
            loss = cross_entropy(network(own.data.normalise(some)), classes)
            total += loss.item()
            if proximal_mu:
                loss = loss + proximal_mu / 2 * sum(
                    (now - before).square().sum() for now, before in zip(weights, received, strict=True)
                )
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return Trained(total / steps, steps, time.perf_counter() - start)


def _is_last_alone(n_images: int, size: int) -> bool:
    """Return whether the last batch of an epoch holds one image and others do not."""
    return n_images > size > 1 and n_images % size == 1


def _joined(found: Iterator[tuple[Tensor, Tensor]], is_last_alone: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches, the last one joined to the one before if it holds a single image."""
    if not is_last_alone:
        yield from found
        return
    before: tuple[Tensor, Tensor] | None = None
    for some, classes in found:
        if before is not None and len(classes) == 1:
            before = torch.cat([before[0], some]), torch.cat([before[1], classes])
            break
        if before is not None:
            yield before
        before = some, classes
    if before is not None:
        yield before
