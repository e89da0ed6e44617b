import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.data import batches

IMAGES = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1)
LABELS = torch.arange(10)


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5), st.integers(0, 5))
def test_every_image_comes_once_with_its_label(count, batch_size, seed, epoch):
    images = torch.arange(count, dtype=torch.uint8).reshape(count, 1, 1, 1)
    result = list(batches(images, torch.arange(count), batch_size, seed=seed, epoch=epoch))
    assert all(len(labels) == batch_size for _, labels in result[:-1])
    for drawn, labels in result:
        assert drawn.dtype == torch.uint8
        assert drawn.flatten().tolist() == labels.tolist()
    assert sorted(torch.cat([labels for _, labels in result]).tolist()) == list(range(count))


def order(**options):
    return torch.cat([labels for _, labels in batches(IMAGES, LABELS, 3, **options)]).tolist()


def test_seed_and_epoch_decide_the_order():
    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    assert len({tuple(order(seed=seed, epoch=epoch)) for seed in range(4) for epoch in range(4)}) == 16


def test_without_shuffling_the_images_come_as_they_lie():
    assert order(shuffle=False) == list(range(10))


def test_drop_last():
    assert order(shuffle=False, drop_last=True) == list(range(9))
    assert [len(labels) for _, labels in batches(IMAGES, LABELS, 5, drop_last=True)] == [5, 5]


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    order(seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((LABELS[:9], 2, {}), "batches: expected as many labels as images, found 9 and 10"),
        ((LABELS, 0, {}), "batch_size: expected at least 1, found 0"),
        ((LABELS, 2, {"epoch": -1}), "seed and epoch: expected 0 or more, found 0 and -1"),
        ((LABELS, 11, {"drop_last": True}), "batch_size=11 with drop_last leaves no batch of 10 images"),
    ],
)
def test_bad_arguments_are_refused_before_the_first_batch(arguments, message):
    labels, batch_size, options = arguments
    with pytest.raises(InvalidValueError, match=message):
        batches(IMAGES, labels, batch_size, **options)
