import pytest
import torch
from torch import nn

from swann import InvalidValueError, UnknownNameError
from swann.models import create

SHAPE = {"in_channels": 1, "n_classes": 5, "image_size": 8}


def test_models_of_ours():
    network = create("swann:mnist5", **SHAPE, width=0.5, seed=1)
    assert network(torch.zeros(2, 1, 8, 8)).shape == (2, 5)


def test_models_of_torchvision():
    pytest.importorskip("torchvision")
    network = create("torchvision:squeezenet1_1", in_channels=3, n_classes=5, image_size=64)
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 5)


def test_models_of_your_own_get_the_arguments_that_they_name(tmp_path, monkeypatch):
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n"
        "def small(num_classes, seed): return nn.Linear(3, num_classes + seed)\n"
        "def text(): return 'no model'\n"
        "def broken(): return 1 / 0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert create("my_nets:small", **SHAPE, seed=4).out_features == 9
    with pytest.raises(InvalidValueError, match="'my_nets:text' returned a str; expected a torch.nn.Module"):
        create("my_nets:text", **SHAPE)
    with pytest.raises(InvalidValueError, match="'my_nets:broken' cannot be made: ZeroDivisionError"):
        create("my_nets:broken", **SHAPE)
    with pytest.raises(UnknownNameError, match="no function or class 'smal': did you mean 'small'"):
        create("my_nets:smal", **SHAPE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist5", "unknown model 'mnist5': name it as swann:NAME.* did you mean 'swann:mnist5'"),
        ("swann:mnist", "unknown model 'swann:mnist': did you mean 'mnist5'"),
        ("torchvision:resnet81", "unknown model 'torchvision:resnet81': did you mean 'resnet18'"),
        ("no_such_package:net", "there is no module 'no_such_package' for model 'no_such_package:net'"),
    ],
)
def test_unknown_names_are_refused_with_near_matches(name, message):
    with pytest.raises(UnknownNameError, match=message):
        create(name, **SHAPE)


def test_the_seed_decides_also_for_foreign_models():
    pytest.importorskip("torchvision")
    shape = {"in_channels": 3, "n_classes": 5, "image_size": 64}
    before = torch.random.get_rng_state()
    one, same = (create("torchvision:squeezenet1_1", **shape, seed=3) for _ in range(2))
    assert all(map(torch.equal, one.parameters(), same.parameters()))
    assert torch.equal(before, torch.random.get_rng_state())
    assert isinstance(one, nn.Module)
