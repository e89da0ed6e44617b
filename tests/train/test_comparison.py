import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import FileFormatError, InvalidValueError, UnknownNameError
from swann.train import Comparison, compare
from swann.train._comparison import CROSSING_RULE


@pytest.fixture
def two_seeds(make_history):
    return {
        "plain": [
            make_history(0.8, 0.6, 0.7, 0.4, 0.2, 0.3, seed=0),
            make_history(0.8, 0.7, 0.5, 0.4, 0.4, 0.4, seed=1),
        ],
        "twin": [
            make_history(0.6, 0.3, 0.3, 0.2, seed=0, pace=0.02),
            make_history(0.7, 0.5, 0.5, 0.5, seed=1, pace=0.02),
        ],
    }


def test_points_are_the_mean_of_the_least_errors_so_far(two_seeds):
    points = compare(two_seeds, "plain").points
    # after 10 % of 600 iterations nothing is evaluated yet (the first counts), 25 %: 100, 50 %: 300, 75 %: 400
    assert [(point.error, point.fraction) for point in points] == [
        (0.8, 0.1),
        (pytest.approx(0.55), 0.5),
        (0.4, 0.75),
        (pytest.approx(0.3), 1.0),
    ]
    assert [point.is_final for point in points] == [False, False, False, True]


def test_crossings_by_hand(two_seeds):
    final = compare(two_seeds, "plain").points[-1]  # 0.3: only seed 0 of either reaches it
    plain, twin = final.crossings["plain"], final.crossings["twin"]
    assert plain.iterations == (500, None)
    assert twin.iterations == (200, None)
    assert twin.seconds == (4.0, None)
    assert (plain.reached, twin.reached) == (1, 1)
    assert plain.speed_up is None
    assert (twin.speed_up.mean, twin.speed_up.low, twin.speed_up.count) == (pytest.approx(2.5), None, 1)
    assert twin.speed_up_seconds.mean == pytest.approx(5.0 / 4.0)


def test_the_worst_seed_gives_points_that_every_seed_of_the_baseline_reaches(two_seeds):
    found = compare(two_seeds, "plain", over_seeds="worst")
    assert [point.error for point in found.points] == [0.8, 0.6, 0.4]
    assert all(point.crossings["plain"].reached == 2 for point in found.points)
    assert found.points[-1].crossings["twin"].iterations == (200, None)


def test_what_is_not_reached_has_no_number(make_history):
    found = compare({"plain": [make_history(0.5, 0.1)], "twin": [make_history(0.5, 0.2)]}, "plain")
    twin = found.points[-1].crossings["twin"]
    assert (twin.iterations, twin.seconds, twin.reached) == ((None,), (None,), 0)
    assert twin.mean_iterations is None
    assert twin.speed_up is None


def test_a_speed_up_needs_the_same_seed_on_both_sides(make_history):
    plain = [make_history(0.5, 0.2, seed=0), make_history(0.5, 0.4, seed=1)]
    twin = [make_history(0.5, 0.5, seed=0), make_history(0.1, 0.1, seed=1)]
    final = compare({"plain": plain, "twin": twin}, "plain").points[-1]  # 0.3: plain by seed 0, twin by seed 1
    assert (final.crossings["plain"].reached, final.crossings["twin"].reached) == (1, 1)
    assert final.crossings["twin"].speed_up is None


def test_equal_errors_of_all_seeds_are_reached_by_all(make_history):
    runs = [make_history(0.9, 0.1, seed=seed) for seed in range(7)]
    assert compare({"plain": runs}, "plain").points[-1].crossings["plain"].reached == 7


def test_best_and_final_error(two_seeds):
    found = compare(two_seeds, "plain")
    assert found.best_error("plain").mean == pytest.approx(0.3)
    assert found.final_error("plain").mean == pytest.approx(0.35)
    assert found.seeds == (0, 1)


@given(
    errors=st.lists(
        st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9]), min_size=1, max_size=9), min_size=1, max_size=4
    ),
    over_seeds=st.sampled_from(["mean", "worst"]),
)
def test_a_variant_that_is_the_baseline_has_a_speed_up_of_one(make_history, errors, over_seeds):
    runs = [make_history(*of_seed, seed=seed) for seed, of_seed in enumerate(errors)]
    points = compare({"plain": runs, "same": runs}, "plain", over_seeds=over_seeds).points
    assert [point.error for point in points] == sorted({point.error for point in points}, reverse=True)
    for point in points:
        same = point.crossings["same"]
        assert same.reached >= 1
        assert same.speed_up.mean == pytest.approx(1)
        assert same.speed_up.count == same.reached


def test_json_both_ways_and_the_rule_is_in_it(two_seeds):
    found = compare(two_seeds, "plain")
    again = Comparison.from_json(found.to_json())
    assert again == found
    values = json.loads(found.to_json())
    assert values["rule"] == CROSSING_RULE
    assert "first evaluation with that test error or less" in CROSSING_RULE
    assert values["best_error"]["plain"]["mean"] == pytest.approx(0.3)


def test_csv_leaves_empty_what_was_not_reached(two_seeds):
    rows = list(csv.DictReader(io.StringIO(compare(two_seeds, "plain").to_csv())))
    assert len(rows) == 4 * 2 * 2
    last = rows[-1]
    assert (last["variant"], last["seed"], last["iterations"], last["seconds"]) == ("twin", "1", "", "")
    assert rows[-2]["iterations"] == "200"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"histories": {}, "baseline": "a", "over_seeds": "mean"}'])
def test_refuses_a_file_that_is_no_comparison(text):
    with pytest.raises(FileFormatError, match="^not a comparison: "):
        Comparison.from_json(text)


def test_refuses_what_cannot_be_compared(make_history):
    run = make_history(0.5)
    with pytest.raises(UnknownNameError, match="^baseline: no variant is called 'plian'; did you mean 'plain'"):
        compare({"plain": [run]}, "plian")
    with pytest.raises(InvalidValueError, match=r"^twin: its runs have seeds \[1\], those of plain \[0\]; "):
        compare({"plain": [run], "twin": [make_history(0.5, seed=1)]}, "plain")
    with pytest.raises(InvalidValueError, match=r"^plain: expected one run for each .* found \[0, 0\]$"):
        compare({"plain": [run, run]}, "plain")
    with pytest.raises(InvalidValueError, match="^twin, seed 0: the run was interrupted; resume it first$"):
        compare({"plain": [run], "twin": [make_history(0.5, interrupted=True)]}, "plain")
    with pytest.raises(InvalidValueError, match="^plain, seed 0: the run has no evaluation$"):
        compare({"plain": [make_history()]}, "plain")
    with pytest.raises(InvalidValueError, match="^over_seeds: 'median' is not known; "):
        compare({"plain": [run]}, "plain", over_seeds="median")
