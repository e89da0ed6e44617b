import csv
import io
import json

import pytest

from swann._errors import FileFormatError, InvalidValueError
from swann.train import Evaluation, History, curves_from_csv, curves_to_csv


@pytest.mark.parametrize("ending", ["interrupted", "diverged"])
def test_json_both_ways(make_history, ending):
    history = make_history(0.5, 0.25, seed=4, **{ending: True})
    assert History.from_json(history.to_json()) == history


def test_csv_has_a_line_for_each_evaluation(make_history):
    rows = list(csv.DictReader(io.StringIO(make_history(0.5, 0.25).to_csv())))
    assert [(row["iteration"], row["training_seconds"], row["elapsed_seconds"], row["test_error"]) for row in rows] == [
        ("100", "1.0", "1.2", "0.5"),
        ("200", "2.0", "2.4", "0.25"),
    ]


def test_csv_of_all_curves_names_variant_and_seed(make_history):
    text = curves_to_csv({"plain": [make_history(0.5)], "twin, small": [make_history(0.4, seed=7)]})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["variant"], row["seed"], row["test_error"]) for row in rows] == [
        ("plain", "0", "0.5"),
        ("twin, small", "7", "0.4"),
    ]


def test_printed_as_one_line(make_history):
    assert str(make_history(0.25, 0.5, interrupted=True)) == (
        "History: 200 iterations in 2.0 s, test error 50.00% (best 25.00%), seed 0 (interrupted)"
    )
    assert str(History((), 3, diverged=True)) == "History: no evaluation yet, seed 3 (diverged)"
    assert str(History((), 3)) == "History: no evaluation yet, seed 3"


def test_iterations_must_rise(make_history):
    point = make_history(0.5).evaluations[0]
    with pytest.raises(InvalidValueError, match=r"^history: iterations must rise, found \[100, 100\]$"):
        History((point, point))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda values: values.pop("evaluations"), "^not a training history: history: 'evaluations' is missing$"),
        (
            lambda values: values.update(evaluations=3),
            "^not a training history: evaluations: expected a list, found int$",
        ),
        (lambda values: values.update(more=3), "^not a training history: history: no setting is called 'more'"),
        (
            lambda values: values["evaluations"][0].update(test_error=2),
            "^not a training history: test_error: expected a number 0 or more, 1 at most, found 2$",
        ),
        (
            lambda values: values["evaluations"][0].update(iteration="1"),
            "^not a training history: iteration: expected a whole number, 1 or more, found '1'$",
        ),
    ],
)
def test_refuses_a_file_that_is_no_history(make_history, change, message):
    values = make_history(0.5).to_dict()
    values = json.loads(json.dumps(values))
    change(values)
    with pytest.raises(FileFormatError, match=message):
        History.from_json(json.dumps(values))
    with pytest.raises(FileFormatError, match="^not a training history: not JSON: "):
        History.from_json("")


def test_an_evaluation_refuses_nan():
    with pytest.raises(InvalidValueError, match="^train_loss: expected a number .* found nan$"):
        Evaluation(1, 1.0, 1.0, 1.0, 0.5, 1.0, float("nan"), 0.1)


def test_curves_come_back_from_csv(make_history):
    curves = {"plain": (make_history(0.5, 0.4), make_history(0.45, seed=2)), "a, b": (make_history(0.1 + 0.2, seed=7),)}
    assert curves_from_csv(curves_to_csv(curves)) == curves
    assert curves_from_csv("") == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("variant,", "network,"), "KeyError: 'variant'"),
        (("plain,0,100", "plain,0,many"), "ValueError: .*many"),
        (("plain,0,100", "plain,0,-1"), "iteration: expected a whole number, 1 or more, found -1"),
        ((",1.5,", ",a lot,"), "ValueError: .*a lot"),
    ],
)
def test_what_is_wrong_in_curves_is_named(make_history, change, message):
    text = curves_to_csv({"plain": [make_history(0.5)]})
    assert change[0] in text
    with pytest.raises(FileFormatError, match=f"not curves of training runs: .*{message}"):
        curves_from_csv(text.replace(*change))
