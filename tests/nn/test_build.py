import pytest
import torch
from dense_nets import dense_twin
from networks import twin

from swann import InvalidValueError
from swann.nn import SmallWorldDenseNet, SmallWorldNetwork, build


def test_the_plan_decides_the_kind_of_network():
    assert isinstance(build(twin().plan), SmallWorldNetwork)
    assert isinstance(build(dense_twin().plan), SmallWorldDenseNet)


def test_the_seed_decides_and_the_global_random_state_is_untouched():
    plan = dense_twin().plan
    before = torch.random.get_rng_state()
    one, same, other = (build(plan, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(map(torch.equal, one.parameters(), same.parameters()))
    assert not all(map(torch.equal, one.parameters(), other.parameters()))


def test_what_is_no_plan_is_refused():
    with pytest.raises(InvalidValueError, match="expected a plan, got SmallWorldNetwork; make one: swann.Plan"):
        build(twin())
