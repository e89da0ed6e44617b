import pytest
import torch
from torch import nn

from swann.nn._hooks import Heard, all_listened_to, has_global_hooks, has_hooks, hearing, is_listened_to


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_a_stage_with_forward_hooks_is_called_until_they_are_gone(register):
    stage = nn.ReLU()
    handle = getattr(stage, register)(lambda *_: None)
    assert is_listened_to(stage)
    assert has_hooks(stage)
    handle.remove()
    assert not is_listened_to(stage)
    assert not has_hooks(stage)


@pytest.mark.parametrize("register", ["register_full_backward_hook", "register_full_backward_pre_hook"])
def test_hooks_on_gradients_count_where_there_are_gradients(register):
    stage = nn.ReLU()
    getattr(stage, register)(lambda *_: None)
    assert not is_listened_to(stage)
    assert has_hooks(stage)


def test_a_stage_with_a_forward_of_its_own_is_called():
    stage = nn.ReLU()
    stage.forward = lambda maps: maps + 1
    assert is_listened_to(stage)
    assert has_hooks(stage)


def test_hooks_on_all_modules():
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert has_global_hooks()
        assert not has_hooks(nn.ReLU())
    finally:
        handle.remove()
    assert not has_global_hooks()


def test_hooks_on_the_gradients_of_all_modules_count_where_there_are_gradients():
    handle = nn.modules.module.register_module_full_backward_hook(lambda *_: None)
    try:
        assert has_global_hooks()
        with torch.no_grad():
            assert not has_global_hooks()
    finally:
        handle.remove()


def test_which_of_several_modules_have_to_be_called_in_a_pass():
    stages = [nn.ReLU() for _ in range(5)]
    attributes = [stage.__dict__ for stage in stages]
    stages[3].register_full_backward_hook(lambda *_: None)
    assert all_listened_to(attributes) == [3]
    with torch.no_grad():
        assert all_listened_to(attributes) == []
    stages[1].register_forward_hook(lambda *_: None)
    stages[2].register_forward_pre_hook(lambda *_: None)
    stages[4].forward = lambda maps: maps
    assert all_listened_to(attributes) == [1, 2, 4]


@pytest.mark.parametrize(
    "listen",
    [
        lambda module: module.register_forward_hook(lambda *_: None),
        lambda module: module.register_full_backward_hook(lambda *_: None),
        lambda module: setattr(module, "forward", lambda maps: maps),
        lambda module: setattr(module, "_forward_hooks", {0: print}),
    ],
)
def test_who_begins_to_listen_is_noticed(listen):
    module = Heard()
    before = hearing()
    module.training, module.other = False, nn.ReLU()
    assert hearing() == before
    listen(module)
    assert hearing() != before


def test_what_is_heard_depends_on_gradients():
    before = hearing()
    with torch.no_grad():
        assert hearing() != before
    assert hearing() == before
