"""What a run of `swann reproduce table7` that still goes on has finished, as the command would write it.

    python finished.py RUN SETTING OUT

Of the seeds for which the baseline, the control and the twin are all done: OUT/SETTING.md with the comparison, the
traffic and the updates to the paper's errors, OUT/SETTING-curves.csv and OUT/SETTING.png.
"""

import json
import sys
from pathlib import Path

from swann.experiments._compare import slug
from swann.experiments._environment import environment_lines
from swann.experiments._federated_recipe import load_federated_recipe
from swann.experiments._federated_run import traffic_markdown
from swann.federated import FederatedHistory
from swann.train import History, compare, comparison_markdown, curves_to_csv, plot

NAMES = ("baseline", "paper order, p = 0", "twin")


def main(run: Path, setting: str, out: Path) -> None:
    """Write what is finished."""
    files = {name: [run / setting / f"history-{slug(name)}-{seed}.json" for seed in range(100)] for name in NAMES}
    seeds = [seed for seed in range(100) if all(files[name][seed].is_file() for name in NAMES)]
    found = {name: [FederatedHistory.from_json(files[name][seed].read_text()) for seed in seeds] for name in NAMES}
    curves = {name: [each.curve() for each in runs] for name, runs in found.items()}
    comparison = compare(curves, NAMES[0], over_seeds="worst")
    made = json.loads((run / "swann-run.json").read_text())
    page = [f"# {made['settings']['title']}: {setting}", "", *environment_lines(made)]
    page += [f"- Finished seeds: {', '.join(map(str, seeds))}", "", comparison_markdown(comparison)]
    page += [traffic_markdown(found), "Local updates to the paper's errors, in the paper and here, seed by seed:", ""]
    page += [f"| error | paper: baseline, twin | {' | '.join(NAMES)} |", f"| ---: | --- |{' ---: |' * len(NAMES)}"]
    for point in load_federated_recipe().settings[setting].paper.points:
        here = [", ".join(_updates(curve, point.baseline_error / 100) for curve in curves[name]) for name in NAMES]
        paper = f"{point.baseline}, {point.twin} (to {point.twin_error} %)"
        page.append(f"| {point.baseline_error} % | {paper} | {' | '.join(here)} |")
    out.mkdir(exist_ok=True)
    (out / f"{setting}.md").write_text("\n".join([*page, ""]))
    (out / f"{setting}-curves.csv").write_text(curves_to_csv(curves))
    plot(comparison, out / f"{setting}.png")


def _updates(curve: History, error: float) -> str:
    return next((str(each.iteration) for each in curve.evaluations if each.test_error <= error + 1e-9), "–")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
