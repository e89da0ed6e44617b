"""The paper's federated experiment as data."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files

from .._errors import FileFormatError, InvalidValueError, UnknownNameError
from ..federated import FederatedConfig
from ..smallworld import check_probability
from ._recipe import Paper, PaperPoint, Scale, merged


@dataclass(frozen=True)
class FederatedSetting:
    """One way to deal images out.

    Args:
        partition: 'iid', 'shards' or 'dirichlet'.
        config: rounds and all else.
        alpha: of the Dirichlet distribution.
        paper: its figures.
    """

    partition: str
    config: FederatedConfig
    alpha: float
    paper: Paper


@dataclass(frozen=True)
class FederatedRecipe:
    """Networks trained by clients of several kinds.

    Args:
        title: for tables and pictures.
        scale: 'full' as in the paper, 'small' for two CPU cores.
        model: by name, see `swann.models.create`.
        data: by name, see `swann.data.load`.
        p: rewiring probability of the twin.
        seeds: runs of each network.
        clients: that share the training images.
        settings: by name.
        train_images: training images kept; all if None.
        test_images: test images kept; all if None.
    """

    title: str
    scale: Scale
    model: str
    data: str
    p: float
    seeds: int
    clients: int
    settings: Mapping[str, FederatedSetting]
    train_images: int | None = None
    test_images: int | None = None

    def __post_init__(self) -> None:
        check_probability(self.p)
        if self.seeds < 1 or self.clients < 1:
            raise InvalidValueError(f"seeds and clients: expected 1 or more, found {self.seeds} and {self.clients}")


def load_federated_recipe(scale: Scale = "full") -> FederatedRecipe:
    """Return the recipe of Table VII and Fig. 12."""
    text = (files(__package__) / "federated" / "table7.toml").read_text(encoding="utf-8")
    return parse_federated_recipe(text, scale)


def parse_federated_recipe(text: str, scale: Scale) -> FederatedRecipe:
    """Return the recipe of a TOML text.

    Raises:
        FileFormatError: no TOML, an unknown key, a value missing or out of range.
    """
    try:
        values = tomllib.loads(text)
        small = values.pop("small", {})
        if scale == "small":
            values = merged(values, small)
        common = FederatedConfig.from_dict(values.pop("federated"))
        paper = values.pop("paper")
        settings = {}
        for name, setting in values.pop("settings").items():
            points = tuple(PaperPoint(**point) for point in paper["points"].get(name, ()))
            settings[name] = FederatedSetting(
                partition=setting["partition"],
                config=replace(common, rounds=setting["rounds"]),
                alpha=setting.get("alpha", 0.5),
                paper=Paper(paper["note"], points),
            )
        return FederatedRecipe(scale=scale, settings=settings, **values)
    except (
        *(tomllib.TOMLDecodeError, InvalidValueError, UnknownNameError),
        *(KeyError, TypeError, AttributeError),
    ) as error:
        raise FileFormatError(f"federated recipe: {type(error).__name__}: {error}") from error
