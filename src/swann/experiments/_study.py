"""Studies of what makes small-world networks converge faster, kept as data."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from .._errors import FileFormatError, InvalidValueError, UnknownNameError, near_matches
from ..train import TrainingConfig
from ._study_settings import StudyNetwork

CONTROL = "control"
"""The chain in the paper's order with nothing rewired, unless a study says otherwise; each study has it."""


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
        against: the network that the others are compared with.
        image_size: pixels; the dataset's if None.
        width: multiplies the model's channels.
        train_images: training images kept, those of the validation split among them; all if None.
        test_images: test images kept; all if None.
        validation: share of the training images that is held out to measure errors on.

    Raises:
        InvalidValueError: a value out of range, no control, or none to compare with.
    """

    name: str
    title: str
    model: str
    data: str
    errors: tuple[float, ...]
    seeds: int
    training: TrainingConfig
    networks: Mapping[str, StudyNetwork]
    against: str = CONTROL
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
        if self.against not in self.networks:
            raise InvalidValueError(f"against: {self.against!r} is none of the networks: {', '.join(self.networks)}")
        if not self.errors or any(not 0 <= error <= 1 for error in self.errors):
            raise InvalidValueError(f"errors: expected fractions, found {self.errors}")

    def of(self, names: Sequence[str]) -> "Study":
        """Return the study of some of its networks, the control's and the one compared with among them.

        Raises:
            UnknownNameError: it has no such network.
        """
        for name in names:
            if name not in self.networks:
                raise UnknownNameError(f"the study has no network {name!r}: {near_matches(name, self.networks)}")
        kept = {CONTROL, self.against, *names}
        return replace(self, networks={name: each for name, each in self.networks.items() if name in kept})


def study_names() -> list[str]:
    """Return the names of the studies that come with the package."""
    return sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml"))


def studies_by_data() -> str:
    """Return the names of the studies that come with the package, after the data that they want."""
    found: dict[str, list[str]] = {}
    for name in study_names():
        values = tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8"))
        found.setdefault(values["data"], []).append(name)
    return "; ".join(f"{data}: {', '.join(names)}" for data, names in sorted(found.items()))


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
