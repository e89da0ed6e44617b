import pytest

from swann._errors import InvalidValueError, UnknownNameError
from swann.experiments import BenchSettings, available_cores


def test_one_and_all_cores_by_default():
    assert BenchSettings().threads == tuple(dict.fromkeys((1, available_cores())))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batches": (4, 0)}, "batches: expected 1 or more, found 0"),
        ({"batches": ()}, "batches: expected one or more, found none"),
        ({"train_batch": 1}, "train_batch: expected 2 or more, found 1"),
        ({"threads": (-1,)}, "threads: expected 1 or more, found -1"),
        ({"rounds": 0}, "rounds: expected 1 or more, found 0"),
        ({"backends": ()}, "backends: expected one or more, found none"),
    ],
)
def test_numbers_that_are_too_small_are_refused(settings, message):
    with pytest.raises(InvalidValueError) as caught:
        BenchSettings(**settings)
    assert str(caught.value) == message


def test_more_threads_than_cores_are_refused():
    cores = available_cores()
    with pytest.raises(InvalidValueError, match=f"this process may use {cores} cores, found {cores + 1} threads"):
        BenchSettings(threads=(cores + 1,))


def test_an_unknown_backend_is_named():
    with pytest.raises(UnknownNameError, match="unknown backend 'spare'.*sparse"):
        BenchSettings(backends=("spare",))


def test_an_unknown_precision_is_named():
    with pytest.raises(UnknownNameError, match="unknown precision 'bf16'.*bf16-mixed"):
        BenchSettings(precision="bf16")
