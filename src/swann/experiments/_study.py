"""Studies of what makes small-world networks converge faster, kept as data."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, get_args

from .._errors import FileFormatError, InvalidValueError, UnknownNameError, near_matches
from ..nn import Order
from ..smallworld import Draw, check_granularity, check_probability
from ..train import TrainingConfig

Initialisation = Literal["in-degree", "dense"]

CONTROL = "control"
"""The network that the others are compared with: the chain in the paper's order, nothing rewired, unless a study says
otherwise."""


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
        initialisation: variance of the weights from the true fan-in of each node ('in-degree', as `swann.convert`), or
            from the one that its layer has without rewiring ('dense').
        long_scale: multiplies the first weights of links that skip a layer or more; with 0 they start at zero.
        draws: the rewiring of the largest small-worldness S among so many.
        shortcuts: of a model as it comes: whether it has its shortcuts, as `shortcuts` of `swann.models.create`.

    Raises:
        InvalidValueError: a value out of range.
        UnknownNameError: `draw` or `order` is not known.
    """

    converted: bool = True
    p: float = 0.0
    draw: Draw = "nodes"
    repair: bool = True
    order: Order = "paper"
    granularity: int = 1
    lr_factor: float = 1.0
    initialisation: Initialisation = "in-degree"
    long_scale: float = 1.0
    draws: int = 1
    shortcuts: bool = False

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_granularity(self.granularity)
        choices = {"draw": get_args(Draw), "order": get_args(Order), "initialisation": get_args(Initialisation)}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise UnknownNameError(f"{name}: {getattr(self, name)!r} is not known; {near_matches('', known)}")
        if not self.lr_factor > 0:
            raise InvalidValueError(f"lr_factor: expected a number above 0, found {self.lr_factor!r}")
        if not 0 <= self.long_scale < math.inf:
            raise InvalidValueError(f"long_scale: expected a number, 0 or more, found {self.long_scale!r}")
        if type(self.draws) is not int or self.draws < 1:
            raise InvalidValueError(f"draws: expected a whole number, 1 or more, found {self.draws!r}")
        if self.converted and self.shortcuts:
            raise InvalidValueError("shortcuts: converting leaves them out; expected converted = false beside them")
        of_twins = [each for each in fields(self) if each.name not in ("converted", "lr_factor", "shortcuts")]
        given = [each.name for each in of_twins if getattr(self, each.name) != each.default]
        if given and not self.converted:
            raise InvalidValueError(f"converted: a model as it comes has no {', '.join(given)}")


@dataclass(frozen=True)
class Study:
    """Networks trained alike, and the errors at which they are compared.

    Args:
        name: of the study.
        title: for tables and pages.
        model: by name, see `swann.models.create`.
        data: by name, see `swann.data.load`.
        errors: on the validation split, fractions; fixed before anything is trained.
        seeds: runs of each network.
        training: settings; the seed is replaced.
        networks: by name; one of them is `"control"`.
        image_size: pixels; the dataset's if None.
        width: multiplies the model's channels.
        train_images: training images kept, those of the validation split among them; all if None.
        test_images: test images kept; all if None.
        validation: share of the training images that is held out to measure errors on.

    Raises:
        InvalidValueError: a value out of range, or no control.
    """

    name: str
    title: str
    model: str
    data: str
    errors: tuple[float, ...]
    seeds: int
    training: TrainingConfig
    networks: Mapping[str, StudyNetwork]
    image_size: int | None = None
    width: float = 1.0
    train_images: int | None = None
    test_images: int | None = None
    validation: float = 0.2

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise InvalidValueError(f"seeds: expected 1 or more, found {self.seeds}")
        if CONTROL not in self.networks or len(self.networks) < 2:
            raise InvalidValueError(f"networks: expected {CONTROL!r} and another, found {', '.join(self.networks)}")
        if not self.errors or any(not 0 <= error <= 1 for error in self.errors):
            raise InvalidValueError(f"errors: expected fractions, found {self.errors}")


def study_names() -> list[str]:
    """Return the names of the studies that come with the package."""
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))


def load_study(name: str) -> Study:
    """Return a study by its name, or from a TOML file.

    Args:
        name: see `study_names`; or the path of a file, which ends in `.toml`.

    Raises:
        UnknownNameError: there is no such study.
        FileFormatError: the file is no TOML, has an unknown key, or a value is missing or out of range.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise UnknownNameError(f"there is no file {name}")
        return parse_study(path.stem, path.read_text(encoding="utf-8"))
    if name not in study_names():
        raise UnknownNameError(f"unknown study {name!r}: {near_matches(name, study_names())}")
    return parse_study(name, (_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def parse_study(name: str, text: str) -> Study:
    """Return the study of a TOML text.

    Raises:
        FileFormatError: no TOML, an unknown key, a value missing or out of range.
    """
    try:
        values = tomllib.loads(text)
        networks = {CONTROL: StudyNetwork()}
        networks |= {network: StudyNetwork(**settings) for network, settings in values.pop("networks").items()}
        return Study(
            name=name,
            errors=tuple(values.pop("errors")),
            training=TrainingConfig.from_dict(values.pop("training")),
            networks=networks,
            **values,
        )
    except (
        *(tomllib.TOMLDecodeError, InvalidValueError, UnknownNameError),
        *(KeyError, TypeError, AttributeError),
    ) as error:
        raise FileFormatError(f"study {name}: {type(error).__name__}: {error}") from error


def _folder() -> Any:
    return files(__package__) / "studies"
