"""What a server tells its clients about the network that they train."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from .._errors import FileFormatError, InvalidValueError
from ..models import create
from ..nn import Plan, SmallWorldDenseNet, SmallWorldNetwork, plan_from_json

_ORIGINS = ("swann", "torchvision")
"""Of models that a server may name."""


@dataclass(frozen=True)
class Architecture:
    """Which network is trained: a plan of a small-world network, or a model by name.

    Args:
        plan: the plan as JSON values; None for a model by name.
        model: arguments of `swann.models.create` without the seed; None for a plan.

    >>> Architecture.by_name("swann:mnist5", in_channels=1, n_classes=10, image_size=28).digest[:8]
    '42b884d9'
    """

    plan: dict[str, Any] | None = None
    model: dict[str, Any] | None = None

    @classmethod
    def of(cls, network: SmallWorldNetwork | SmallWorldDenseNet) -> "Architecture":
        """Return that of a small-world network."""
        return cls(plan=json.loads(json.dumps(network.plan.to_json())))

    @classmethod
    def by_name(
        cls, name: str, *, in_channels: int, n_classes: int, image_size: int, width: float = 1.0
    ) -> "Architecture":
        """Return that of a model which `swann.models.create` knows on all machines."""
        values = {"name": name, "in_channels": in_channels, "n_classes": n_classes}
        return cls(model=values | {"image_size": image_size, "width": width})

    def to_json(self) -> str:
        """Return it as JSON, the same text for the same network."""
        return json.dumps({"plan": self.plan, "model": self.model}, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Architecture":
        """Return the architecture of a JSON text.

        Raises:
            FileFormatError: no JSON, or not an architecture.
        """
        try:
            values = json.loads(text)
            found = cls(plan=values["plan"], model=values["model"])
        except (json.JSONDecodeError, KeyError, TypeError, RecursionError) as error:
            raise FileFormatError(f"not an architecture: {type(error).__name__}: {error}") from error
        if (found.plan is None) == (found.model is None):
            raise FileFormatError("not an architecture: expected either a plan or a model")
        return found

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the JSON, by which server and clients know that they mean the same network."""
        return digest_of(self.to_json())

    def check_ours(self) -> None:
        """Raise an error for a model of a package that a machine would have to import because another says so.

        Raises:
            InvalidValueError: a model by another name than `swann:…` or `torchvision:…`.
        """
        name = str(self.model["name"]) if self.model is not None and "name" in self.model else ""
        if self.model is not None and name.partition(":")[0] not in _ORIGINS:
            raise InvalidValueError(
                f"model {name!r}: nodes build swann: and torchvision: models alone and import nothing for a server; "
                "send the plan of its small-world network"
            )

    def build(self) -> nn.Module:
        """Return the network with weights that are still to be set.

        Raises:
            FileFormatError: the plan is damaged.
            UnknownNameError: there is no model of this name.
        """
        if self.model is not None:
            try:
                return create(**self.model)
            except TypeError as error:
                raise FileFormatError(f"not an architecture: {error}") from error
        plan = plan_from_json(self.plan)
        with torch.random.fork_rng(devices=[]):
            return SmallWorldNetwork(plan) if isinstance(plan, Plan) else SmallWorldDenseNet(plan)


def digest_of(text: str) -> str:
    """Return the SHA-256 of an architecture's JSON."""
    return hashlib.sha256(text.encode()).hexdigest()
