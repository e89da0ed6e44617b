import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal, get_args

from .._errors import FileFormatError, InvalidValueError, UnknownNameError, near_matches
from ..smallworld import check_probability
from ..train import TrainingConfig

Kind = Literal["convergence", "sweep", "weights", "overhead"]
Scale = Literal["full", "small"]

ALIASES = {"table3": "fig10", "table3-cifar100": "fig10-cifar100", "table4": "fig11"}
"""Tables that hold figures of the same runs."""


@dataclass(frozen=True)
class PaperPoint:
    """A row of the paper's point-wise comparisons.

    Args:
        baseline_error: test error of the baseline, in percent.
        baseline: its iterations to that error.
        twin_error: test error of the small-world network, in percent.
        twin: its iterations to that error.
    """

    baseline_error: float
    baseline: int
    twin_error: float
    twin: int

    @property
    def speed_up(self) -> float:
        """Iterations of the baseline over those of the small-world network."""
        return self.baseline / self.twin


@dataclass(frozen=True)
class Paper:
    """What the paper found.

    Args:
        note: in a sentence.
        points: errors and iterations.
    """

    note: str
    points: tuple[PaperPoint, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """An experiment of the paper as data.

    Args:
        name: of the recipe.
        scale: 'full' as in the paper, 'small' for two CPU cores.
        title: for tables and pictures.
        kind: 'convergence' compares networks, 'sweep' trains one for each p, 'weights' shows trained weights,
            'overhead' times inference.
        model: by name, see `swann.models.create`.
        data: by name, see `swann.data.load`.
        p: rewiring probabilities.
        seeds: runs of each network.
        paper: what the paper found.
        training: settings; the seed is replaced. None where nothing is trained.
        image_size: pixels; the dataset's if None.
        width: multiplies the model's channels.
        stream: leave images in their files, see `swann.data.load`; where they exceed its limit if None.
        train_images: training images kept; all if None.
        test_images: test images kept; all if None.

    Raises:
        InvalidValueError: a value out of range.
    """

    name: str
    scale: Scale
    title: str
    kind: Kind
    model: str
    data: str
    p: tuple[float, ...]
    seeds: int
    paper: Paper
    training: TrainingConfig | None = None
    image_size: int | None = None
    width: float = 1.0
    stream: bool | None = None
    train_images: int | None = None
    test_images: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InvalidValueError(f"kind: {self.kind!r} is not known; {near_matches(self.kind, get_args(Kind))}")
        if self.seeds < 1:
            raise InvalidValueError(f"seeds: expected 1 or more, found {self.seeds}")
        if not self.p or (len(self.p) > 1 and self.kind != "sweep"):
            raise InvalidValueError(f"p: expected {'one or more' if self.kind == 'sweep' else 'one'}, found {self.p}")
        for p in self.p:
            check_probability(p)
        if (self.training is None) != (self.kind == "overhead"):
            raise InvalidValueError(f"training: expected {'none' if self.training else 'settings'} of a {self.kind}")


def recipe_names() -> list[str]:
    """Return the names of all recipes, with those of the tables that hold figures of the same runs."""
    own = [file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")]
    return sorted([*own, *ALIASES])


def load_recipe(name: str, scale: Scale = "full") -> Recipe:
    """Return a recipe that comes with the package.

    Args:
        name: see `recipe_names`.
        scale: 'full' as in the paper; 'small' for two CPU cores: narrower, fewer images and iterations.

    Raises:
        UnknownNameError: there is no such recipe or scale.

    >>> load_recipe("fig9").training.batch_size
    256
    """
    if name not in recipe_names():
        raise UnknownNameError(f"unknown recipe {name!r}: {near_matches(name, recipe_names())}")
    name = ALIASES.get(name, name)
    return parse_recipe(name, (_folder() / f"{name}.toml").read_text(encoding="utf-8"), scale)


def parse_recipe(name: str, text: str, scale: Scale) -> Recipe:
    """Return the recipe of a TOML text.

    Raises:
        FileFormatError: no TOML, an unknown key, a value missing or out of range.
        UnknownNameError: there is no such scale.
    """
    if scale not in get_args(Scale):
        raise UnknownNameError(f"unknown scale {scale!r}: {near_matches(scale, get_args(Scale))}")
    try:
        values = tomllib.loads(text)
        small = values.pop("small", {})
        if scale == "small":
            values = merged(values, small)
        training = values.pop("training", None)
        paper = values.pop("paper")
        points = tuple(PaperPoint(**point) for point in paper.pop("points", ()))
        return Recipe(
            name=name,
            scale=scale,
            paper=Paper(**paper, points=points),
            training=None if training is None else TrainingConfig.from_dict(training),
            p=tuple(values.pop("p")),
            **values,
        )
    except (tomllib.TOMLDecodeError, InvalidValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"recipe {name}: {type(error).__name__}: {error}") from error


def _folder() -> Any:
    return files(__package__) / "recipes"


def merged(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with others in their place, table by table."""
    result = dict(values)
    for key, value in others.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result
