import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from .._errors import InvalidValueError
from .._files import write_text
from ..convert import load, save
from ..data import ImageData, decoded
from ..experiments import InterruptedRunError, RunDirectory, environment, personalize
from ..train import plot
from ._console import draw_picture, note, progress_bar, show
from ._options import (
    Data,
    DataDir,
    DataSize,
    Json,
    LearningRate,
    OutWithDefault,
    Overwrite,
    Resume,
    Seed,
    SkipCorrupt,
    Threads,
    option,
)
from ._task import open_images
from ._training import SMALL_BATCH, check_batches, fitting, resumable, training_config

Saved = Annotated[
    Path, typer.Argument(help="A network.safetensors file of convert, train or federated", metavar="NETWORK")
]
MemoryLimit = Annotated[
    float | None,
    option(
        help="Most resident memory of the program in MB, libraries and images included; the batch is computed in the "
        "largest parts that fit",
        panel="Machine",
        show_default=False,
        metavar="MB",
    ),
]
Layers = Annotated[
    str, option("--layers", help="Train all layers, or the last alone", panel="Training", choices=("all", "last"))
]
Epochs = Annotated[int, option(help="Passes through the training images", panel="Training", min=1, metavar="N")]
BatchSize = Annotated[
    int | None,
    option(
        help="Images a step; 32, or all training images if they are fewer",
        panel="Training",
        min=1,
        show_default=False,
        metavar="N",
    ),
]

_LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue (ITU-R BT.601)."""


def personalize_command(
    network: Saved,
    data: Data,
    out: OutWithDefault = Path("runs/personal"),
    data_dir: DataDir = None,
    image_size: DataSize = None,
    skip_corrupt: SkipCorrupt = False,
    layers: Layers = "all",
    epochs: Epochs = 5,
    batch_size: BatchSize = None,
    lr: LearningRate = None,
    memory_limit: MemoryLimit = None,
    threads: Threads = None,
    seed: Seed = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a saved small-world network on your own images, on the CPU, under a ceiling of memory.

    Prints the accuracy on the test images (test/<class> or val/<class>) before and after, seconds, and the peak memory
    of the program. Images are brought to the size that the network reads, made grey where it reads one channel, and
    normalised by their own mean and standard deviation. SGD with Nesterov's momentum of 0.9. The file of the network
    stays as it is; the new one goes to the directory, with personalize.json, history.json and curves.png. Ends with
    exit code 1 if the ceiling was not kept.

    Example: swann personalize runs/net/network.safetensors --data folder:photos --memory-limit 800 --out runs/mine
    """
    config = training_config(
        epochs=epochs,
        batch_size=batch_size or SMALL_BATCH,
        optimizer="sgd",
        lr=lr,
        evaluate_every=None,
        threads=threads,
        accelerator="cpu",
        seed=seed,
    )
    if memory_limit is not None and not memory_limit > 0:
        raise InvalidValueError(f"--memory-limit: expected a number of MB above 0, found {memory_limit:g}")
    loaded = load(network)
    channels, size, _ = _image_shape(loaded.plan.input_shape, network)
    images = _fitting(open_images(data, data_dir, image_size=image_size or size, skip_corrupt=skip_corrupt), channels)
    config = fitting(config, batch_size, len(images.train_images))
    settings: dict[str, Any] = {"command": "personalize", "network": str(network), "data": images.name}
    settings |= {"image_size": image_size, "layers": layers, "memory_limit": memory_limit}
    settings["training"] = config.to_dict()
    directory = RunDirectory(out, settings, resume=resume, overwrite=overwrite, resumable=True)
    check_batches(config, batch_size, len(images.train_images), SMALL_BATCH)
    with resumable(directory):
        if memory_limit is not None:
            note("measuring the memory of a training step …")
        with progress_bar("personalize", "iterations") as move:
            found = personalize(
                loaded,
                images,
                config,
                layers=layers,
                memory_limit=None if memory_limit is None else round(memory_limit * 1e6),
                checkpoint=directory / "checkpoint-network.ckpt",
                resume=resume,
                on_progress=lambda done, total, rate, loss: move(done, total, f"loss {loss:.4f}, {rate:.0f} it/s"),
                on_note=note,
            )
        if found.history.interrupted:
            raise InterruptedRunError(out)
        values = found.to_dict() | {"layers": layers, "environment": environment()}
        write_text(directory / "personalize.json", json.dumps(values, indent=2) + "\n")
        write_text(directory / "history.json", found.history.to_json() + "\n")
        draw_picture(partial(plot, {network.stem: [found.history]}), directory / "curves.png")
        save(loaded, directory / "network.safetensors")
    if as_json:
        print(json.dumps(values, indent=2))
    else:
        show(str(found))
    note(f"written to {out}: personalize.json, history.json, curves.png, network.safetensors")
    if not found.is_within:
        note(f"swann: the ceiling of {memory_limit:g} MB was not kept; set it lower, or give it more memory")
        raise typer.Exit(1)


def _image_shape(shape: tuple[int, ...], path: Path) -> tuple[int, int, int]:
    if len(shape) != 3 or shape[1] != shape[2]:
        raise InvalidValueError(f"{path}: it reads inputs of {shape}; expected square images")
    return shape[0], shape[1], shape[2]


def _fitting(images: ImageData, channels: int) -> ImageData:
    """Return images made grey where the network reads one channel."""
    if channels != 1 or images.input_shape[0] != 3:
        return images
    weights = torch.tensor(_LUMINANCE).view(1, 3, 1, 1)

    def grey(colours: torch.Tensor) -> torch.Tensor:
        return (colours * weights).sum(1, keepdim=True).round().to(torch.uint8)

    made = ImageData.from_tensors(
        f"{images.name}, grey",
        images.classes,
        grey(decoded(images.train_images)),
        images.train_labels,
        grey(decoded(images.test_images)),
        images.test_labels,
        images.source,
    )
    return replace(made, skipped=images.skipped)
