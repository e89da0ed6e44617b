import json

import pytest
import safetensors.torch
import torch
from dense_nets import IMAGES as DENSE_IMAGES
from dense_nets import dense_twin
from torch import nn

import swann
from swann import FileFormatError, OutputError


def network(p=0.5, seed=0):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(54, 8), nn.ReLU(), nn.Linear(8, 3),
    )  # fmt: skip
    return swann.convert(model, torch.zeros(1, 1, 8, 8), p, seed=seed)


@pytest.fixture
def saved(tmp_path):
    twin = network()
    twin(torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0)))  # norms gather statistics
    swann.save(twin, tmp_path / "twin.safetensors")
    return twin.eval(), tmp_path / "twin.safetensors"


def test_the_network_comes_back_whole(saved):
    twin, path = saved
    again = swann.load(path)
    images = torch.randn(5, 1, 8, 8)
    assert torch.equal(again(images), twin(images))
    assert again.plan == twin.plan
    assert not again.training
    state = again.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in twin.state_dict().items())


def test_types_are_kept(tmp_path):
    swann.save(network().bfloat16(), tmp_path / "half.safetensors")
    assert {parameter.dtype for parameter in swann.load(tmp_path / "half.safetensors").parameters()} == {torch.bfloat16}


def test_masks_are_not_written_twice(saved):
    assert not any("mask" in name for name in safetensors.torch.load_file(saved[1]))


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_a_truncated_file_is_refused(saved, length):
    path = saved[1]
    data = path.read_bytes()
    path.write_bytes(data[:length])
    with pytest.raises(FileFormatError, match=r"twin\.safetensors is truncated or not a safetensors file"):
        swann.load(path)


def test_a_single_changed_byte_is_seen(saved):
    path = saved[1]
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match="was changed after it was written"):
        swann.load(path)


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"a": torch.ones(2)}, path)
    with pytest.raises(FileFormatError, match="was not written by swann.save"):
        swann.load(path)


def rewritten(path, change):
    """Write the file again with a changed plan and a checksum that fits, as an attacker would."""
    from swann.convert._save import _digest

    with safetensors.safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    plan = json.loads(metadata["plan"])
    change(plan, tensors)
    metadata["plan"] = json.dumps(plan)
    metadata["sha256"] = _digest(metadata["plan"], tensors)
    safetensors.torch.save_file(tensors, path, metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda plan, _: plan.update(version=2), "the plan is of version 2, this release reads version 1"),
        (
            lambda plan, _: plan["chain"]["layers"][0]["stages"][0].update(operation="system"),
            "'system', which is not an operation we know",
        ),
        (lambda plan, _: plan["chain"]["layers"][0].update(kernel=[5, 5]), "the plan has .* weights, the file"),
        (lambda _, tensors: tensors.pop("layers.0.bias"), "tensor layers.0.bias is missing"),
        (lambda _, tensors: tensors.update(extra=torch.ones(1)), "tensor extra is not part of the network"),
        (lambda _, tensors: tensors.update({"layers.0.bias": torch.ones(9)}), r"layers.0.bias has shape \[9\]"),
        (lambda plan, _: plan.pop("graph"), "not a plan: KeyError"),
    ],
)  # fmt: skip
def test_a_file_that_was_changed_with_care_is_refused_all_the_same(saved, change, message):
    rewritten(saved[1], change)
    with pytest.raises(FileFormatError, match=f"twin.safetensors: .*{message}"):
        swann.load(saved[1])


def test_a_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.safetensors"):
        swann.load(tmp_path / "none.safetensors")
    with pytest.raises(OutputError, match=r"cannot write .*none/twin\.safetensors: No such file or directory"):
        swann.save(network(), tmp_path / "none" / "twin.safetensors")


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    twin, path = saved
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*: No space left on device"):
        swann.save(twin, path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["twin.safetensors"]


def test_the_twin_of_a_densenet_comes_back_whole(tmp_path):
    twin = dense_twin()
    twin(DENSE_IMAGES)  # norms gather statistics
    swann.save(twin, tmp_path / "twin.safetensors")
    again = swann.load(tmp_path / "twin.safetensors")
    assert again.plan == twin.plan
    assert not again.training
    assert torch.equal(again(DENSE_IMAGES), twin.eval()(DENSE_IMAGES))


def test_a_changed_plan_of_a_densenet_is_refused(tmp_path):
    path = tmp_path / "twin.safetensors"
    swann.save(dense_twin(), path)
    rewritten(path, lambda plan, _: plan["parts"].pop())
    with pytest.raises(FileFormatError, match=r"twin.safetensors: the plan has 1,354 weights, the file 1,494"):
        swann.load(path)
