import pytest

from swann import FileFormatError
from swann.federated import FederatedHistory, Round


def some(**changes):
    rounds = (
        Round(1, 5, 10, 8, ("client 3: failed: no power",), 1000, 800, 40, 2.0, 1.5, 0.9, 0.5, 1.2, ("a",)),
        Round(2, 10, 10, 10, (), 900, 1000, 50, 2.5, 3.0, 0.7, None, None),
        Round(3, 15, 10, 10, (), 900, 1000, 50, 2.5, 4.5, 0.5, 0.25, 0.6),
    )
    return FederatedHistory(rounds, n_parameters=123, batch_size=10, n_images=500, learning_rate=0.1, **changes)


def test_it_goes_through_json():
    assert FederatedHistory.from_json(some(seed=3).to_json()) == some(seed=3)


def test_the_curve_has_evaluated_rounds_with_local_updates_as_iterations():
    curve = some().curve()
    assert [each.iteration for each in curve.evaluations] == [5, 15]
    assert [each.test_error for each in curve.evaluations] == [0.5, 0.25]
    assert [each.training_seconds for each in curve.evaluations] == [2.0, 7.0]
    assert curve.evaluations[-1].epoch == 140 * 10 / 500


def test_it_counts_bytes_and_says_what_happened():
    assert some().total_bytes == 5600
    assert some().rounds[0].missing == 1
    assert str(some()) == (
        "FederatedHistory: 3 rounds, 15 local updates in 4.5 s, test error 25.00% (best 25.00%), 0.0 MB sent, "
        "2 answers refused, 1 missing, seed 0"
    )


def test_the_csv_has_a_line_for_each_round():
    header, first, *rest = some().to_csv().splitlines()
    assert header.endswith(",surplus")
    assert header.startswith("number,updates,asked,answered,refused,bytes_down,bytes_up")
    assert first == "1,5,10,8,1,1000,800,40,2.0,1.5,0.9,0.5,1.2,1"
    assert len(rest) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"rounds": [{}]}', some().to_json().replace("asked", "askd")])
def test_another_text_is_refused(text):
    with pytest.raises(FileFormatError, match="not a federated history"):
        FederatedHistory.from_json(text)
