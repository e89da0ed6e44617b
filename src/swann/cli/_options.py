"""Options that several commands share, and what they stand for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from .._errors import InvalidValueError
from ..data import ImageData, load
from ..models import create

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="swann:NAME (mnist5, convnet_c, alexnet, resnet18), torchvision:NAME, or package.module:factory",
        show_default=False,
    ),
]
Data = Annotated[str, typer.Option(help="digits, mnist, cifar10, cifar100 or folder:PATH")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder with the datasets; SWANN_DATA_DIR by default", show_default=False)
]
Download = Annotated[bool, typer.Option("--download", help="Fetch the dataset if it is not there")]
ImageSize = Annotated[
    int | None, typer.Option(help="Height and width of the images in pixels; the dataset's by default", min=1)
]
Width = Annotated[float, typer.Option(help="Multiplies the numbers of channels of the model")]
Probability = Annotated[
    float | None, typer.Option("--p", help="Rewiring probability from 0 to 1; found by the search by default")
]
DrawOption = Annotated[
    str, typer.Option("--draw", help="New ends are drawn over all free 'nodes' or over 'layers' first")
]
Repair = Annotated[bool, typer.Option(help="Give every node that lost all its inputs one back")]
OrderOption = Annotated[
    str, typer.Option("--order", help="'paper' for activation → pooling → norm, 'keep' for the model's own order")
]
Seed = Annotated[int, typer.Option(help="Seeds everything that is random", min=0)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script")]
Out = Annotated[Path | None, typer.Option(help="Directory for the results", show_default=False)]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the run that the directory holds")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that the directory holds")]
Epochs = Annotated[int, typer.Option(help="Passes through the training images", min=1)]
BatchSize = Annotated[int, typer.Option(help="Images a step", min=1)]
OptimizerName = Annotated[str, typer.Option("--optimizer", help="adadelta, sgd, adam or adamw")]
LearningRate = Annotated[
    float | None, typer.Option("--lr", help="Learning rate; 1 for adadelta, 0.01 for sgd, else 0.001 by default")
]
EvaluateEvery = Annotated[
    int | None, typer.Option(help="Iterations from one evaluation to the next; once an epoch by default", min=1)
]
Threads = Annotated[
    int | None,
    typer.Option(help="CPU threads; 1 is best for small networks or beside other work, all cores by default", min=1),
]
Precision = Annotated[str, typer.Option(help="As in Lightning Fabric: 32-true, bf16-mixed, …")]
Accelerator = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]
Devices = Annotated[int, typer.Option(help="Processes on this machine", min=1)]
Validation = Annotated[
    bool,
    typer.Option(
        "--validation", help="Hold a tenth of the training images out and measure on them instead of the test set"
    ),
]


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

    def create(self, seed: int) -> nn.Module:
        """Return a new model whose weights a seed decides."""
        channels, height, width = self.data.input_shape
        if height != width:
            raise InvalidValueError(f"{self.data.name}: images are {height}×{width}; give --image-size for square ones")
        return create(
            self.model,
            in_channels=channels,
            n_classes=self.data.n_classes,
            image_size=height,
            width=self.width,
            seed=seed,
        )

    def example(self) -> torch.Tensor:
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
) -> Task:
    """Return the dataset and model that the options name."""
    images = load(data, data_dir=data_dir, download=download, image_size=image_size)
    return Task(images.split_validation() if validation else images, model, width)


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
    "convnet_c": Shape(3, 32, 10),
    "alexnet": Shape(3, 224, 1000),
    "resnet18": Shape(3, 224, 1000),
}
"""What the models of the paper's Table I read."""

Channels = Annotated[int | None, typer.Option(help="Channels of the images; the model's usual ones by default", min=1)]
Classes = Annotated[int | None, typer.Option(help="Classes; the model's usual ones by default", min=1)]


def open_model(
    model: str, *, channels: int | None, image_size: int | None, classes: int | None, width: float, seed: int
) -> tuple[nn.Module, torch.Tensor]:
    """Return a model and example inputs of the shape that the options name."""
    usual = SHAPES.get(model.removeprefix("swann:"), Shape(3, 224, 1000))
    channels, image_size = channels or usual.channels, image_size or usual.image_size
    network = create(
        model,
        in_channels=channels,
        n_classes=classes or usual.classes,
        image_size=image_size,
        width=width,
        seed=seed,
    )
    return network, torch.zeros(1, channels, image_size, image_size)
