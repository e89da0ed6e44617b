"""Recording a model's operations and the shapes that pass between them, on a copy of the model."""

import copy
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from .._errors import TraceError
from ._chain import Shape

BATCH = 2  # more than 1, so that an operation on the batch is seen as one


_OF_DIMS = {
    1: (nn.Conv1d, nn.ConvTranspose1d),
    2: (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d),
    3: (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d),
}
"""Modules that read maps of so many spatial dimensions."""


@dataclass(frozen=True)
class Record:
    """The operations of a model as an fx graph, its modules (copies), and each node's shape."""

    graph: fx.Graph
    modules: dict[str, nn.Module]
    shapes: dict[fx.Node, Shape]


def record(model: Any, example_inputs: Any) -> Record:
    """Record what `model` does with one input; the model, its mode and the random state stay untouched.

    Raises:
        TraceError: the model is no module, the inputs are no tensor with a batch, the model cannot be copied, its
            control flow depends on the data, or it does not run on the inputs.
    """
    if not isinstance(model, nn.Module):
        hint = f"; make one: {model.__name__}(…)" if isinstance(model, type) else ""
        raise TraceError(f"the model must be a torch.nn.Module, got {type(model).__name__}{hint}")
    example = _single_tensor(example_inputs)
    what = type(model).__name__
    try:
        duplicate = copy.deepcopy(model)
    except Exception as error:
        raise TraceError(
            f"{what} cannot be copied, which tracing needs to leave it untouched: {_line(error)}"
        ) from error
    try:
        traced = fx.symbolic_trace(duplicate.train())
    except Exception as error:
        raise TraceError(
            f"{what} is not a fixed sequence of operations: {_line(error)}; "
            "only networks whose control flow does not depend on the data can be rewired"
        ) from error
    traced.eval()
    recorder = _ShapeRecorder(traced, example.shape)
    batch = example[:1].expand(BATCH, *example.shape[1:]).detach().clone()
    with torch.random.fork_rng(), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the model's own run will show them
        recorder.run(batch)
    return Record(traced.graph, dict(traced.named_modules()), recorder.shapes)


class _ShapeRecorder(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, example: torch.Size) -> None:
        super().__init__(module)
        self.example = example
        self.extra_traceback = False
        self.shapes: dict[fx.Node, Shape] = {}

    def run_node(self, n: fx.Node) -> Any:
        self._refuse_single_sample(n)
        try:
            result = super().run_node(n)
        except Exception as error:
            inputs = ", ".join(str(self.shapes[node]) for node in n.all_input_nodes if node in self.shapes)
            raise TraceError(
                f"the model does not run on the example inputs: {n.target} fails on {inputs or 'them'}: {_line(error)}"
            ) from error
        if isinstance(result, Tensor):
            self.shapes[n] = tuple(result.shape)
        return result

    def _refuse_single_sample(self, n: fx.Node) -> None:
        """Raise TraceError where a convolution, or a norm of its kind, would take the batch for a single sample."""
        module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        n_dims = next((number for number, kinds in _OF_DIMS.items() if isinstance(module, kinds)), None)
        read = next((len(self.shapes[node]) for node in n.all_input_nodes if node in self.shapes), None)
        if n_dims is not None and read == len(self.example) == n_dims + 1:
            raise TraceError(
                f"example inputs must have a batch first, of shape [batch, channels, *size]; got {list(self.example)} "
                f"for module '{n.target}' ({type(module).__name__}): use example_inputs[None]"
            )


def _single_tensor(example_inputs: Any) -> Tensor:
    if isinstance(example_inputs, (tuple, list)) and len(example_inputs) == 1:
        example_inputs = example_inputs[0]
    if not isinstance(example_inputs, Tensor):
        raise TraceError(f"example inputs must be one tensor with a batch first, got {type(example_inputs).__name__}")
    if example_inputs.ndim < 2 or example_inputs.numel() == 0:
        raise TraceError(
            f"example inputs must have a batch, channels or features and no empty dimension, "
            f"got shape {tuple(example_inputs.shape)}"
        )
    if not example_inputs.is_floating_point():
        raise TraceError(f"example inputs must be of a floating-point type, got {example_inputs.dtype}; use .float()")
    return example_inputs


def _line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
