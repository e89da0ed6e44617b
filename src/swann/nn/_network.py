import warnings
from collections.abc import Callable, Hashable
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ..trace import Layer, create_module
from ._block_build import BlockScripts
from ._block_pass import MOST_SAMPLES
from ._dropout import InflowDropout
from ._filled_batch import forward_filled
from ._geometry import link_geometry, link_shape
from ._hooks import Heard
from ._inputs import check_inputs
from ._link import Link
from ._native_pass import NativePass
from ._plan import Plan
from ._small_batch import Reading
from ._transforms import is_exported_to_onnx, is_transformed
from ._uncalled import Uncalled, parts_of
from .costs import Choice, choose_for, costs_here
from .gpu import FORMS, Form, JoinedLinks, as_read_by, can_use_blocks, fastest_form, prepare
from .kernels import LinkShape

Backend = Literal["auto", "masked", "joined", "sparse"]


class SmallWorldLayer(Heard):
    """A layer that sums what flows in from all earlier layers (SWANN paper, Eq. 4).

    Args:
        plan: the network's plan.
        number: the layer's number in the chain, from 1.
    """

    tables: Tensor | None
    joined_index: Tensor | None

    def __init__(self, plan: Plan, number: int) -> None:
        super().__init__()
        layer: Layer = plan.chain.layers[number - 1]
        self.n_nodes = layer.n_outputs
        self.size = layer.size
        self.map_shape = layer.map_shape
        self.sources: list[int] = []
        self.link_shapes: list[LinkShape] = []
        links: list[Link] = []
        for source in reversed(range(number)):
            block = plan.rewiring.graph.block(source, number)
            if block.any():
                mask = torch.from_numpy(block.T.copy())
                kernel = plan.chain.layers[source].kernel
                links.append(Link(mask, kernel, link_geometry(plan.chain, source, number)))
                self.sources.append(source)
                self.link_shapes.append(link_shape(plan.chain, source, number))
        self.links = nn.ModuleList(links)
        self.flat_shapes: list[int] = []
        self.ways: list[int] = []
        self.joined: list[JoinedLinks] = []
        self.layout: list[int] = []
        self.prepared: dict[Form, list[int]] = {}
        self.register_buffer("tables", None, persistent=False)
        self.register_buffer("joined_index", None, persistent=False)
        self.forget_forms()
        self.bias = nn.Parameter(torch.empty(layer.n_outputs)) if layer.bias else None
        self.dropout = InflowDropout(layer.dropouts)
        self.stages = nn.Sequential(*map(create_module, plan.stages(layer)))

    def each_link(self) -> list[tuple[int, Link]]:
        """Return the links that end here with the layers that they start from, the nearest first."""
        return [(source, cast(Link, link)) for source, link in zip(self.sources, self.links, strict=True)]

    def each_stage(self) -> tuple[nn.Module, ...]:
        """Return the operations after the layer."""
        return tuple(self.stages)

    def forget_forms(self) -> None:
        """Forget which forms were found to be the fastest."""
        self.forms: dict[Hashable, Form] = {}
        self.last_form: dict[bool, Form] = {}

    def forward(self, maps: list[Tensor | None], form: Form = "masked") -> Tensor:
        """Return the layer's output after its stages.

        Args:
            maps: the maps of all earlier layers, the input's first; those that this layer does not read may be None.
            form: how what flows in is computed; see `swann.nn.gpu.FORMS`.
        """
        if self.sources:
            total = FORMS[form](self, maps, self.dropout)
        else:
            example = next(source for source in maps if source is not None)
            total = self.without_inputs(example.shape[0], example)
        return cast(Tensor, self.stages(total))

    def without_inputs(self, n_samples: int, example: Tensor) -> Tensor:
        """Return the map of a layer that nothing flows into, of the type and on the device of an example."""
        total = example.new_zeros(n_samples, self.n_nodes, *self.size)
        return total if self.bias is None else total + self.bias.view(-1, *(1,) * len(self.size))


class SmallWorldNetwork(nn.Module):
    """A network whose layers are joined by the links of a plan; it has as many weights as the one it comes from.

    Args:
        plan: what the network consists of.
        backend: how it is computed; see `use_backend`.

    >>> import swann
    >>> model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6, 9), nn.Linear(9, 10))
    >>> network = swann.convert(model, torch.ones(1, 1, 5, 5), p=0.5)
    >>> network(torch.ones(8, 1, 5, 5)).shape
    torch.Size([8, 10])
    """

    def __init__(self, plan: Plan, backend: Backend = "auto") -> None:
        super().__init__()
        self.plan = plan
        self.input_stages = nn.Sequential(*map(create_module, plan.chain.input_stages))
        self.layers = nn.ModuleList(SmallWorldLayer(plan, number) for number in range(1, len(plan.chain.layers) + 1))
        self.last_reader: dict[int, int] = {}
        for number, layer in enumerate(self.each_layer(), start=1):
            self.last_reader.update(dict.fromkeys(layer.sources, number))
        number_link_shapes(self)
        # the wiring is the same in all processes: distributed training need not send it with every step
        self._ddp_params_and_buffers_to_ignore = fixed_buffers(self)
        self._uncalled: Uncalled | None = None
        self._has_warned = False
        self.use_backend(backend)

    def use_backend(self, backend: Backend) -> "SmallWorldNetwork":
        """Choose how the network is computed; weights and results stay the same.

        A pass is masked, whatever the backend, where a layer, a link or a dropout inside has hooks, and where PyTorch
        transforms it (`torch.func`, forward-mode derivatives, `torch.jit.trace`) or exports it to ONNX.

        Args:
            backend: `"masked"` for dense convolutions with zeros, `"joined"` for the same with one convolution for all
                links into a layer that meet their maps alike, `"sparse"` for kernels that compute existing edges alone:
                each on the CPU, and on a GPU the tiles of 16 or 32 channels that hold any; `"auto"` for whichever is
                faster: for each link by an estimate on the CPU (see `swann.nn.calibrate`), for each layer by a
                measurement at its first use on a GPU, and masked elsewhere.

        Raises:
            UnknownNameError: the backend is not known.
        """
        if backend not in get_args(Backend):
            raise UnknownNameError(f"unknown backend {backend!r}: {near_matches(str(backend), get_args(Backend))}")
        self.backend = backend
        self._choices: dict[tuple[int, bool, int], Choice] = {}
        self._forget_passes()
        self.pools_otherwise = any(link.pools_otherwise for layer in self.each_layer() for _, link in layer.each_link())
        for layer in self.each_layer():
            layer.forget_forms()
        self._prepare()
        for layer in self.each_layer():
            for _, link in layer.each_link():
                link.index = None  # made where a link is computed densely
                if backend == "masked":
                    link.make_index()
                elif backend != "joined" and link.wiring is None:
                    link.make_wiring()
        return self

    def _forget_passes(self) -> None:
        self.readings: dict[tuple[int, Choice | None, int], Reading] = {}
        self.native_passes: dict[Hashable, NativePass | None] = {}
        self.block_scripts: dict[Hashable, BlockScripts | None] = {}

    def _prepare(self) -> None:
        """Make what the layers need for the forms that they may be computed in, where it stands."""
        for layer in self.each_layer():
            on_gpu = any(parameter.is_cuda for parameter in layer.links.parameters())
            if self.backend == "joined" or (self.backend == "auto" and on_gpu):
                prepare(layer, "joined")
            if self.backend in ("sparse", "auto") and on_gpu:
                prepare(layer, "blocks")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SmallWorldNetwork":
        """Move or convert a network as `torch.nn.Module` does, and prepare it for the device where it is now."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self._prepare()
        return self

    def each_layer(self) -> list[SmallWorldLayer]:
        """Return the layers in order."""
        return [cast(SmallWorldLayer, layer) for layer in self.layers]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the network's output for inputs of shape `[batch, *plan.chain.input_shape]`.

        A dense block's is its inputs and the maps of all its layers, joined.
        """
        check_inputs(inputs, self.plan.chain.input_shape)
        if self.backend == "sparse" and inputs.device.type not in ("cpu", "cuda", "meta"):
            raise InvalidValueError(
                f"the sparse backend runs on the CPU and on CUDA, the inputs are on {inputs.device}; "
                "use backend 'auto', 'masked' or 'joined'"
            )
        is_masked = self.backend == "masked" or (self.backend != "joined" and _is_not_for_kernels(inputs))
        choice = () if is_masked else self._choice(inputs)
        by_layers = choice is not None and all(map(all, choice))
        if not is_masked and (not by_layers or self.backend == "joined" or inputs.is_cuda) and self._must_call(inputs):
            is_masked = by_layers = True
        output: Tensor = self.input_stages(inputs)
        if not by_layers:
            output = forward_filled(self, output.reshape(-1, *self.plan.chain.source_shape), choice)
            return torch.cat((inputs, output), 1) if self.plan.chain.dense else output
        maps: list[Tensor | None] = [
            as_read_by("blocks" if self.backend == "sparse" and not is_masked else "masked", output)
        ]
        for number, layer in enumerate(self.each_layer()):
            form: Form = "masked" if is_masked else self._form(layer, maps)
            output = layer(maps, form)
            maps.append(as_read_by(form, output.reshape(-1, *layer.map_shape)))
            for source in range(number + 1):
                if self.last_reader.get(source, 0) <= number + 1 and not self.plan.chain.dense:
                    maps[source] = None  # no later layer reads it, nor does the output of a dense block
        if self.plan.chain.dense:
            return torch.cat((inputs, *(cast(Tensor, each) for each in maps[1:])), 1)
        return output

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: not what is found again in the first pass."""
        return self.__dict__ | {"readings": {}, "native_passes": {}, "block_scripts": {}, "_uncalled": None}

    def _must_call(self, inputs: Tensor) -> bool:
        """Return whether this pass must be masked, for a module that is not called otherwise or an export to ONNX."""
        if torch.compiler.is_compiling():
            return bool(self._must_call_compiled())
        return self._warned_of(links_alone=self.backend == "joined" or inputs.is_cuda)

    @torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
    def _must_call_compiled(self) -> bool:
        links_alone = self.backend == "joined" or next(self.parameters()).is_cuda
        return is_exported_to_onnx() or self._warned_of(links_alone=links_alone)

    def _warned_of(self, *, links_alone: bool) -> bool:
        """Return whether a module has to be called that is not called otherwise; the first time with a warning."""
        uncalled = self._uncalled
        if uncalled is None or uncalled.parts != parts_of(self):
            if uncalled is not None:
                self._forget_passes()  # they read the modules that were there before
            uncalled = self._uncalled = Uncalled(self)
        found = uncalled.must_be_called(links_alone=links_alone)
        if found is None:
            return False
        if not self._has_warned:
            self._has_warned = True
            module, what = found
            name = next((name for name, each in self.named_modules() if each is module), None)
            warnings.warn(
                f"{f'all modules have {what}' if name is None else f'module {name} has {what}'}, and the kernels of "
                f"backend '{self.backend}' do not call {'them all' if name is None else 'it'}: the small-world network "
                "is computed by masked dense convolutions, with equal results but more slowly; "
                "hooks on the network or on single stages (network.layers[0].stages[0]) do not slow it down",
                stacklevel=2,
            )
        return True

    def _choice(self, inputs: Tensor) -> Choice | None:
        """Return which links are to be dense; None for none of them, () for all."""
        if self.backend in ("masked", "joined") or inputs.device.type != "cpu":
            return ()
        if torch.compiler.is_compiling():
            return None
        if len(inputs) == 0:  # pooling refuses blocks without samples
            return ()
        if self.backend == "sparse":
            return None
        key = len(inputs), torch.is_grad_enabled(), torch.get_num_threads()
        if key not in self._choices:
            costs = costs_here(key[2])
            of_pass = costs.training if key[1] else costs.inference
            mixes = not key[1] or key[0] > MOST_SAMPLES  # one call of compiled code trains sparse links alone
            self._choices[key] = choose_for(self, key[0], of_pass, trains=key[1], mixes=mixes)
        return self._choices[key]

    def _form(self, layer: SmallWorldLayer, maps: list[Tensor | None]) -> Form:
        """Return how a layer is computed where not by the CPU's sparse kernels."""
        form: Form = "masked"
        if self.backend == "joined":
            form = "joined"
        elif self.backend in ("sparse", "auto") and any(given is not None and given.is_cuda for given in maps):
            if self.backend == "auto":
                form = fastest_form(layer, maps)
            elif can_use_blocks(layer, maps) and not all(link.is_full for _, link in layer.each_link()):
                form = "blocks"  # where every edge exists, a dense product computes just as little
        if not torch.compiler.is_compiling():
            prepare(layer, form)
        return form

    def extra_repr(self) -> str:
        """Return the plan's main figures for printing."""
        return f"p={self.plan.rewiring.rewiring_probability:g}, links={len(self.plan.links())}"


def _is_not_for_kernels(inputs: Tensor) -> bool:
    return not torch.compiler.is_compiling() and (is_transformed(inputs) or inputs.is_meta)


def number_link_shapes(network: SmallWorldNetwork) -> None:
    """Number the ways in which maps are read, after the shapes of links have changed.

    Links of the same number share what is made of a map for them.
    """
    numbers: dict[tuple[int, LinkShape], int] = {}
    for layer in network.each_layer():
        layer.flat_shapes = [number for shape in layer.link_shapes for number in shape.flat()]
        pairs = zip(layer.sources, layer.link_shapes, strict=True)
        layer.ways = [numbers.setdefault(pair, len(numbers)) for pair in pairs]


def fixed_buffers(network: nn.Module) -> list[str]:
    """Return the names of the buffers that hold the wiring of a network's links."""
    buffers = {Link: ("mask", "index", "wiring"), SmallWorldLayer: ("tables", "joined_index")}
    return [f"{name}.{buffer}" for name, module in network.named_modules() for buffer in buffers.get(type(module), ())]
