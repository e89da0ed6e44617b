"""Everything that decides a federated run, as one printable record."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from .._errors import InvalidValueError
from ..train import OptimizerConfig
from ..train._check import check_choice, check_integer, check_keys, check_number
from ._compression import COMPRESSIONS, Compression

PrivacyKind = Literal["none", "server", "client"]


@dataclass(frozen=True)
class LocalTraining:
    """What a client does with the weights that it gets before it sends its own.

    Args:
        epochs: passes through its images; either this or `steps`.
        steps: steps of the optimizer.
        batch_size: images a step; a client with fewer takes all of them.
        optimizer: made anew in each round; SGD with learning rate 0.01 unless given, as in the paper.

    Raises:
        InvalidValueError: a value out of range, or neither or both of `epochs` and `steps`.
    """

    epochs: int | None = 5
    steps: int | None = None
    batch_size: int = 10
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("sgd", lr=0.01))

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            raise InvalidValueError(
                f"local training: expected either epochs or steps, found epochs={self.epochs} and steps={self.steps}"
            )
        check_integer("local training: epochs or steps", self.updates, 1)
        check_integer("local training: batch_size", self.batch_size, 1)

    @property
    def updates(self) -> int:
        """Local updates in a round, as the paper counts them: epochs, or steps."""
        return self.epochs or self.steps or 0

    @classmethod
    def from_dict(cls, values: object) -> "LocalTraining":
        """Make the settings from plain values.

        Raises:
            InvalidValueError: an unknown key or a wrong value.
        """
        arguments = check_keys("local training", values, cls)
        if "optimizer" in arguments:
            arguments["optimizer"] = OptimizerConfig(**check_keys("optimizer", arguments["optimizer"], OptimizerConfig))
        return cls(**arguments)


@dataclass(frozen=True)
class Privacy:
    """Differential privacy of clients by Flower: updates are clipped, and noise is added to their mean.

    Args:
        kind: 'none', or which side clips: the 'server', which then sees unclipped updates, or the 'client'.
        noise_multiplier: standard deviation of the noise over the clipping norm, for the sum of the updates.
        clipping_norm: the largest L2 norm of a client's update.

    Raises:
        InvalidValueError: a value out of range.
    """

    kind: PrivacyKind = "none"
    noise_multiplier: float = 1.0
    clipping_norm: float = 1.0

    def __post_init__(self) -> None:
        check_choice("privacy", self.kind, ("none", "server", "client"))
        check_number("privacy: noise_multiplier", self.noise_multiplier, low=0)
        check_number("privacy: clipping_norm", self.clipping_norm, above=0)


@dataclass(frozen=True)
class FederatedConfig:
    """Settings of a federated run; with the same settings and seed a simulation gives the same weights.

    Args:
        rounds: of communication.
        per_round: clients drawn for each round.
        local: what a client does in a round.
        strategy: a strategy of Flower by name, see `strategy_names`.
        strategy_options: its arguments, such as `{"server_momentum": 0.9}` of 'fedavgm'.
        compression: 'none', 'fp16' or 'int8', see `encode`.
        privacy: differential privacy.
        secure_aggregation: by Flower's SecAgg+ the server learns the mean of the updates alone, not those of a client;
            it cannot check them then, and draws its masks anew in each run, so that weights differ in the last digits.
        largest_client: images of the client with the most, for secure aggregation: one with more takes no part.
        evaluate_every: rounds from one evaluation to the next; the last one is always evaluated.
        target_error: stop at the first evaluation with this test error (a fraction) or less.
        timeout: seconds after which clients that did not answer are left behind.
        seed: of everything drawn.

    Raises:
        InvalidValueError: a value out of range.

    >>> FederatedConfig(rounds=90).local.updates
    5
    """

    rounds: int
    per_round: int = 10
    local: LocalTraining = field(default_factory=LocalTraining)
    strategy: str = "fedavg"
    strategy_options: Mapping[str, float] = field(default_factory=dict)
    compression: Compression = "none"
    privacy: Privacy = field(default_factory=Privacy)
    secure_aggregation: bool = False
    largest_client: int = 1000
    evaluate_every: int = 1
    target_error: float | None = None
    timeout: float = 3600.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("rounds", "per_round", "largest_client", "evaluate_every"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", self.seed, 0)
        check_choice("compression", self.compression, COMPRESSIONS)
        check_number("timeout", self.timeout, above=0)
        if self.target_error is not None:
            check_number("target_error", self.target_error, low=0, high=1)
        if self.privacy.kind == "client" and self.compression != "none":
            raise InvalidValueError(
                f"compression: clients clip weights, expected 'none' with privacy 'client', found {self.compression!r}"
            )

        if self.secure_aggregation and (self.compression != "none" or self.privacy.kind == "server"):
            raise InvalidValueError(
                "secure_aggregation: the server sees no client's update, so that compression and privacy 'server' are "
                "not possible; leave them out, or clip on the clients"
            )
        if self.secure_aggregation and self.per_round < 3:
            raise InvalidValueError(f"per_round: expected 3 or more with secure aggregation, found {self.per_round}")

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> "FederatedConfig":
        """Make the settings from plain values; what is missing keeps its default.

        Raises:
            InvalidValueError: an unknown key or a wrong value.
        """
        arguments = check_keys("federated settings", values, cls)
        if "local" in arguments:
            arguments["local"] = LocalTraining.from_dict(arguments["local"])
        if "privacy" in arguments:
            arguments["privacy"] = Privacy(**check_keys("privacy", arguments["privacy"], Privacy))
        return cls(**arguments)
