"""The modules of a network that its kernels do not call, and whether they have to be called all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from torch import nn

from ..trace import KINDS
from ._dropout import InflowDropout
from ._hooks import Heard, all_listened_to, has_global_hooks, hearing
from ._link import Link

if TYPE_CHECKING:
    from ._network import SmallWorldLayer, SmallWorldNetwork

_DROPOUTS = (nn.Identity, *(getattr(nn, name) for name, kind in KINDS.items() if kind == "dropout"))


def parts_of(network: SmallWorldNetwork) -> list[object]:
    """Return what kernels read of a network but its numbers: layers, whether they have biases, links and dropouts."""
    found: list[object] = []
    for layer in network.layers._modules.values():
        parts: Any = layer._modules  # in each pass: `layer.links` takes ten times as long
        bias = layer._parameters.get("bias") is None
        found += [layer, bias, parts["dropout"], parts["stages"], *parts["links"]._modules.values()]
        for group in parts["dropout"]._modules.values():
            found += group._modules.values()
    return found


class Uncalled:
    """The modules that a network's kernels do not call: layers, links, their dropouts, and the stages as a whole.

    Args:
        network: the network, as it is now.
    """

    def __init__(self, network: SmallWorldNetwork) -> None:
        self.parts = parts_of(network)
        layers = network.each_layer()
        self._all = _Modules([part for part in self.parts if isinstance(part, nn.Module)])
        self._links = _Modules([link for layer in layers for link in layer.links])
        self._all.replaced = next((module for layer in layers for module in _replaced(layer)), None)
        self._links.replaced = next((link for link in self._links.modules if not _is_plain(link)), None)

    def must_be_called(self, *, links_alone: bool = False) -> tuple[nn.Module | None, str] | None:
        """Return a module that has to be called in this pass, and for what; no module where that is so for all of them.

        Args:
            links_alone: whether only the links are not called.

        Returns:
            None if no module has to be called.
        """
        if has_global_hooks():
            return None, "hooks"
        among, now = self._links if links_alone else self._all, hearing()
        if now == among.unheard and not all_listened_to(among.others):
            return None
        places = all_listened_to(among.attributes)
        if places:
            of_module = among.attributes[places[0]]
            return among.modules[places[0]], "a forward of its own" if "forward" in of_module else "a hook"
        if among.replaced is not None:
            return among.replaced, "a forward of its own"
        among.unheard = now
        return None


class _Modules:
    """Some modules.

    Args:
        modules: in order.
    """

    def __init__(self, modules: list[nn.Module]) -> None:
        self.modules = modules
        self.attributes = [module.__dict__ for module in modules]
        self.others = [module.__dict__ for module in modules if not isinstance(module, Heard)]
        self.unheard: tuple[int, int, bool] | None = None  # what `hearing` returned when nobody listened
        self.replaced: nn.Module | None = None  # one of a class that may compute something else


def _is_plain(link: nn.Module) -> bool:
    return isinstance(link, Link) and type(link).forward is Link.forward


def _replaced(layer: SmallWorldLayer) -> Iterator[nn.Module]:
    """Yield the modules of a layer that somebody has put in the place of those that kernels compute."""
    for link in layer.links:
        if not _is_plain(link) and not (isinstance(link, Link) and link.pools_otherwise):
            yield link
    if type(layer.dropout).forward is not InflowDropout.forward:
        yield layer.dropout
    else:
        yield from (each for each in layer.dropout.dropouts if type(each) not in _DROPOUTS)
    if type(layer.stages).forward is not nn.Sequential.forward:
        yield layer.stages
