"""The networks that `bench` compares, and what it times of each."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import SmallWorldDenseNet, SmallWorldNetwork
from ..nn._network import Backend

_LEARNING_RATE = 1e-4
"""Small, so that many steps on the same batch leave numbers of ordinary size."""

_CHANNELS_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}
"""By the number of dimensions of the inputs."""


@dataclass(frozen=True)
class Candidate:
    """A network in one of its forms.

    Args:
        network: left as it is; steps work on copies.
        memory_format: of weights and inputs.
        compile: compile it with `torch.compile`.
        lowers: run its forward pass under autocast to bfloat16.
    """

    network: nn.Module
    memory_format: torch.memory_format = torch.contiguous_format
    compile: bool = False
    lowers: bool = False

    def inference(self, inputs: Tensor) -> Callable[[], Tensor]:
        """Return a function that computes the network's outputs for inputs, without gradients."""
        # freezing lets the compiler fold norms and lay out weights beforehand
        network = self._copy(freezing=True).eval()
        inputs = inputs.contiguous(memory_format=self.memory_format)

        def step() -> Tensor:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=self.lowers):
                outputs: Tensor = network(inputs)
                return outputs

        return step

    def training(self, inputs: Tensor, labels: Tensor) -> Callable[[], Tensor]:
        """Return a function that does a training step on inputs and labels."""
        inputs = inputs.contiguous(memory_format=self.memory_format)
        return training_step(self._copy(freezing=False), inputs, labels, lowers=self.lowers)

    def _copy(self, *, freezing: bool) -> nn.Module:
        network = copy.deepcopy(self.network)
        if self.memory_format is not torch.contiguous_format:
            network = network.to(memory_format=self.memory_format)
        if not self.compile:
            return network
        compiled: nn.Module = torch.compile(network, dynamic=False, options={"freezing": freezing})  # type: ignore[assignment]
        return compiled


def training_step(network: nn.Module, inputs: Tensor, labels: Tensor, *, lowers: bool = False) -> Callable[[], Tensor]:
    """Return a function that does a step of SGD with momentum on a network and returns the loss before it.

    Args:
        network: put in training mode and trained.
        inputs: of shape `[batch, *size]`.
        labels: of shape `[batch]`, classes.
        lowers: run the forward pass under autocast to bfloat16.
    """
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), lr=_LEARNING_RATE, momentum=0.9, fused=True)

    def step() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=lowers):
            loss = F.cross_entropy(network(inputs), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    return step


def dense_candidates(
    model: nn.Module, n_dimensions: int, *, compiled: bool, lowers: bool = False
) -> dict[str, Candidate]:
    """Return the forms of a dense network by name; the first is the network as it comes.

    Args:
        model: the network.
        n_dimensions: of its inputs, with the batch.
        compiled: whether to have the compiled forms too.
        lowers: see `Candidate`.
    """
    found = {"baseline": Candidate(model, lowers=lowers)}
    if n_dimensions in _CHANNELS_LAST:
        found["baseline channels_last"] = Candidate(model, _CHANNELS_LAST[n_dimensions], lowers=lowers)
    if compiled:
        more = {f"{name} compiled": (each.network, each.memory_format) for name, each in found.items()}
        found |= {name: Candidate(*parts, compile=True, lowers=lowers) for name, parts in more.items()}
    return found


def twin_candidates(
    twin: SmallWorldNetwork | SmallWorldDenseNet, backends: tuple[Backend, ...], *, lowers: bool = False
) -> dict[str, Candidate]:
    """Return copies of a small-world network by the backends that they run on."""
    return {
        f"twin {backend}": Candidate(copy.deepcopy(twin).use_backend(backend), lowers=lowers) for backend in backends
    }


def random_data(shape: tuple[int, ...], n_classes: int, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return normally distributed inputs of shape `[batch, *shape]` and labels of shape `[batch]`."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, *shape, generator=generator), torch.randint(n_classes, (batch,), generator=generator)
