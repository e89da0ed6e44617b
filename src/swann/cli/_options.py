"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import click
import typer

from .._errors import near_matches

_MODEL, _REWIRING, _DATA, _TRAINING, _MACHINE = "Model", "Rewiring", "Data", "Training", "Machine"
"""Panels of the help."""


class _Choice(click.Choice[str]):
    """One of a few words; near matches are named for any other."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in self.choices:
            self.fail(f"unknown {value!r}: {near_matches(str(value), self.choices)}.", param, ctx)
        return str(value)


def option(*names: str, help: str, panel: str | None = None, choices: tuple[str, ...] = (), **more: Any) -> Any:
    """Return an option with its panel of the help and, where it is one of a few words, these."""
    return typer.Option(
        *names, help=help, rich_help_panel=panel, click_type=_Choice(choices) if choices else None, **more
    )


Model = Annotated[
    str,
    option(
        "--model",
        help="swann:NAME (mnist5, mlp, convnet_c, densenet40, alexnet, resnet18, plain20, plain40), torchvision:NAME, "
        "or package.module:factory",
        show_default=False,
        metavar="MODEL",
    ),
]
Data = Annotated[str, option(help="digits, mnist, cifar10, cifar100 or folder:PATH", panel=_DATA, metavar="DATA")]
DataDir = Annotated[
    Path | None,
    option(help="Folder with the datasets; SWANN_DATA_DIR by default", panel=_DATA, show_default=False, metavar="DIR"),
]
Download = Annotated[bool, option("--download", help="Fetch the dataset if it is not there", panel=_DATA)]
DataSize = Annotated[
    int | None,
    option(
        "--image-size", help="Pixels to resize images to; the dataset's by default", panel=_DATA, min=1, metavar="N"
    ),
]
SkipCorrupt = Annotated[
    bool,
    option("--skip-corrupt", help="Leave images of a folder out that cannot be read, and count them", panel=_DATA),
]
Stream = Annotated[
    bool | None,
    option(
        "--stream/--no-stream",
        help="Decode images of a folder as they are needed; by itself where they exceed 8 GiB",
        panel=_DATA,
        show_default=False,
    ),
]
Validation = Annotated[
    bool,
    option(
        "--validation",
        help="Hold a tenth of the training images out and measure on them instead of the test set",
        panel=_DATA,
    ),
]
ImageSize = Annotated[
    int | None, option(help="Height and width of the images; the model's by default", panel=_MODEL, min=1, metavar="N")
]
Channels = Annotated[
    int | None, option(help="Channels of the images; the model's by default", panel=_MODEL, min=1, metavar="N")
]
Classes = Annotated[int | None, option(help="Classes; the model's by default", panel=_MODEL, min=1, metavar="N")]
Width = Annotated[float, option(help="Multiplies the numbers of channels of the model", panel=_MODEL, metavar="X")]
Probability = Annotated[
    float | None,
    option("--p", help="Probability from 0 to 1; found by the search by default", panel=_REWIRING, metavar="P"),
]
TrainProbability = Annotated[
    float | None,
    option("--p", help="Probability from 0 to 1; nothing is rewired without it", panel=_REWIRING, metavar="P"),
]
DrawOption = Annotated[
    str,
    option(
        "--draw",
        help="Draw new ends over all free nodes, or over layers first",
        panel=_REWIRING,
        choices=("nodes", "layers"),
    ),
]
Repair = Annotated[bool, option(help="Give every node that lost all its inputs one back", panel=_REWIRING)]
Granularity = Annotated[
    int,
    option(
        help="Move blocks of N×N channels together; 1 moves single ones, as the paper does",
        panel=_REWIRING,
        min=1,
        metavar="N",
    ),
]
OrderOption = Annotated[
    str,
    option(
        "--order",
        help="Activation → pooling → norm as in the paper, or the model's own order",
        panel=_REWIRING,
        choices=("paper", "keep"),
    ),
]
Epochs = Annotated[int, option(help="Passes through the training images", panel=_TRAINING, min=1, metavar="N")]
BatchSize = Annotated[
    int | None,
    option(
        help="Images a step; 256, of fewer training images 32 (or all)",
        panel=_TRAINING,
        min=1,
        show_default=False,
        metavar="N",
    ),
]
OptimizerName = Annotated[
    str,
    option(
        "--optimizer",
        help="SGD with Nesterov momentum 0.9, Adadelta with rho 0.95",
        panel=_TRAINING,
        choices=("adadelta", "sgd", "adam", "adamw"),
    ),
]
Accumulate = Annotated[
    int,
    option(
        help="Compute each batch in N parts, one after another, to need less memory",
        panel=_TRAINING,
        min=1,
        metavar="N",
    ),
]
TargetError = Annotated[
    float | None,
    option(
        help="Stop at the first evaluation with this share of wrong answers (0 to 1) or less",
        panel=_TRAINING,
        show_default=False,
        metavar="X",
    ),
]
LearningRate = Annotated[
    float | None,
    option(
        "--lr",
        help="Learning rate; 1 for adadelta, 0.01 for sgd, else 0.001 by default",
        panel=_TRAINING,
        metavar="X",
    ),
]
EvaluateEvery = Annotated[
    int | None,
    option(help="Iterations from one evaluation to the next; an epoch by default", panel=_TRAINING, min=1, metavar="N"),
]
Precision = Annotated[
    str,
    option(
        "--precision",
        help="32-true, 64-true, bf16-mixed, bf16-true or 16-mixed, as in Lightning Fabric",
        panel=_MACHINE,
        metavar="NAME",
        choices=("32-true", "64-true", "bf16-mixed", "bf16-true", "16-mixed"),
    ),
]
Accelerator = Annotated[
    str,
    option("--accelerator", help="Where to compute", panel=_MACHINE, choices=("auto", "cpu", "cuda", "gpu", "mps")),
]
Devices = Annotated[int, option(help="Processes on this machine", panel=_MACHINE, min=1, metavar="N")]
Compile = Annotated[
    bool, option("--compile", help="Train through torch.compile; needs a C++ compiler on a CPU", panel=_MACHINE)
]
Threads = Annotated[
    int | None,
    option(
        help="CPU threads, all cores by default; 1 is best for small networks or beside other work",
        panel=_MACHINE,
        min=1,
        metavar="N",
    ),
]
Seed = Annotated[int, option(help="Seeds everything that is random", min=0, metavar="N")]
Json = Annotated[bool, option("--json", help="Print JSON for a script")]
Out = Annotated[Path | None, option(help="Directory for the results", show_default=False, metavar="DIR")]
OutWithDefault = Annotated[Path, option("--out", help="Directory for the results", metavar="DIR")]
Overwrite = Annotated[bool, option("--overwrite", help="Replace the results that are there")]
Resume = Annotated[bool, option("--resume", help="Go on with the run that the directory holds")]
