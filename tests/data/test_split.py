import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swann.data._split import stratified_split


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.data(), st.integers(0, 2**32 - 1))
def test_every_sample_is_on_one_side_and_each_class_has_its_share(labels, data, seed):
    size = data.draw(st.integers(0, len(labels)))
    values = np.array(labels)
    drawn, others = stratified_split(torch.tensor(labels), size, seed)
    assert len(drawn) == size
    assert sorted(drawn.tolist() + others.tolist()) == list(range(len(labels)))
    assert drawn.tolist() == sorted(drawn.tolist())
    for label in set(labels):
        share = np.count_nonzero(values == label) * size / len(labels)
        assert abs(np.count_nonzero(values[drawn.numpy()] == label) - share) < 1


def test_the_seed_decides_the_draw():
    labels = torch.arange(40) % 4
    first = stratified_split(labels, 12, seed=3)[0]
    assert torch.equal(first, stratified_split(labels, 12, seed=3)[0])
    assert not torch.equal(first, stratified_split(labels, 12, seed=4)[0])


def test_a_tie_between_classes_is_drawn():
    labels = torch.arange(10)
    drawn = {tuple(stratified_split(labels, 5, seed)[0].tolist()) for seed in range(20)}
    assert len(drawn) > 10


def test_global_random_state_is_left_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    stratified_split(torch.arange(10) % 2, 4, seed=0)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("size", [0, 6])
def test_none_and_all(size):
    drawn, others = stratified_split(torch.tensor([2, 2, 0, 1, 1, 1]), size, seed=0)
    assert (len(drawn), len(others)) == (size, 6 - size)
