import pytest
import torch
from dense_nets import dense_twin
from networks import twin
from torch import nn

import swann
from swann import InvalidValueError
from swann.convert._check_network import check_network


def test_twins_are_small_world_networks():
    check_network(twin())
    check_network(dense_twin())


@pytest.mark.parametrize(
    "use",
    [
        check_network,
        lambda model: swann.save(model, "none.safetensors"),
        swann.summary,
        lambda model: swann.copy_kept_weights_(model, model),
    ],
)
@pytest.mark.parametrize("model", [nn.Sequential(nn.Linear(2, 2)), None], ids=["Sequential", "NoneType"])
def test_others_are_refused(use, model):
    message = f"expected a small-world network, got {type(model).__name__}; convert a model first: swann.convert"
    with pytest.raises(InvalidValueError, match=message):
        use(model)


def test_who_wraps_a_network_is_told_where_it_is():
    with pytest.raises(InvalidValueError, match="got a DataParallel around one: pass its .module$"):
        check_network(nn.DataParallel(twin()))
    with pytest.raises(InvalidValueError, match="got a OptimizedModule around one: pass its ._orig_mod$"):
        check_network(torch.compile(twin()))
