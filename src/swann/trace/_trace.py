import math
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from .._errors import TraceError
from ._chain import Chain, Layer, Pair, Shape, Stage
from ._kinds import KINDS
from ._main_path import WEIGHTED, Weighted, describe, main_path, map_input, weighted_module
from ._operations import MEANS, RESHAPES, describe_call, describe_module
from ._record import Record, record


def trace(model: nn.Module, example_inputs: torch.Tensor | tuple[torch.Tensor]) -> Chain:
    """Return the chain of convolutions and linear layers that a feed-forward network consists of.

    The shortcuts of ResNets are left out, as in the paper. The model, its mode and the random state stay untouched.

    Args:
        model: the network; it reads one tensor and returns one.
        example_inputs: a batch of inputs of shape `[batch, channels, *size]` or `[batch, features]`; only the first
            one is used.

    Returns:
        The layers and what lies between them.

    Raises:
        TraceError: the model is not such a chain; the message names the module or operation and the reason.

    >>> model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6, 10))
    >>> print(trace(model, torch.ones(1, 1, 5, 5)))
    input: 1×5×5
    0: 5×5 conv 1 → 6 → ReLU → Flatten
    3: linear on 1×1 maps 6 → 10
    """
    recorded = record(model, example_inputs)
    path, removed = main_path(recorded)
    first = map_input(path[0], recorded) if path else None
    if first is None or sum(weighted_module(node, recorded) is not None for node in path) < 2:
        raise TraceError(
            f"{type(model).__name__} has fewer than two convolution or linear layers in a chain; "
            "there is nothing to rewire between them"
        )
    builder = _ChainBuilder(recorded, recorded.shapes[first][1:], removed)
    for node in path:
        builder.add(node)
    return builder.finish()


class _ChainBuilder:
    """Collects layers, and what lies between them, along the main path."""

    def __init__(self, recorded: Record, input_shape: Shape, removed: list[str]) -> None:
        self.recorded = recorded
        self.input_shape = input_shape
        self.removed = tuple(removed)
        self.input_stages: list[Stage] = []
        self.layers: list[dict[str, Any]] = []
        self.stages = self.input_stages
        self.dropouts: list[Stage] = []
        self.map_shape = input_shape
        self.source_shape = input_shape
        self.flat = False
        self.called: set[str] = set()

    def add(self, node: fx.Node) -> None:
        module = weighted_module(node, self.recorded)
        if node.op == "call_module":
            self._refuse_sharing(node)
        if module is not None:
            self._add_layer(node, module)
            return
        for stage, shape in self._stages_of(node):
            kind = KINDS[stage.operation]
            if kind == "dropout":
                self.dropouts.append(stage)
            elif kind != "identity":
                self._add_stage(stage, shape, describe(node))

    def _add_stage(self, stage: Stage, shape: Shape, what: str) -> None:
        self.stages.append(stage)
        self.flat = self.flat or stage.operation == "Flatten"
        if not self.flat or not self.layers:  # flattened features of the input are nodes of their own
            self.map_shape = shape
        elif math.prod(shape) != math.prod(self.map_shape):
            raise TraceError(f"{what} changes the shape of a flattened map to {shape}, which has no channels")

    def finish(self) -> Chain:
        last = self._close()
        if self.dropouts:
            raise TraceError(
                f"dropout '{self.dropouts[0].name}' follows the last layer '{last}'; put it before the layer"
            )
        layers = tuple(Layer(**values) for values in self.layers)
        return Chain(self.input_shape, tuple(self.input_stages), self.source_shape, layers, self.removed)

    def _add_layer(self, node: fx.Node, module: Weighted) -> None:
        name = str(node.target)
        if parametrize.is_parametrized(module) or any(key.endswith(("_orig", "_g")) for key in module._parameters):
            raise TraceError(
                f"module '{name}' computes its weight from other parameters (weight norm, spectral norm, pruning); "
                "remove that first, for example with torch.nn.utils.parametrize.remove_parametrizations"
            )
        if type(module) not in WEIGHTED:
            raise TraceError(
                f"module '{name}' is a {type(module).__name__}, a subclass of a layer that may compute something else; "
                "use the layer of torch.nn itself"
            )
        self._close()
        output = self.recorded.shapes[node][1:]
        shape_before = self.map_shape
        values = {"name": name, "bias": module.bias is not None, "dropouts": tuple(self.dropouts), "size": output[1:]}
        if isinstance(module, nn.Linear):
            if len(output) != 1:
                raise TraceError(
                    f"linear layer '{name}' returns {output} for one input; it must read flat features: "
                    "add a Flatten before it"
                )
            values |= {"kind": "linear", "n_outputs": module.out_features, "kernel": shape_before[1:]}
            values |= {"stride": (), "padding": (), "dilation": (), "groups": 1, "padding_mode": "zeros"}
        else:
            values |= {"kind": "conv", "n_outputs": module.out_channels, "kernel": tuple(module.kernel_size)}
            values |= {"stride": tuple(module.stride), "padding": _padding(module), "dilation": tuple(module.dilation)}
            values |= {"groups": module.groups, "padding_mode": module.padding_mode}
        values["n_inputs"] = shape_before[0]
        self.layers.append(values)
        self.stages, self.dropouts = [], []
        self.map_shape, self.flat = output, False

    def _close(self) -> str:
        """End the layer at hand (or the input's stages) and return its name."""
        if not self.layers:
            self.source_shape = self.map_shape
            return "input"
        self.layers[-1] |= {"stages": tuple(self.stages), "map_shape": self.map_shape}
        return str(self.layers[-1]["name"])

    def _stages_of(self, node: fx.Node) -> list[tuple[Stage, Shape]]:
        """Return the stages that an operation is, each with the shape that it returns for one input."""
        source = map_input(node, self.recorded)
        before, after = self.recorded.shapes[source], self.recorded.shapes[node]
        what = describe(node)
        if node.op == "call_module":
            module = self.recorded.modules[str(node.target)]
            what += f" ({type(module).__name__})"
            stage = describe_module(module, str(node.target))
        elif node.target in RESHAPES:
            stage = Stage(node.name, "Flatten", {})
        elif node.target in MEANS:
            return _global_mean(node, before, after)
        else:
            stage = describe_call(node.target, *_without_map(node, source), node.name)
        if stage is None:
            raise TraceError(
                f"{what} is not an operation that can stand in a chain; known are convolutions, linear layers, norms, "
                "activations, poolings, paddings, dropout and flattening"
            )
        if KINDS[stage.operation] == "flatten":
            if len(after) != 2 or after[0] != before[0] or math.prod(before) != math.prod(after):
                raise TraceError(
                    f"{what} turns {before[1:]} into {after[1:]}; only flattening to features is understood"
                )
            return [(stage, after[1:])] if len(before) > 2 else []
        if KINDS[stage.operation] not in ("pool", "pad") and before != after:
            raise TraceError(f"{what} turns {before[1:]} into {after[1:]}; expected it to keep the shape")
        return [(stage, after[1:])]

    def _refuse_sharing(self, node: fx.Node) -> None:
        name = str(node.target)
        if name in self.called and any(True for _ in self.recorded.modules[name].parameters()):
            raise TraceError(
                f"module '{name}' is used more than once with the same weights; give each use a module of its own"
            )
        self.called.add(name)


def _global_mean(node: fx.Node, before: Shape, after: Shape) -> list[tuple[Stage, Shape]]:
    n_spatial = len(before) - 2
    dims: Any = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    dims = (dims,) if isinstance(dims, int) else tuple(dims) if isinstance(dims, (list, tuple)) else ()
    if n_spatial not in (1, 2, 3) or {dim % len(before) for dim in dims} != set(range(2, len(before))):
        raise TraceError(
            f"{describe(node)} is a mean over {dims}; only a mean over all spatial dimensions is understood"
        )
    pool = Stage(node.name, f"AdaptiveAvgPool{n_spatial}d", {"output_size": 1})
    pooled = [(pool, (before[1], *(1,) * n_spatial))]
    return pooled if len(after) > 2 else [*pooled, (Stage(node.name, "Flatten", {}), after[1:])]


def _without_map(node: fx.Node, source: fx.Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    kwargs = {key: value for key, value in node.kwargs.items() if value is not source}
    return tuple(value for value in node.args if value is not source), kwargs


def _padding(module: nn.Conv1d | nn.Conv2d | nn.Conv3d) -> tuple[Pair, ...]:
    """Return a convolution's padding before and after each dimension."""
    if module.padding == "valid":
        return ((0, 0),) * len(module.kernel_size)
    if module.padding == "same":
        totals = [dilation * (kernel - 1) for dilation, kernel in zip(module.dilation, module.kernel_size, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    return tuple((int(padding), int(padding)) for padding in module.padding)
