"""What one network of a study consists of."""

import math
from dataclasses import dataclass, fields
from typing import Literal, get_args

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ..nn import Order
from ..smallworld import Draw, check_granularity, check_probability

Initialisation = Literal["in-degree", "dense"]
Wiring = Literal["rewired", "balanced", "more clustered", "less clustered"]
Stride = Literal["strided", "pooled", "dilated"]
Pooling = Literal["average", "max"]
Kernel = Literal["own", "pointwise"]
Rival = Literal["none", "shortcuts", "densenet", "randwire", "dnw"]

_CHOICES = {
    "draw": get_args(Draw),
    "order": get_args(Order),
    "initialisation": get_args(Initialisation),
    "wiring": get_args(Wiring),
    "stride": get_args(Stride),
    "linear_pooling": get_args(Pooling),
    "long_kernel": get_args(Kernel),
    "linear_kernel": get_args(Kernel),
    "rival": get_args(Rival),
}
_OF_ALL = ("converted", "lr_factor", "decay_factor", "shortcuts")
_OF_CHAINS = (
    *("wiring", "first_layer", "stride", "linear_pooling", "long_kernel", "linear_kernel", "link_norm"),
    *("dropout", "rival"),
)
_OF_RIVALS = (*_OF_ALL, "rival", "order")


@dataclass(frozen=True)
class StudyNetwork:
    """What one network of a study consists of, and what its training does otherwise.

    Args:
        converted: as `swann.convert` makes it; the model as it comes if False.
        p: rewiring probability.
        draw: over 'nodes' or 'layers'.
        repair: whether dead nodes are repaired.
        order: 'paper' or 'keep'.
        granularity: of the rewiring.
        lr_factor: multiplies the learning rate.
        decay_factor: multiplies the weight decay.
        initialisation: variance of the weights from the true fan-in of each node ('in-degree', as `swann.convert`), or
            from the one that its layer has without rewiring ('dense').
        long_scale: multiplies the first weights of links that skip a layer or more; with 0 they start at zero.
        short_scale: multiplies those of links from the layer before, where long ones end beside them.
        draws: the rewiring of the largest small-worldness S among so many.
        shortcuts: of a model as it comes: whether it has its shortcuts, as `shortcuts` of `swann.models.create`.
        wiring: what is done with the rewired graph, at equal cost: nothing ('rewired'); in-degrees made equal within
            each layer ('balanced'); or clustering raised or lowered by swaps that keep each node's degrees and the
            number of edges between each two layers ('more clustered', 'less clustered').
        first_layer: whether the edges that leave the input are rewired.
        stride: how long links reach a lower resolution: by a strided convolution, as `swann.convert` has it; by
            average pooling and a convolution of stride 1 ('pooled'); or strided with the taps as far apart ('dilated').
        linear_pooling: how maps are brought to the kernel's size before a linear layer.
        long_kernel: the kernels of long links into convolutions: those of the layer that they left ('own'), or of one
            tap on so many more edges that the weights are as many ('pointwise'), as far as there are nodes for them.
        linear_kernel: the same of long links into linear layers; with one tap they read the mean of a map.
        link_norm: normalise what each link brings before the sum; needs masked convolutions, which are slower.
        dropout: of everything that flows into each layer but the first, besides the model's own.
        lr_by_in_degree: the learning rate of a weight is multiplied by (fan-in without rewiring / fan-in of the node
            at its end) to this power; for SGD.
        decay_by_in_degree: the same of the weight decay, which the other leaves as it is.
        rival: a network that is no twin, made of the same chain with as many weights: 'shortcuts', 'densenet',
            'randwire' or 'dnw'.

    Raises:
        InvalidValueError: a value out of range.
        UnknownNameError: a choice is not known.
    """

    converted: bool = True
    p: float = 0.0
    draw: Draw = "nodes"
    repair: bool = True
    order: Order = "paper"
    granularity: int = 1
    lr_factor: float = 1.0
    decay_factor: float = 1.0
    initialisation: Initialisation = "in-degree"
    long_scale: float = 1.0
    short_scale: float = 1.0
    draws: int = 1
    shortcuts: bool = False
    wiring: Wiring = "rewired"
    first_layer: bool = True
    stride: Stride = "strided"
    linear_pooling: Pooling = "average"
    long_kernel: Kernel = "own"
    linear_kernel: Kernel = "own"
    link_norm: bool = False
    dropout: float = 0.0
    lr_by_in_degree: float = 0.0
    decay_by_in_degree: float = 0.0
    rival: Rival = "none"

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_granularity(self.granularity)
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UnknownNameError(f"{name}: {getattr(self, name)!r} is not known; {near_matches('', known)}")
        if not self.lr_factor > 0:
            raise InvalidValueError(f"lr_factor: expected a number above 0, found {self.lr_factor!r}")
        for name in ("decay_factor", "long_scale", "short_scale"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidValueError(f"{name}: expected a number, 0 or more, found {getattr(self, name)!r}")
        if type(self.draws) is not int or self.draws < 1:
            raise InvalidValueError(f"draws: expected a whole number, 1 or more, found {self.draws!r}")
        if not 0 <= self.dropout < 1:
            raise InvalidValueError(f"dropout: expected a number from 0 to below 1, found {self.dropout!r}")
        for name in ("lr_by_in_degree", "decay_by_in_degree"):
            if not math.isfinite(getattr(self, name)):
                raise InvalidValueError(f"{name}: expected a finite number, found {getattr(self, name)!r}")
        if self.converted and self.shortcuts:
            raise InvalidValueError("shortcuts: converting leaves them out; expected converted = false beside them")
        if not self.converted and (given := self._others(_OF_ALL)):
            raise InvalidValueError(f"converted: a model as it comes has no {', '.join(given)}")
        if self.rival != "none" and (given := self._others(_OF_RIVALS)):
            raise InvalidValueError(f"rival: {self.rival!r} has no {', '.join(given)}")
        if self.draws > 1 and (given := self.of_chains()):
            raise InvalidValueError(f"draws: expected 1 beside {', '.join(given)}, found {self.draws}")

    def _others(self, names: tuple[str, ...]) -> list[str]:
        """Return the names of the settings that are not as by default, without some."""
        return [
            each.name for each in fields(self) if each.name not in names and getattr(self, each.name) != each.default
        ]

    def of_chains(self) -> list[str]:
        """Return the names of the settings here that `swann.convert` does not have."""
        return [name for name in self._others(()) if name in _OF_CHAINS]
