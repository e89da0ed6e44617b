import math
from dataclasses import replace

import pytest
from torch import nn

from swann.data import load
from swann.experiments import CONTROL, effects, run_study
from swann.experiments._study import parse_study
from swann.experiments._study_run import crossing, final_level
from swann.models import mnist5
from swann.nn import SmallWorldNetwork
from swann.train import Evaluation, History

STUDY = """
title = "a title"
model = "swann:mnist5"
data = "digits"
seeds = 2
errors = [0.5]
[training]
iterations = 4
batch_size = 16
evaluate_every = 2
accelerator = "cpu"
optimizer = { name = "sgd", lr = 0.05, weight_decay = 0.001 }
[networks]
twin = { p = 0.5, granularity = 2, lr_factor = 2.0, decay_factor = 2.0 }
"as it comes" = { converted = false }
"""


def history(*errors, seed=0):
    return History(tuple(Evaluation(10 * i, i, 2 * i, i, error, 1, 1, 1) for i, error in enumerate(errors, 1)), seed)


def test_an_error_counts_when_the_next_evaluation_confirms_it():
    assert crossing(history(0.5, 0.2, 0.4, 0.3, 0.2), 0.3).iteration == 40
    assert crossing(history(0.5, 0.3), 0.3).iteration == 20
    assert crossing(history(0.2, 0.5, 0.5), 0.3) is None


def test_effects_compare_seed_by_seed():
    """The control needs 30 and 10 iterations to 30 %, the other 10 and 20; of 15 % the other alone has one seed."""
    runs = {
        CONTROL: [history(0.5, 0.4, 0.3, 0.2), history(0.3, 0.2, 0.2, 0.2, seed=1)],
        "other": [history(0.3, 0.2, 0.1, 0.1), history(0.6, 0.3, 0.3, 0.4, seed=1)],
    }
    runs["other"][1] = history(0.6, 0.3, 0.3, 0.3, seed=1)
    control, other = effects(runs, [0.3, 0.15])
    assert [at.reached for at in other.at] == [2, 1, 2]
    assert other.at[2].error == 0.3  # two successive evaluations of the first seed; the second comes to 0.2
    assert other.at[2].speed_up == other.at[0].speed_up
    assert other.at[0].iterations.mean == 15
    assert other.at[0].speed_up.mean == pytest.approx(math.sqrt(3 * 0.5))
    assert other.at[0].speed_up_seconds.mean == pytest.approx(math.sqrt(3 * 0.5))
    assert other.at[1].iterations.mean == 30
    assert other.at[1].speed_up is None
    assert control.at[0].speed_up.mean == pytest.approx(1)
    areas = [(0.25 + 0.15 + 0.1) / 3, (0.45 + 0.3 + 0.3) / 3]
    assert other.area.mean == pytest.approx(sum(areas) / 2)
    of_control = [(0.45 + 0.35 + 0.25) / 3, (0.25 + 0.2 + 0.2) / 3]
    assert other.area_difference.mean == pytest.approx((sum(areas) - sum(of_control)) / 2)
    assert other.final.mean == pytest.approx(0.2)
    assert other.final_difference.mean == pytest.approx((-0.1 + 0.1) / 2)
    assert control.final_difference.low == control.final_difference.high == 0


def test_another_network_than_the_control_may_be_the_one_to_compare_with():
    runs = {CONTROL: [history(0.5, 0.4, 0.2)], "other": [history(0.6, 0.6, 0.1)]}
    control, other = effects(runs, [], "other")
    assert other.final_difference.mean == other.area_difference.mean == 0
    assert control.final_difference.mean == pytest.approx(0.1)
    assert [at.error for at in control.at] == [0.6]
    assert control.at[0].iterations.mean == 10


@pytest.mark.parametrize(
    ("errors", "level"), [((0.5,), 0.5), ((0.5, 0.3), 0.5), ((0.4, 0.1, 0.3, 0.2), 0.3), ((0.3, 0.3, 0.1), 0.3)]
)
def test_the_final_level_is_what_two_successive_evaluations_stay_below(errors, level):
    assert final_level(errors) == level


def test_a_diverged_run_reaches_no_error_and_has_that_of_chance_from_then_on():
    """The control's evaluations are after 10, 20 and 30 iterations; one of the others comes to the second of them."""
    runs = {
        CONTROL: [history(0.5, 0.4, 0.3), history(0.5, 0.4, 0.3, seed=1)],
        "other": [replace(history(0.3, 0.2), diverged=True), history(0.4, 0.3, 0.3, seed=1)],
        "another": [History((), seed, diverged=True) for seed in (0, 1)],
    }
    control, other, another = effects(runs, [0.4], chance=0.9)
    assert (control.diverged, other.diverged, another.diverged) == (0, 1, 2)
    assert other.at[0].reached == 1
    assert other.at[0].speed_up.mean == pytest.approx(2)
    assert other.final.mean == pytest.approx((0.9 + 0.3) / 2)
    assert other.area.mean == pytest.approx((0.25 + 0.55 + 0.35 + 0.3) / 4)
    assert another.area.mean == another.final.mean == pytest.approx(0.9)
    assert another.at[0].iterations is None
    assert effects({CONTROL: runs["another"]}, [0.4], chance=0.9)[0].final.mean == 0.9


def test_a_study_goes_on_after_a_run_that_diverges(tmp_path):
    study = parse_study("mine", STUDY.replace("lr_factor = 2.0", "lr_factor = 1e38"))
    data = load("digits").subset(64, 32)

    def create(seed):
        return mnist5(image_size=8, width=0.5, seed=seed)

    found = run_study(study, create, data, seeds=[0], directory=tmp_path)
    assert {name: runs[0].diverged for name, runs in found.items()} == {
        CONTROL: False,
        "twin": True,
        "as it comes": False,
    }
    assert not list(tmp_path.glob("*.ckpt"))
    assert run_study(study, create, data, seeds=[0], directory=tmp_path) == found
    effect = effects(found, study.errors)[1]
    assert (effect.diverged, effect.final.mean) == (1, 1.0)


def test_every_network_is_trained_as_the_study_says(monkeypatch, tmp_path):
    study = parse_study("mine", STUDY)
    data = load("digits").subset(64, 32)
    made = []

    def create(seed):
        return mnist5(image_size=8, seed=seed)

    def fit(model, images, config, **arguments):
        made.append((model, config))
        return history(0.5, 0.4, seed=config.seed)

    monkeypatch.setattr("swann.experiments._compare.fit", fit)
    found = run_study(study, create, data, seeds=[3, 4], directory=tmp_path)
    assert {name: [run.seed for run in runs] for name, runs in found.items()} == {
        name: [3, 4] for name in study.networks
    }
    control, twin, plain = (model for model, _ in made[:3])
    assert isinstance(control, SmallWorldNetwork)
    assert isinstance(twin, SmallWorldNetwork)
    assert isinstance(plain, nn.Sequential)
    assert (control.plan.rewiring.rewiring_probability, twin.plan.rewiring.rewiring_probability) == (0.0, 0.5)
    assert twin.plan.rewiring.granularity == 2
    assert [config.optimizer.lr for _, config in made[:3]] == [0.05, 0.1, 0.05]
    assert [config.optimizer.weight_decay for _, config in made[:3]] == [0.001, 0.002, 0.001]
    assert [config.seed for _, config in made] == [3, 3, 3, 4, 4, 4]
    made.clear()
    assert run_study(study, create, data, seeds=[3, 4], directory=tmp_path) == found
    assert not made  # what was done is read back
