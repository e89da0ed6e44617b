"""What the one who starts a run decides: Flower's run config as a record."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import InvalidValueError, near_matches
from ..federated import FederatedConfig, LocalTraining, Privacy
from ..train import OptimizerConfig
from ..train._check import check_integer


def _key(default: Any, comment: str, kind: type | None = None) -> Any:
    """Return a field with its line of explanation; `kind` is the type of one that may be left empty."""
    return dataclasses.field(default=default, metadata={"comment": comment, "kind": kind or type(default)})


@dataclass(frozen=True)
class ServerSettings:
    """A run on the side of the server; in the run config `-` stands for `_`, and an empty text for None.

    >>> ServerSettings.of({"rounds": 5, "p": ""}).rounds
    5
    """

    model: str = _key("swann:mnist5", "a model's name (swann:, torchvision:), or a network.safetensors on the server")
    p: float | None = _key(None, "rewiring probability of its small-world twin; empty for the model as it is", float)
    width: float = _key(1.0, "multiplies the model's numbers of channels")
    data: str = _key("digits", "test images on the server: digits, mnist, …, folder:PATH; empty to measure nothing")
    data_dir: str = _key("", "folder with the datasets on the server")
    image_size: int | None = _key(None, "pixels to resize images to; needed for a model by name without data", int)
    channels: int | None = _key(None, "of the images; needed for a model by name without data", int)
    classes: int | None = _key(None, "needed for a model by name without data", int)
    rounds: int = _key(3, "rounds of communication")
    clients: int = _key(2, "nodes that must be connected before a round begins")
    per_round: int = _key(2, "nodes drawn for each round")
    timeout: float = _key(3600.0, "seconds after which a round leaves nodes behind")
    local_epochs: int = _key(5, "passes of a node through its images in a round, unless local-steps is given")
    local_steps: int | None = _key(None, "batches of a node in a round, in the place of epochs", int)
    batch_size: int = _key(10, "images a step")
    lr: float = _key(0.01, "learning rate of the nodes' SGD")
    strategy: str = _key("fedavg", "one of Flower's: fedavg, fedadam, …")
    strategy_options: str = _key("", "its arguments: name=value, with spaces between them")
    compression: str = _key("none", "updates as float32 (none), fp16 or int8")
    privacy: str = _key("none", "differential privacy: updates clipped by the server or the client")
    noise_multiplier: float = _key(1.0, "of differential privacy: noise over clipping norm")
    clipping_norm: float = _key(1.0, "of differential privacy: largest L2 norm of an update")
    secure_aggregation: bool = _key(False, "let the server learn the mean of the updates alone; 3 nodes or more")
    largest_client: int = _key(1000, "images of the node with the most, for secure aggregation")
    evaluate_every: int = _key(1, "rounds from one evaluation to the next")
    target_error: float | None = _key(None, "stop at this test error, a fraction", float)
    seed: int = _key(0, "of everything drawn")
    out: str = _key("runs/federated", "folder on the server for the results; relative to where the SuperLink started")
    resume: bool = _key(False, "go on with the run in that folder")
    overwrite: bool = _key(False, "replace the run in that folder")

    @classmethod
    def of(cls, run_config: Mapping[str, Any]) -> "ServerSettings":
        """Return the settings that a run config holds; what is missing keeps its default.

        Raises:
            InvalidValueError: an unknown key, or a value of another type.
        """
        fields = {field.name.replace("_", "-"): field for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for name, value in run_config.items():
            if name not in fields:
                raise InvalidValueError(f"run config: unknown key {name!r}: {near_matches(name, fields)}")
            values[fields[name].name] = _checked(name, value, fields[name])
        found = cls(**values)
        check_integer("run config: clients", found.clients, 1)
        return found

    def federated(self) -> FederatedConfig:
        """Return those settings that decide the rounds.

        Raises:
            InvalidValueError: a value out of range.
        """
        return FederatedConfig(
            rounds=self.rounds,
            per_round=self.per_round,
            local=LocalTraining(
                epochs=self.local_epochs if self.local_steps is None else None,
                steps=self.local_steps,
                batch_size=self.batch_size,
                optimizer=OptimizerConfig("sgd", lr=self.lr),
            ),
            strategy=self.strategy,
            strategy_options=dict(map(_option, self.strategy_options.split())),
            compression=self.compression,  # type: ignore[arg-type]
            privacy=Privacy(self.privacy, self.noise_multiplier, self.clipping_norm),  # type: ignore[arg-type]
            secure_aggregation=self.secure_aggregation,
            largest_client=self.largest_client,
            evaluate_every=self.evaluate_every,
            target_error=self.target_error,
            timeout=self.timeout,
            seed=self.seed,
        )


def _checked(name: str, value: object, field: "dataclasses.Field[Any]") -> object:
    """Return a value in the type of its field; an `InvalidValueError` if it has another."""
    kind = field.metadata["kind"]
    if field.default is None and value == "":
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        wanted = {str: 'a text, as in "text"', int: "a whole number", float: "a number", bool: "true or false"}[kind]
        raise InvalidValueError(f"run config: {name}: expected {wanted}, found {value!r}")
    return value


def _option(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        message = f"run config: strategy-options: expected name=value with a number, found {text!r}"
        raise InvalidValueError(message) from None
