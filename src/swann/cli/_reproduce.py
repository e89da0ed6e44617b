from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from .._errors import UnknownNameError, near_matches
from .._files import write_text
from ..experiments import (
    RunDirectory,
    architectures,
    architectures_markdown,
    architectures_table,
    environment,
    load_recipe,
    recipe_names,
    reproduce_table2,
    table2_markdown,
    table2_tables,
    table2_verdict,
)
from ._console import console, note, progress_bar
from ._options import (
    Accelerator,
    Accumulate,
    Compile,
    DataDir,
    Devices,
    Download,
    Json,
    Out,
    Overwrite,
    Precision,
    Resume,
    Seed,
    SkipCorrupt,
    Stream,
    Threads,
    Validation,
    option,
)
from ._recipe import RecipeOptions, run_recipe

_TABLES = ("table1", "table2")
_FEDERATED = ("table7", "fig12")
_TABLE2_SEEDS = 5

Name = Annotated[
    str,
    typer.Argument(
        help="table1, table2, fig6, fig9, fig10 (= table3), fig10-cifar100 (= table3-cifar100), "
        "fig11 (= table4), fig12 (= table7), fig13, table5, table6 or overhead",
        show_default=False,
    ),
]
Scale = Annotated[
    str,
    option(
        "--scale",
        help="As in the paper, or narrower with fewer images and iterations, for two CPU cores",
        choices=("full", "small"),
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        help="Data in the place of the recipe's: digits, mnist, cifar10, cifar100 or folder:PATH",
        show_default=False,
        metavar="DATA",
    ),
]
P = Annotated[float | None, typer.Option("--p", help="p in the place of the recipe's", show_default=False, metavar="P")]
Seeds = Annotated[
    int | None,
    typer.Option(help="Runs or rewirings, with the seeds --seed, --seed + 1, …", min=1, show_default=False),
]
Iterations = Annotated[
    int | None,
    typer.Option(
        help="Iterations (rounds, where it is federated) in the place of the recipe's length",
        min=1,
        show_default=False,
        metavar="N",
    ),
]


def reproduce(
    name: Name,
    scale: Scale = "full",
    data: Data = None,
    data_dir: DataDir = None,
    download: Download = False,
    p: P = None,
    iterations: Iterations = None,
    seeds: Seeds = None,
    seed: Seed = 0,
    validation: Validation = False,
    skip_corrupt: SkipCorrupt = False,
    stream: Stream = None,
    precision: Precision = "32-true",
    accelerator: Accelerator = "auto",
    devices: Devices = 1,
    accumulate: Accumulate = 1,
    compile: Compile = False,
    threads: Threads = None,
    out: Out = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Repeat an experiment of the paper from its recipe, and print its figures beside ours.

    Trainings have controls beside the twin: the baseline as it comes, the baseline in the paper's order of operations
    with nothing rewired, and a network with all edges rewired. Results go to runs/NAME unless --out says where; table1
    and table2 are written with --out alone. Ctrl-C keeps what was done; --resume goes on.

    Example: swann reproduce fig9 --scale small --data-dir ~/data
    """
    known = (*_TABLES, *recipe_names(), *_FEDERATED)
    if name not in known:
        raise UnknownNameError(f"cannot reproduce {name!r}: {near_matches(name, known)}")
    if name == "table1":
        _table1(out, overwrite, as_json)
    elif name == "table2":
        _table2(_TABLE2_SEEDS if seeds is None else seeds, seed, out, overwrite, as_json)
    else:
        options = RecipeOptions(
            data=data,
            data_dir=data_dir,
            download=download,
            p=p,
            iterations=iterations,
            seeds=seeds,
            seed=seed,
            validation=validation,
            skip_corrupt=skip_corrupt,
            stream=stream,
            precision=precision,
            accelerator=accelerator,
            devices=devices,
            accumulate=accumulate,
            compile=compile,
            threads=threads,
            out=out or Path("runs") / name,
            resume=resume,
            overwrite=overwrite,
            as_json=as_json,
        )
        if name in _FEDERATED:
            from ._federated_recipe import run_federated_recipe  # needs the extra 'federated'

            run_federated_recipe("small" if scale == "small" else "full", options)
            return
        run_recipe(load_recipe(name, "small" if scale == "small" else "full"), options)


def _table1(out: Path | None, overwrite: bool, as_json: bool) -> None:
    settings = {"command": "reproduce", "name": "table1"}
    with nullcontext() if out is None else RunDirectory(out, settings, overwrite=overwrite) as directory:
        found = architectures()
        if directory is not None:
            write_text(directory / "table1.md", architectures_markdown(found, environment()))
    if as_json:
        console.print_json(data=[vars(one) for one in found])
    else:
        console.print(architectures_table(found))
    if out is not None:
        note(f"written to {out}: table1.md")


def _table2(seeds: int, seed: int, out: Path | None, overwrite: bool, as_json: bool) -> None:
    settings = {"command": "reproduce", "name": "table2", "seeds": seeds, "seed": seed}
    with nullcontext() if out is None else RunDirectory(out, settings, overwrite=overwrite) as directory:
        with progress_bar("table 2", "graphs") as move:
            table = reproduce_table2(n_seeds=seeds, seed=seed, on_progress=move)
        if directory is not None:
            write_text(directory / "table2.json", table.to_json() + "\n")
            write_text(directory / "table2.md", table2_markdown(table, environment()))
    if as_json:
        print(table.to_json())
    else:
        for part in table2_tables(table):
            console.print(part)
        console.print(table2_verdict(table), highlight=False, markup=False)
    if out is not None:
        note(f"written to {out}: table2.json, table2.md")
