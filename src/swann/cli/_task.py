"""The models and datasets that the options name."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .._errors import InvalidValueError
from ..data import ImageData, load
from ..models import create
from ._console import note

_NAMED = 5
"""Images left out that are named; the others are counted."""


@dataclass(frozen=True)
class Task:
    """A dataset, and a model for its images by name.

    Args:
        data: the images.
        model: the model's name.
        width: multiplies its numbers of channels.
    """

    data: ImageData
    model: str
    width: float

    def create(self, seed: int, *, shortcuts: bool = False) -> nn.Module:
        """Return a new model whose weights a seed decides, with shortcuts if asked for."""
        channels, height, width = self.data.input_shape
        if height != width:
            raise InvalidValueError(f"{self.data.name}: images are {height}×{width}; give --image-size for square ones")
        with _modules_here():
            network = create(
                self.model,
                in_channels=channels,
                n_classes=self.data.n_classes,
                image_size=height,
                width=self.width,
                shortcuts=shortcuts,
                seed=seed,
            )
        self.check(network)
        return network

    def check(self, network: nn.Module) -> None:
        """Raise an `InvalidValueError` unless a network reads the images and tells all classes apart."""
        outputs = _outputs(network, self.example())
        expected = f"expected a tensor of shape (1, {self.data.n_classes}) for one image of {self.data.name}"
        if isinstance(outputs, Exception):
            raise InvalidValueError(
                f"{self.model} cannot read the images of {self.data.name} ({_shape(self.example())}): "
                f"{type(outputs).__name__}: {_first_line(outputs)}; choose another --image-size, model or dataset"
            ) from outputs
        if not isinstance(outputs, Tensor):
            raise InvalidValueError(f"{self.model} returns a {type(outputs).__name__}; {expected}")
        if outputs.ndim != 2 or len(outputs) != 1 or outputs.shape[1] < self.data.n_classes:
            raise InvalidValueError(f"{self.model} returns shape {tuple(outputs.shape)}; {expected}")

    def example(self) -> Tensor:
        """Return inputs of the shape that the model reads."""
        return torch.zeros(1, *self.data.input_shape)


def open_task(
    model: str,
    data: str,
    data_dir: Path | None,
    *,
    download: bool = False,
    image_size: int | None = None,
    width: float = 1.0,
    validation: bool = False,
    skip_corrupt: bool = False,
    stream: bool | None = None,
) -> Task:
    """Return the dataset and model that the options name."""
    images = open_images(
        data, data_dir, download=download, image_size=image_size, skip_corrupt=skip_corrupt, stream=stream
    )
    return Task(images.split_validation() if validation else images, model, width)


def open_images(
    data: str,
    data_dir: Path | None,
    *,
    download: bool = False,
    image_size: int | None = None,
    skip_corrupt: bool = False,
    stream: bool | None = None,
) -> ImageData:
    """Return the dataset that the options name, and say which images were left out."""
    images = load(
        data,
        data_dir=data_dir,
        download=download,
        image_size=image_size,
        skip_corrupt=skip_corrupt,
        stream=stream,
    )
    if images.skipped:
        more = f"; and {len(images.skipped) - _NAMED:,} more" if len(images.skipped) > _NAMED else ""
        named = "; ".join(images.skipped[:_NAMED])
        found = "1 image" if len(images.skipped) == 1 else f"{len(images.skipped):,} images"
        note(f"left out {found} that cannot be read: {named}{more}")
    return images


@dataclass(frozen=True)
class Shape:
    """The inputs that a model is made for, without a dataset.

    Args:
        channels: of the images.
        image_size: height and width in pixels.
        classes: of the classifier.
    """

    channels: int
    image_size: int
    classes: int


SHAPES = {
    "mnist5": Shape(1, 28, 10),
    "mlp": Shape(1, 28, 10),
    "convnet_c": Shape(3, 32, 10),
    "densenet40": Shape(3, 32, 10),
    "alexnet": Shape(3, 224, 1000),
    "resnet18": Shape(3, 224, 1000),
    "plain20": Shape(3, 32, 10),
    "plain40": Shape(3, 32, 10),
}
"""What the models of `swann.models` read."""


def open_model(
    model: str, *, channels: int | None, image_size: int | None, classes: int | None, width: float, seed: int
) -> tuple[nn.Module, Tensor]:
    """Return a model and example inputs of the shape that the options name."""
    usual = SHAPES.get(model.removeprefix("swann:"), Shape(3, 224, 1000))
    channels, image_size = channels or usual.channels, image_size or usual.image_size
    with _modules_here():
        network = create(
            model,
            in_channels=channels,
            n_classes=classes or usual.classes,
            image_size=image_size,
            width=width,
            seed=seed,
        )
    example = torch.zeros(1, channels, image_size, image_size)
    outputs = _outputs(network, example)
    if isinstance(outputs, Exception):
        raise InvalidValueError(
            f"{model} cannot read inputs of {_shape(example)}: {type(outputs).__name__}: {_first_line(outputs)}; "
            "say what it reads with --channels and --image-size"
        ) from outputs
    return network, example


def _outputs(network: nn.Module, example: Tensor) -> Any:
    """Return what a network makes of inputs, or the error that it ends in; its state stays as it was."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return network(example)
    except Exception as error:
        return error
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextlib.contextmanager
def _modules_here() -> Iterator[None]:
    """Make modules in the current directory importable, as `python -m` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def _shape(example: Tensor) -> str:
    return "×".join(map(str, example.shape[1:]))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
