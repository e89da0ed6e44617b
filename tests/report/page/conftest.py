import json
import math
from dataclasses import asdict

import pytest
import torch
from torch import nn

from swann import rewire, trace
from swann._files import MARKER
from swann.convert import plan_parts
from swann.experiments import Bench, Case, PeakMemory, SweepPoint
from swann.models import densenet40
from swann.nn import Plan
from swann.report import write_report
from swann.smallworld import search
from swann.trace import trace_parts
from swann.train import Estimate, Evaluation, History, compare, curves_to_csv

pytest.importorskip("matplotlib")

_HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(2)> {{ 7 * 7 }} $\\frac{ \x00\x0b 日本'


def history(seed, speed, n_evaluations=12):
    """A run whose test error falls from 90 % towards 5 %, the faster, the larger the speed."""
    return History(
        tuple(
            Evaluation(
                iteration=10 * number,
                epoch=number / 2,
                training_seconds=0.5 * number,
                elapsed_seconds=0.6 * number,
                test_error=0.05 + 0.85 * math.exp(-speed * number / (n_evaluations / 12) - seed / 10),
                test_loss=1.0,
                train_loss=2 / (1 + speed * number),
                learning_rate=0.1,
            )
            for number in range(1, n_evaluations + 1)
        ),
        seed=seed,
    )


def _comparison(names=("baseline", "paper order, p = 0", "twin"), n_evaluations=12):
    histories = {
        name: [history(seed, 0.2 + 0.1 * place, n_evaluations) for seed in range(3)] for place, name in enumerate(names)
    }
    return compare(histories, names[0], over_seeds="worst")


@pytest.fixture(scope="session")
def comparison_of():
    """Make a comparison of networks by name, of three seeds each."""
    return _comparison


@pytest.fixture(scope="session")
def hostile():
    """A name that is markup, a template, a formula, control characters and no Latin."""
    return _HOSTILE


@pytest.fixture(scope="session")
def plan():
    model = nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(8 * 16, 12), nn.ReLU(), nn.Linear(12, 5)),
    )
    chain = trace(model, torch.zeros(1, 2, 4, 4))
    return Plan(chain, rewire(chain.graph(), 0.5, seed=0))


@pytest.fixture(scope="session")
def dense_net_plan():
    """The plan of a DenseNet of three blocks."""
    network, image = densenet40(width=0.25), torch.zeros(1, 3, 32, 32)
    return plan_parts(trace_parts(network, image), 0.5, seed=0)


@pytest.fixture(scope="session")
def found(plan):
    """A search over p."""
    return search(plan.chain.graph(), probabilities=(0.0, 0.3, 0.6, 1.0), n_seeds=2)


@pytest.fixture(scope="session")
def bench_result():
    """A result of `swann bench`."""
    baselines = {"baseline": (0.02, 0.021, 0.022), "baseline channels_last": (0.01, 0.011, 0.012)}
    twins = {"twin masked": (0.03, 0.031, 0.032), "twin sparse": (0.005, 0.006, 0.007)}
    memory = PeakMemory(32, 1, {"baseline": 4_000_000}, {"twin sparse": 3_000_000})
    cases = (Case("inference", 1, 1, baselines, twins), Case("training step", 32, 2, baselines, twins))
    return Bench("net, p = 0.5", cases, memory, 0.4, {"baseline compiled": "no compiler"})


def _estimate(mean, low=None, high=None):
    return {"mean": mean, "low": low, "high": high, "count": 3}


def _effect(network, iterations, speed_up, final, area_difference, final_difference):
    reached = 0 if iterations is None else 3 if iterations["low"] else 2
    at = {"error": 0.2, "reached": reached, "iterations": iterations, "speed_up": speed_up, "speed_up_seconds": None}
    return {
        **{"network": network, "at": [at], "area": _estimate(0.3), "area_difference": area_difference},
        **{"final": _estimate(final), "final_difference": final_difference},
    }


_STUDY = [
    _effect("control", _estimate(300, 250, 350), _estimate(1), 0.2, _estimate(0, 0, 0), _estimate(0, 0, 0)),
    _effect(
        *("p = 0.6", _estimate(100), _estimate(3, 2, 4.5), 0.12),
        *(_estimate(-0.05, -0.09, -0.01), _estimate(-0.08, -0.12, -0.04)),
    ),
    _effect("no repair", None, None, 0.21, _estimate(0.015), _estimate(0.01)),
]


@pytest.fixture(scope="session")
def study_values():
    """Effects of a study, as `study.json` holds them."""
    return _STUDY


def write_run(folder, files, settings):
    """Write a directory of results as a command leaves it: a marker with settings, and files by name."""
    folder.mkdir(parents=True)
    marker = {
        "settings": settings,
        "command": f"swann {settings.get('command', '')} --out {folder.name}",
        "commit": "0123456789ab",
        "date": "2026-11-24T00:00:00+00:00",
        "machine": {"processor": "abacus", "cores": 2, "gpu": None},
        "versions": {"python": "3.11.7", "swann": "0.1.0"},
    }
    for file, content in {MARKER: json.dumps(marker), **files}.items():
        (folder / file).write_text(content)
    return folder


@pytest.fixture
def make(tmp_path):
    """Write a directory of results: its name, its files, and settings by name."""
    return lambda name, files, **settings: write_run(tmp_path / name, files, settings)


@pytest.fixture(scope="session")
def every_kind(tmp_path_factory, plan, found, bench_result):
    """Directories that hold, together, all that a page can show."""
    root = tmp_path_factory.mktemp("runs")

    def make(name, files, **settings):
        return write_run(root / name, files, settings)

    points = [
        SweepPoint(0.0, 0.5, Estimate(100.0, 80.0, 120.0, 3), Estimate(1.0, 0.9, 1.1, 3), 3, 3),
        SweepPoint(0.5, 1.5, Estimate(50.0, None, None, 1), Estimate(2.0, None, None, 1), 1, 3),
        SweepPoint(1.0, 1.0, None, None, 0, 3),
    ]
    weights = "from \\ to,input,conv,fc\ninput,,0.5,0.25\nconv,,,0.125\nfc,,,\n"
    paper = {"note": "Both arrive.", "points": [{"baseline_error": 9.5, "baseline": 400, "twin_error": 9, "twin": 200}]}
    as_json = json.dumps(plan.to_json())
    return [
        make(
            "compare",
            {"comparison.json": _comparison().to_json(), "search.json": found.to_json(), "plan.json": as_json},
            command="compare",
            model="swann:mnist5",
            data="digits",
            p=0.5,
        ),
        make("bench", {"bench.json": bench_result.to_json(), "plan.json": as_json}, command="bench", model="net"),
        make(
            "sweep",
            {"sweep.json": json.dumps({"target_error": 0.02, "points": [asdict(point) for point in points]})},
            command="reproduce",
            title="Rate against p",
            paper=paper,
        ),
        make("weights", {"weights.csv": weights, "history.json": history(0, 0.3).to_json()}, command="reproduce"),
        make(
            "study",
            {
                "study.json": json.dumps(_STUDY),
                "curves.csv": curves_to_csv({name: [history(0, 0.2)] for name in ("control", "p = 0.6", "no repair")}),
            },
            command="study",
            title="Factors",
            test=False,
        ),
        make("table1", {"table1.md": "| network | nodes |\n| --- | ---: |\n| a | 1 |\n"}, command="reproduce"),
    ]


@pytest.fixture(scope="session")
def report(every_kind, tmp_path_factory):
    """The page of all that a page can show."""
    return write_report(every_kind, tmp_path_factory.mktemp("page") / "report.html")
