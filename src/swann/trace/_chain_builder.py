import math
from dataclasses import replace
from typing import Any

from torch import fx, nn
from torch.nn.utils import parametrize

from .._errors import TraceError
from ._chain import Chain, Layer, Pair, Shape, Stage
from ._dense_block import DenseBlock
from ._kinds import KINDS
from ._nodes import WEIGHTED, Weighted, describe, map_input, weighted_module
from ._operations import MEANS, RESHAPES, describe_call, describe_module, unknown_operation
from ._record import Record


class ChainBuilder:
    """Collects layers, and what lies between them, along the main path.

    Args:
        recorded: the record of the model.
        input_shape: the shape of what the chain reads, without the batch.
        called: the modules that were met so far; those that this builder meets are added.
    """

    def __init__(self, recorded: Record, input_shape: Shape, called: set[str]) -> None:
        self.recorded = recorded
        self.input_shape = input_shape
        self.input_stages: list[Stage] = []
        self.layers: list[dict[str, Any]] = []
        self.stages = self.input_stages
        self.dropouts: list[Stage] = []
        self.map_shape = input_shape
        self.source_shape = input_shape
        self.flat = False
        self.called = called

    def add(self, node: fx.Node) -> None:
        """Add an operation of the main path."""
        module = weighted_module(node, self.recorded)
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

    def add_dense(self, block: DenseBlock) -> None:
        """Add the layers of a dense block, each but the first one reading the one before it alone.

        The operations before a convolution act on what it reads, so in the chain they follow the layer before, on its
        channels alone; the last layer is followed by such as stand before it.
        """
        for number, operations in enumerate(block.layers):
            for node in operations:
                if number == 0 or weighted_module(node, self.recorded) is not None:
                    self.add(node)
                else:
                    self._refuse_sharing(node)
                    self._add_narrowed(node)
            if self.dropouts:
                raise TraceError(
                    f"dropout '{self.dropouts[0].name}' follows a convolution of a dense block, and acts on what the "
                    "block hands on; put it before the convolution, or leave it out"
                )
        for node in block.layers[-1]:
            if weighted_module(node, self.recorded) is not None:
                break
            self._add_narrowed(node)
        self.dropouts = []

    def _add_narrowed(self, node: fx.Node) -> None:
        """Add an operation on joined maps as one on the map at hand."""
        for stage, shape in self._stages_of(node):
            kind = KINDS[stage.operation]
            if kind == "dropout":
                self.dropouts.append(stage)
            elif kind in ("activation", "norm"):
                narrowed = _narrowed(stage, self.map_shape[0])
                self._add_stage(narrowed, (self.map_shape[0], *shape[1:]), describe(node))
            elif kind != "identity":
                raise TraceError(
                    f"{describe(node)} ({stage.operation}) stands in a dense block; expected norms, activations and "
                    "dropout before each convolution"
                )

    def finish(self, removed: tuple[str, ...] = (), *, dense: bool = False) -> Chain:
        """Return the chain of what was added."""
        last = self._close()
        if self.dropouts:
            raise TraceError(
                f"dropout '{self.dropouts[0].name}' follows the last layer '{last}'; put it before the layer"
            )
        layers = tuple(Layer(**values) for values in self.layers)
        return Chain(self.input_shape, tuple(self.input_stages), self.source_shape, layers, removed, dense)

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
            raise unknown_operation(what)
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
        if node.op != "call_module":
            return
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


def _narrowed(stage: Stage, channels: int) -> Stage:
    """Return a norm or activation of joined maps for a map of some channels."""
    arguments = stage.arguments
    if "num_features" in arguments:
        return replace(stage, arguments={**arguments, "num_features": channels})
    if stage.operation in ("GroupNorm", "LayerNorm") or arguments.get("num_parameters", 1) != 1:
        raise TraceError(
            f"{stage.operation} '{stage.name}' of a dense block works on channels of several layers at once; expected "
            "a batch norm, an instance norm or an activation without weights for each channel"
        )
    return stage
