import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from .._errors import FileFormatError
from ..graph import LayerGraph
from ._kinds import check_operation

Pair = tuple[int, int]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """One operation without nodes of its own between two layers, such as a norm, an activation or a pooling.

    Args:
        name: its module's name in the traced model, or the name of the function call.
        operation: the name of the `torch.nn` module that performs it.
        arguments: the arguments of that module's constructor.
    """

    name: str
    operation: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        return self.operation


@dataclass(frozen=True)
class Layer:
    """One convolution or linear layer and what follows it up to the next one.

    Args:
        name: the module's name in the traced model.
        kind: `"conv"` or `"linear"`.
        n_inputs: nodes of the layer before: channels, or neurons.
        n_outputs: nodes of this layer: output channels, or neurons.
        kernel: the weight shape of one edge: the convolution's kernel size; for a linear layer the size of the map
            that it flattens, or `()` where its inputs are neurons.
        stride: of the convolution, one number a dimension; `()` for a linear layer.
        padding: of the convolution, (before, after) for each dimension; `()` for a linear layer.
        dilation: of the convolution; `()` for a linear layer.
        groups: the number of groups that the layer's own edges stay inside of.
        bias: whether there is a bias for each node.
        padding_mode: how the convolution pads, as in `torch.nn.Conv2d`.
        size: the spatial size of the weighted operation's output; `()` for a linear layer.
        stages: what is applied to it, in order; no dropouts.
        dropouts: applied to everything that flows into this layer.
        map_shape: the shape `(n_outputs, *size)` of the layer's map after its stages, before any flattening.
    """

    name: str
    kind: Literal["conv", "linear"]
    n_inputs: int
    n_outputs: int
    kernel: Shape
    stride: Shape
    padding: tuple[Pair, ...]
    dilation: Shape
    groups: int
    bias: bool
    padding_mode: str
    size: Shape
    stages: tuple[Stage, ...]
    dropouts: tuple[Stage, ...]
    map_shape: Shape

    def __str__(self) -> str:
        kernel = "×".join(map(str, self.kernel))
        what = f"{kernel} conv" if self.kind == "conv" else "linear" + (f" on {kernel} maps" if kernel else "")
        extra = f", {self.groups} groups" if self.groups > 1 else ""
        stages = "".join(f" → {stage}" for stage in self.stages)
        before = "".join(f"{stage} → " for stage in self.dropouts)
        return f"{self.name}: {before}{what} {self.n_inputs} → {self.n_outputs}{extra}{stages}"


@dataclass(frozen=True)
class Chain:
    """A feed-forward network as a chain of layers, each reading the one before.

    Args:
        input_shape: the shape of one input without the batch, channels first.
        input_stages: what is applied to the input before the first layer.
        source_shape: the shape of layer 0's map, `(nodes, *size)`: the input after its stages.
        layers: the weighted layers in order.
        removed: names of the modules and calls that were left out with the shortcuts.
        dense: whether this is a dense block's chain, which hands on its input and the maps of all its layers, joined;
            of a DenseNet's long connections these are what is left.
        shortcuts: names of the additions of shortcuts that were left out; of a DenseNet the first chain has all names.
        removed_weights: weights of the convolutions among `removed`, which neither the chain nor its twin has.
    """

    input_shape: Shape
    input_stages: tuple[Stage, ...]
    source_shape: Shape
    layers: tuple[Layer, ...]
    removed: tuple[str, ...] = ()
    dense: bool = False
    shortcuts: tuple[str, ...] = ()
    removed_weights: int = 0

    @property
    def output_shape(self) -> Shape:
        """The shape of what the chain hands on, without the batch."""
        last = self.layers[-1].map_shape
        return (self.input_shape[0] + sum(self.sizes[1:]), *last[1:]) if self.dense else last

    @property
    def sizes(self) -> Shape:
        """The number of nodes of each layer, the input first."""
        return (self.source_shape[0], *(layer.n_outputs for layer in self.layers))

    def map_shape(self, layer: int) -> Shape:
        """Return the shape `(nodes, *size)` of the map that a layer hands on; layer 0 is the input."""
        return self.source_shape if layer == 0 else self.layers[layer - 1].map_shape

    def graph(self) -> LayerGraph:
        """Return the network's graph: every layer joined to the next one."""
        return LayerGraph.chain(self.sizes, [layer.groups for layer in self.layers])

    def n_weights(self) -> int:
        """Return the number of weights of the layers, without biases and norms."""
        return sum(layer.n_inputs * layer.n_outputs // layer.groups * math.prod(layer.kernel) for layer in self.layers)

    def __str__(self) -> str:
        shape = "×".join(map(str, self.input_shape))
        lines = [f"input: {shape}" + "".join(f" → {stage}" for stage in self.input_stages)]
        lines += [str(layer) for layer in self.layers]
        if self.dense:
            lines.append("output: the input and the maps of all layers, joined")
        return "\n".join([*lines, *self.left_out()])

    def left_out(self) -> list[str]:
        """Return a line each for the shortcuts that were left out and for what went with them, if there were any."""
        lines = []
        if self.shortcuts:
            number = f"{len(self.shortcuts)} shortcut{'s' * (len(self.shortcuts) > 1)}"
            lines.append(f"left out, as in the paper: {number}, added in {', '.join(self.shortcuts)}")
        if self.removed:
            weights = f" ({self.removed_weights:,} weights, which no twin has)" if self.removed_weights else ""
            lines.append(f"removed with the shortcuts: {', '.join(self.removed)}{weights}")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return the chain as JSON values, without what says that nothing was left out."""
        values = asdict(self)
        return {name: value for name, value in values.items() if value or name not in _LEFT_OUT}

    @classmethod
    def from_json(cls, value: Any) -> "Chain":
        """Return the chain of JSON values as `to_json` makes them.

        Raises:
            FileFormatError: a field is missing, unknown or of another type.
        """
        if isinstance(value, Mapping):
            value = {**_LATER, **value}
        values = _checked(cls, value, "chain")
        values["layers"] = tuple(
            _layer_from_json(layer, f"layer {number}") for number, layer in enumerate(values["layers"], start=1)
        )
        values["input_stages"] = _stages_from_json(values["input_stages"], "input")
        chain = cls(**values)
        for number, layer in enumerate(chain.layers, start=1):
            expected = chain.sizes[number - 1]
            if layer.n_inputs != expected or layer.map_shape[:1] != (layer.n_outputs,):
                raise FileFormatError(
                    f"layer {number} reads {layer.n_inputs} nodes and hands on {layer.map_shape}; "
                    f"expected {expected} nodes in and {layer.n_outputs} out"
                )
            if chain.dense and layer.map_shape[1:] != chain.input_shape[1:]:
                raise FileFormatError(
                    f"layer {number} of a dense block hands on a map of size {layer.map_shape[1:]}; expected that of "
                    f"the block's input, {chain.input_shape[1:]}"
                )
        return chain


def _layer_from_json(value: Any, where: str) -> Layer:
    values = _checked(Layer, value, where)
    values["stages"] = _stages_from_json(values["stages"], where)
    values["dropouts"] = _stages_from_json(values["dropouts"], where)
    if values["kind"] not in ("conv", "linear"):
        raise FileFormatError(f"{where} is of kind {values['kind']!r}; expected 'conv' or 'linear'")
    return Layer(**values)


def _stages_from_json(values: Any, where: str) -> tuple[Stage, ...]:
    stages = tuple(Stage(**_checked(Stage, value, f"a stage of {where}")) for value in values)
    for stage in stages:
        check_operation(stage.operation, stage.name)
        if not isinstance(stage.arguments, dict):
            raise FileFormatError(f"stage {stage.name!r} of {where} has no table of arguments")
    return stages


_PLAIN: dict[str, type] = {
    "name": str,
    "operation": str,
    "n_inputs": int,
    "n_outputs": int,
    "groups": int,
    "bias": bool,
    "dense": bool,
    "padding_mode": str,
    "removed_weights": int,
}
_LEFT_OUT: dict[str, Any] = {"shortcuts": [], "removed_weights": 0}
_LATER: dict[str, Any] = {"dense": False, **_LEFT_OUT}
"""Fields that older files lack; those of what was left out are written only where there is something."""
_NAMES = ("removed", "shortcuts")
_SHAPES = ("kernel", "stride", "dilation", "size", "map_shape", "source_shape", "input_shape")


def _checked(cls: type, value: Any, where: str) -> dict[str, Any]:
    """Return the fields of a dataclass from JSON, lists as tuples, or say which are wrong."""
    names = {field.name for field in fields(cls)}
    if not isinstance(value, Mapping) or set(value) != names:
        found = sorted(value) if isinstance(value, Mapping) else type(value).__name__
        raise FileFormatError(f"{where}: expected the fields {sorted(names)}, found {found}")
    for name, field in value.items():
        if not isinstance(field, _PLAIN.get(name, object)):
            raise FileFormatError(f"{where}: {name} cannot be {field!r}")
        if name in _NAMES and not (isinstance(field, (list, tuple)) and all(isinstance(item, str) for item in field)):
            raise FileFormatError(f"{where}: {name} must be names, found {field!r}")
        least = 0 if name == "removed_weights" else 1
        numbers = [field] if _PLAIN.get(name) is int else field if name in _SHAPES else ()
        if not isinstance(numbers, (list, tuple)) or not all(isinstance(n, int) and n >= least for n in numbers):
            raise FileFormatError(f"{where}: {name} must be of whole numbers of at least {least}, found {field!r}")
    return {name: as_tuples(field) for name, field in value.items()}


def as_tuples(value: Any) -> Any:
    """Return JSON values with every list as a tuple."""
    if isinstance(value, Mapping):
        return {key: as_tuples(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(as_tuples(item) for item in value)
    return value
