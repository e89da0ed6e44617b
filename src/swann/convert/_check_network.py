from typing import Any

from torch import nn

from .._errors import InvalidValueError
from ..nn import SmallWorldDenseNet, SmallWorldNetwork

_WRAPPERS = ("module", "_orig_mod")
"""Where those who wrap a network keep it: DDP and Lightning Fabric, and `torch.compile`."""


def check_network(network: Any) -> None:
    """Raise InvalidValueError unless this is a small-world network."""
    if isinstance(network, (SmallWorldNetwork, SmallWorldDenseNet)):
        return
    kind = type(network).__name__
    parts = vars(network).get("_modules", {}) if isinstance(network, nn.Module) else {}
    for name in _WRAPPERS:
        if isinstance(parts.get(name), (SmallWorldNetwork, SmallWorldDenseNet)):
            raise InvalidValueError(f"expected a small-world network, got a {kind} around one: pass its .{name}")
    raise InvalidValueError(
        f"expected a small-world network, got {kind}; convert a model first: swann.convert(model, example_inputs)"
    )
