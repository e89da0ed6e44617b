import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from .._errors import InvalidValueError, MissingDataError
from .._files import write_text
from ..data import ImageData
from ..experiments import (
    RunDirectory,
    Study,
    effects,
    environment,
    load_study,
    run_study,
    studies_by_data,
    study_markdown,
    study_table,
)
from ..train import TrainingConfig, curves_to_csv
from ._console import console, note, progress_bar
from ._options import DataDir, Download, Json, Out, Overwrite, Resume, Seed, Threads, option
from ._task import open_task
from ._training import resumable

Name = Annotated[
    str,
    typer.Argument(help=f"A study, by the data that it wants: {studies_by_data()}; or a TOML file", show_default=False),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data in the place of the study's: digits, mnist, cifar10, cifar100 or folder:PATH",
        show_default=False,
        metavar="DATA",
    ),
]
TrainImages = Annotated[
    int | None,
    typer.Option(
        help="Training images, those of the validation split among them, in the place of the study's number",
        min=2,
        show_default=False,
        metavar="N",
    ),
]
TestImages = Annotated[
    int | None,
    typer.Option(help="Test images, in the place of the study's number", min=1, show_default=False, metavar="N"),
]
BatchSize = Annotated[
    int | None,
    typer.Option(help="Images a step, in the place of the study's", min=1, show_default=False, metavar="N"),
]
Iterations = Annotated[
    int | None,
    typer.Option(help="Iterations, in the place of the study's length", min=1, show_default=False, metavar="N"),
]
Seeds = Annotated[
    int | None,
    typer.Option(help="Runs of each network, with the seeds --seed, --seed + 1, …", min=1, show_default=False),
]
Networks = Annotated[
    list[str] | None,
    typer.Option(
        "--network", help="Train this one and the one compared with alone; may be given again", show_default=False
    ),
]
OnTest = Annotated[
    bool, option("--test", help="Measure on the test images: once, at the end, after all choices are made")
]


def study_command(
    name: Name,
    data: Data = None,
    data_dir: DataDir = None,
    download: Download = False,
    train_images: TrainImages = None,
    test_images: TestImages = None,
    batch_size: BatchSize = None,
    iterations: Iterations = None,
    seeds: Seeds = None,
    seed: Seed = 0,
    networks: Networks = None,
    test: OnTest = False,
    threads: Threads = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train networks that differ in one thing each, and give the effect of each on convergence with its interval.

    All are compared with a control: the chain in the paper's order of operations with nothing rewired. Errors are
    measured on a part of the training images, held out, unless --test says otherwise. A study is a TOML file; the
    package's own are models for yours. Ctrl-C keeps what was done; --resume goes on, with other networks too.

    Example: swann study mnist5 --data-dir ~/data
    """
    if threads is not None:
        torch.set_num_threads(threads)
    written = load_study(name)
    given: dict[str, Any] = {"data": data, "seeds": seeds, "train_images": train_images, "test_images": test_images}
    study = replace(written, **{field: value for field, value in given.items() if value is not None})
    study = replace(study, training=_training(study.training, batch_size, iterations))
    try:
        task = open_task(
            study.model, study.data, data_dir, download=download, image_size=study.image_size, width=study.width
        )
    except MissingDataError as error:
        raise MissingDataError(f"study {study.name} wants {study.data}; or give others with --data: {error}") from error
    if not test and study.test_images is not None:  # none of them is looked at
        study = replace(study, test_images=min(study.test_images, len(task.data.test_labels)))
    _check_counts(study, task.data)
    images = task.data.subset(study.train_images, study.test_images, seed=seed)
    images = images if test else images.split_validation(study.validation)
    settings: dict[str, Any] = {"command": "study", "seed": seed, "test": test, **asdict(study)}
    directory = RunDirectory(
        out or Path("runs") / f"study-{study.name}", settings, resume=resume, overwrite=overwrite, resumable=True
    )
    study.training.total_iterations(len(images.train_images))
    if networks:
        study = study.of(networks)
    of_runs = range(seed, seed + study.seeds)
    runs = [(network, number) for number in of_runs for network in study.networks]
    with resumable(directory):
        with progress_bar("study", "iterations") as move:

            def on_progress(network: str, number: int, done: int, total: int, rate: float, loss: float) -> None:
                before = runs.index((network, number))
                remark = f"run {before + 1} of {len(runs)}: {network}, seed {number}, loss {loss:.4f}, {rate:.0f} it/s"
                move(before * total + done, len(runs) * total, remark)

            histories = run_study(
                study, task.create, images, seeds=of_runs, directory=directory.make(), on_progress=on_progress
            )
        found = effects(histories, study.errors, study.against, chance=1 - 1 / images.n_classes)
        as_text = json.dumps([asdict(effect) for effect in found], indent=2)
        write_text(directory / "study.json", as_text + "\n")
        write_text(directory / "curves.csv", curves_to_csv(histories))
        write_text(directory / "study.md", study_markdown(study, found, images.name, of_runs, environment(), written))
    if as_json:
        print(as_text)
    else:
        console.print(study_table(found))
    note(f"written to {directory.path}: study.json, study.md, curves.csv")


def _training(training: TrainingConfig, batch_size: int | None, iterations: int | None) -> TrainingConfig:
    """Return a study's settings with another batch or length."""
    if batch_size is not None:
        training = replace(training, batch_size=batch_size)
    if iterations is not None:
        evaluate_every = min(training.evaluate_every or iterations, iterations)
        training = replace(training, epochs=None, iterations=iterations, evaluate_every=evaluate_every)
    return training


def _check_counts(study: Study, images: ImageData) -> None:
    """Raise an `InvalidValueError` where a study wants more images than there are."""
    for part, wanted, labels in (
        ("train", study.train_images, images.train_labels),
        ("test", study.test_images, images.test_labels),
    ):
        if wanted is not None and wanted > len(labels):
            raise InvalidValueError(
                f"study {study.name} takes {wanted:,} {part} images and {images.name} has {len(labels):,}; "
                f"take fewer with --{part}-images {len(labels)}"
            )
