from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import torch
import typer
from torch import nn

from .._errors import InvalidValueError
from .._files import replacing, write_text
from ..convert import convert, load, save
from ..experiments import InterruptedRunError, RunDirectory
from ..nn import Order, SmallWorldDenseNet, SmallWorldNetwork
from ..smallworld import Draw
from ..train import History, TensorBoardLogs, fit, plot
from ._console import draw_picture, note, progress_bar, show
from ._options import (
    Accelerator,
    Accumulate,
    BatchSize,
    Compile,
    Data,
    DataDir,
    DataSize,
    Devices,
    Download,
    DrawOption,
    Epochs,
    EvaluateEvery,
    Granularity,
    Json,
    LearningRate,
    OptimizerName,
    OrderOption,
    OutWithDefault,
    Overwrite,
    Precision,
    Repair,
    Resume,
    Seed,
    SkipCorrupt,
    Stream,
    TargetError,
    Threads,
    TrainProbability,
    Validation,
    Width,
    option,
)
from ._task import Task, open_task
from ._training import check_batches, fitting, resumable, start, training_config

ModelOrFile = Annotated[
    str,
    typer.Option(
        "--model",
        help="A model's name (see swann convert --help), or a network.safetensors file that swann convert wrote",
        show_default=False,
        metavar="MODEL",
    ),
]
TensorBoard = Annotated[
    bool,
    option("--tensorboard", help="Write logs for TensorBoard into the directory too, during training"),
]


def train(
    model: ModelOrFile,
    out: OutWithDefault = Path("runs/train"),
    p: TrainProbability = None,
    data: Data = "digits",
    data_dir: DataDir = None,
    download: Download = False,
    image_size: DataSize = None,
    width: Width = 1.0,
    epochs: Epochs = 10,
    batch_size: BatchSize = None,
    optimizer: OptimizerName = "adadelta",
    lr: LearningRate = None,
    accumulate: Accumulate = 1,
    target_error: TargetError = None,
    evaluate_every: EvaluateEvery = None,
    validation: Validation = False,
    skip_corrupt: SkipCorrupt = False,
    stream: Stream = None,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    granularity: Granularity = 1,
    order: OrderOption = "paper",
    precision: Precision = "32-true",
    accelerator: Accelerator = "auto",
    devices: Devices = 1,
    compile: Compile = False,
    threads: Threads = None,
    tensorboard: TensorBoard = False,
    seed: Seed = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train one network: a model as it comes, its small-world twin (with --p), or a converted file.

    Ctrl-C leaves a checkpoint from which --resume goes on. Writes history.csv at every evaluation and, at the end,
    history.json, curves.png and the network (network.safetensors for a small-world network, else weights.pt with its
    state).

    Example: swann train --model swann:mnist5 --p 0.5 --out runs/digits
    """
    config = training_config(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        accumulate=accumulate,
        target_error=target_error,
        compile=compile,
        evaluate_every=evaluate_every,
        precision=precision,
        threads=threads,
        accelerator=accelerator,
        devices=devices,
        seed=seed,
    )
    task = open_task(
        model,
        data,
        data_dir,
        download=download,
        image_size=image_size,
        width=width,
        validation=validation,
        skip_corrupt=skip_corrupt,
        stream=stream,
    )
    config = fitting(config, batch_size, len(task.data.train_images))
    settings: dict[str, Any] = {"command": "train", "model": model, "p": p, "data": task.data.name, "width": width}
    settings |= {"image_size": image_size, "draw": draw, "repair": repair, "order": order}
    settings["granularity"] = granularity
    settings["training"] = config.to_dict()
    directory = RunDirectory(out, settings, resume=resume, overwrite=overwrite, resumable=True)
    check_batches(config, batch_size, len(task.data.train_images))
    network = make_network(task, p, draw, repair, order, granularity, seed)
    fabric = start(config)
    with resumable(directory):
        folder = directory.make() if fabric.is_global_zero else directory.path
        to_tensorboard = tensorboard and fabric.is_global_zero
        with (
            TensorBoardLogs(folder / "tensorboard") if to_tensorboard else nullcontext() as logs,
            progress_bar("train", "iterations") as move,
        ):

            def log(history: History) -> None:
                write_text(folder / "history.csv", history.to_csv())
                if logs is not None:
                    logs.write(history.evaluations[-1])

            history = fit(
                network,
                task.data,
                config,
                checkpoint=folder / "checkpoint-network.ckpt",
                resume=resume,
                on_progress=lambda done, total, rate, loss: move(done, total, f"loss {loss:.4f}, {rate:.0f} it/s"),
                on_evaluation=log,
                fabric=fabric,
            )
        if history.interrupted:
            raise InterruptedRunError(out)
        if not fabric.is_global_zero:
            return
        weights = _write(network, history, directory, model)
    if as_json:
        print(history.to_json())
    else:
        show(str(history))
    note(f"written to {out}: history.json, history.csv, curves.png, {weights}")


def _write(network: nn.Module, history: History, directory: RunDirectory, model: str) -> str:
    """Write a run's results and return the name of the file with the weights."""
    write_text(directory / "history.json", history.to_json() + "\n")
    draw_picture(partial(plot, {model: [history]}), directory / "curves.png")
    return write_network(network, directory)


def write_network(network: nn.Module, directory: RunDirectory) -> str:
    """Write a network and return the name of its file."""
    if isinstance(network, (SmallWorldNetwork, SmallWorldDenseNet)):
        save(network, directory / "network.safetensors")
        return "network.safetensors"
    with replacing(directory / "weights.pt") as temporary:
        torch.save(network.state_dict(), temporary)
    return "weights.pt"


def is_saved(model: str) -> bool:
    """Return whether `--model` names a file, or a directory, in the place of a model."""
    return model.endswith(".safetensors") or (":" not in model and Path(model).exists())


def make_network(
    task: Task, p: float | None, draw: str, repair: bool, order: str, granularity: int, seed: int
) -> nn.Module:
    """Return what the options name: a model as it comes, its small-world twin, or a converted file."""
    if is_saved(task.model):
        if p is not None:
            raise InvalidValueError(f"{task.model} is converted already; leave out --p")
        network = load(task.model).train()
        if network.plan.input_shape != task.data.input_shape:
            raise InvalidValueError(
                f"{task.model} reads inputs of {network.plan.input_shape}, "
                f"{task.data.name} has images of {task.data.input_shape}"
            )
        task.check(network)
        return network
    model = task.create(seed)
    if p is None:
        return model
    return convert(
        model,
        task.example(),
        p,
        seed=seed,
        draw=cast(Draw, draw),
        repair=repair,
        order=cast(Order, order),
        granularity=granularity,
    )
