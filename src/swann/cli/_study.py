import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from .._files import write_text
from ..experiments import (
    RunDirectory,
    effects,
    environment,
    load_study,
    run_study,
    study_markdown,
    study_names,
    study_table,
)
from ..train import curves_to_csv
from ._console import console, note, progress_bar
from ._options import DataDir, Download, Json, Out, Overwrite, Resume, Seed, Threads, option
from ._task import open_task
from ._training import resumable

Name = Annotated[str, typer.Argument(help=f"{', '.join(study_names())}, or a TOML file", show_default=False)]
Data = Annotated[str | None, typer.Option(help="Data in the place of the study's", show_default=False, metavar="DATA")]
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
    study = load_study(name)
    study = replace(study, data=data or study.data, seeds=seeds or study.seeds)
    task = open_task(
        study.model, study.data, data_dir, download=download, image_size=study.image_size, width=study.width
    )
    images = task.data.subset(study.train_images, study.test_images, seed=seed)
    images = images if test else images.split_validation(study.validation)
    study.training.total_iterations(len(images.train_images))
    settings: dict[str, Any] = {"command": "study", "seed": seed, "test": test, **asdict(study)}
    directory = RunDirectory(
        out or Path("runs") / f"study-{study.name}", settings, resume=resume, overwrite=overwrite, resumable=True
    )
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
        write_text(directory / "study.md", study_markdown(study, found, images.name, of_runs, environment()))
    if as_json:
        print(as_text)
    else:
        console.print(study_table(found))
    note(f"written to {directory.path}: study.json, study.md, curves.csv")
