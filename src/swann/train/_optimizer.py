"""Which optimizer trains the weights, and how it is made."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from .._errors import InvalidValueError
from ._check import as_tuple, check_choice, check_flag, check_number

_CLASSES: dict[str, type[torch.optim.Optimizer]] = {
    "adadelta": torch.optim.Adadelta,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
_ARGUMENTS = {
    "adadelta": ("lr", "rho", "eps", "weight_decay"),
    "adam": ("lr", "betas", "eps", "weight_decay"),
    "adamw": ("lr", "betas", "eps", "weight_decay"),
    "sgd": ("lr", "momentum", "nesterov", "weight_decay"),
}


@dataclass(frozen=True)
class OptimizerConfig:
    """An optimizer of `torch.optim` and its arguments; one that is None keeps the default of `torch.optim`.

    Args:
        name: 'adadelta', 'sgd', 'adam' or 'adamw'.
        lr: learning rate, above 0.
        momentum: 0 to 1; sgd.
        nesterov: Nesterov's momentum; sgd.
        weight_decay: 0 or more.
        rho: decay of the running averages, 0 to 1; adadelta.
        betas: decay of the running averages, each 0 to 1; adam and adamw.
        eps: added to the denominator, above 0; all but sgd.

    Raises:
        InvalidValueError: an unknown name, an argument the optimizer does not have, or a value out of range.

    >>> OptimizerConfig("sgd", lr=0.01, momentum=0.9, nesterov=True).arguments()
    {'lr': 0.01, 'momentum': 0.9, 'nesterov': True}
    """

    name: str = "adadelta"
    lr: float | None = None
    momentum: float | None = None
    nesterov: bool | None = None
    weight_decay: float | None = None
    rho: float | None = None
    betas: tuple[float, float] | None = None
    eps: float | None = None

    def __post_init__(self) -> None:
        check_choice("optimizer", self.name, tuple(_CLASSES))
        if self.betas is not None:
            object.__setattr__(self, "betas", as_tuple("optimizer: betas", self.betas))
        given = self.arguments()
        for argument in given:
            if argument not in _ARGUMENTS[self.name]:
                raise InvalidValueError(
                    f"optimizer: {self.name} takes no {argument!r}; it takes {', '.join(_ARGUMENTS[self.name])}"
                )
        for argument in ("lr", "eps"):
            if argument in given:
                check_number(f"optimizer: {argument}", given[argument], above=0)
        for argument in ("momentum", "rho"):
            if argument in given:
                check_number(f"optimizer: {argument}", given[argument], low=0, high=1)
        if self.weight_decay is not None:
            check_number("optimizer: weight_decay", self.weight_decay, low=0)
        if self.betas is not None:
            if len(self.betas) != 2:
                raise InvalidValueError(f"optimizer: betas: expected two numbers, found {self.betas!r}")
            for beta in self.betas:
                check_number("optimizer: betas", beta, low=0, high=1)
        if self.nesterov is not None:
            check_flag("optimizer: nesterov", self.nesterov)
        if self.nesterov and not self.momentum:
            raise InvalidValueError("optimizer: nesterov needs a momentum above 0; set momentum, for example to 0.9")

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that were given, by their name in `torch.optim`."""
        return {name: value for name, value in asdict(self).items() if name != "name" and value is not None}

    def build(self, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimizer for `parameters`."""
        return _CLASSES[self.name](parameters, **self.arguments())
