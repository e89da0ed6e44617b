"""The paper's federated experiment, run and written down."""

import json
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch

from .._errors import InvalidValueError
from .._files import write_text
from ..experiments import MARKER, Factory, RunDirectory, environment, paper_table, variants
from ..experiments._environment import environment_lines
from ..experiments._federated_recipe import FederatedRecipe, FederatedSetting, load_federated_recipe
from ..experiments._federated_run import run_federated, traffic_markdown
from ..experiments._recipe import Scale
from ..experiments._recipe_page import paper_lines
from ..federated import FederatedHistory, Partition, split
from ..report import plot_partition
from ..train import Comparison, compare, comparison_markdown, comparison_table
from ._compare import write_comparison
from ._console import console, draw_picture, note, progress_bar
from ._federated import architecture_of
from ._recipe import RecipeOptions
from ._task import Task, open_task
from ._training import resumable


def run_federated_recipe(scale: Scale, options: RecipeOptions) -> None:
    """Run the recipe with the options' changes, and write and print its results, a folder for each setting."""
    recipe = _changed(load_federated_recipe(scale), options)
    torch.set_num_threads(1)  # batches are small, and clients run beside one another
    settings = {"command": "reproduce", "seed": options.seed, "validation": options.validation, **asdict(recipe)}
    directory = RunDirectory(
        options.out,
        settings,
        resume=options.resume,
        overwrite=options.overwrite,
        resumable=True,
        may_grow="rounds",
    )
    task = open_task(
        recipe.model, recipe.data, options.data_dir, download=options.download, validation=options.validation
    )
    task = replace(task, data=task.data.subset(recipe.train_images, recipe.test_images, seed=options.seed))
    seeds = range(options.seed, options.seed + recipe.seeds)
    networks = variants(task.create, task.data, recipe.p)
    page = [f"# {recipe.title}", "", *environment_lines(environment())]
    page.append(f"- Scale: {recipe.scale}; seeds {', '.join(map(str, seeds))}; {task.data}; p = {recipe.p:g}")
    page += [f"- {recipe.clients} clients; local updates are counted as in the paper: epochs or steps, 5 a round", ""]
    found: dict[str, Comparison] = {}
    with resumable(directory):
        folder = directory.make()
        for name, setting in recipe.settings.items():
            begun = (folder / name / MARKER).is_file()
            named = {"setting": name, "title": f"{recipe.title}: {name}", "paper": asdict(setting.paper)}
            of_setting = RunDirectory(folder / name, settings | named, resume=begun, may_grow="rounds")
            histories = _run(name, networks, task, recipe, setting, seeds, of_setting, options)
            curves = {variant: [run.curve() for run in runs] for variant, runs in histories.items()}
            found[name] = compare(curves, next(iter(networks)), over_seeds="worst")
            write_comparison(found[name], of_setting)
            dealt = _deal(recipe, setting, task, options.seed)
            write_text(folder / name / "clients.csv", dealt.to_csv(task.data.classes))
            picture = partial(plot_partition, dealt.class_counts, task.data.classes)
            draw_picture(picture, folder / name / "clients.png")
            page += [f"## {name}", "", f"{dealt.imbalance()}, with seed {options.seed}.", ""]
            page += ["```json", json.dumps(asdict(setting.config)), "```", "", "In the paper: ", ""]
            page += [*paper_lines(setting.paper), "Here:", "", comparison_markdown(found[name])]
            page.append(traffic_markdown(histories))
        write_text(folder / "table7.md", "\n".join(page))
    if options.as_json:
        console.print_json(data={name: json.loads(comparison.to_json()) for name, comparison in found.items()})
        return
    for name, comparison in found.items():
        console.print(paper_table(recipe.settings[name].paper))
        console.print(name, style="bold")
        console.print(comparison_table(comparison))
    note(f"written to {options.out}: table7.md, and a folder for each setting")


def _changed(recipe: FederatedRecipe, options: RecipeOptions) -> FederatedRecipe:
    for name, asked in (("--devices", options.devices != 1), ("--accumulate", options.accumulate != 1)):
        if asked:
            raise InvalidValueError(f"{name}: clients train on one CPU thread each; leave it out")
    settings = dict(recipe.settings)
    if options.iterations is not None:
        for name, setting in settings.items():
            settings[name] = replace(setting, config=replace(setting.config, rounds=options.iterations))
    changes: dict[str, Any] = {"data": options.data, "seeds": options.seeds, "p": options.p}
    return replace(recipe, settings=settings, **{key: value for key, value in changes.items() if value is not None})


def _deal(recipe: FederatedRecipe, setting: FederatedSetting, task: Task, seed: int) -> Partition:
    """Return the clients' images."""
    labels = task.data.train_labels.numpy()
    return split(setting.partition, labels, recipe.clients, alpha=setting.alpha, seed=seed)


def _run(
    name: str,
    networks: dict[str, Factory],
    task: Task,
    recipe: FederatedRecipe,
    setting: FederatedSetting,
    seeds: range,
    directory: RunDirectory,
    options: RecipeOptions,
) -> dict[str, list[FederatedHistory]]:
    """Train the networks in one setting, with a progress bar in a terminal."""
    runs = [(variant, seed) for seed in seeds for variant in networks]

    with progress_bar(name, "rounds") as move:

        def on_round(variant: str, seed: int, history: FederatedHistory) -> None:
            before, rounds = runs.index((variant, seed)), setting.config.rounds
            last = history.rounds[-1]
            error = "" if last.test_error is None else f", test error {last.test_error:.2%}"
            remark = f"run {before + 1} of {len(runs)}: {variant}, seed {seed}{error}"
            move(before * rounds + last.number, len(runs) * rounds, remark)

        return run_federated(
            networks,
            lambda network: architecture_of(network, task),
            task.data,
            partial(_deal, recipe, setting, task),
            setting.config,
            seeds=seeds,
            directory=directory.make(),
            n_workers=options.threads or 1,
            on_round=on_round,
        )
