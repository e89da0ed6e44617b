import pytest
import torch
from torch import nn

from swann._errors import FileFormatError
from swann.train import fit
from swann.train._checkpoint import check_identity, identity, read_checkpoint


@pytest.fixture
def saved(data, make_model, make_config, tmp_path):
    path = tmp_path / "run.ckpt"
    fit(make_model(), data, make_config(epochs=1), checkpoint=path)
    return path


def test_a_truncated_file_is_refused_at_any_length(saved):
    content = saved.read_bytes()
    for length in [0, 1, 100, len(content) // 2, len(content) - 1]:
        saved.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=r"run\.ckpt: truncated or not a training checkpoint "):
            read_checkpoint(saved)


def test_a_flipped_bit_in_the_weights_is_found(saved):
    content = bytearray(saved.read_bytes())
    weight = torch.load(saved, weights_only=True)["model"]["1.weight"].numpy().tobytes()
    content[bytes(content).index(weight) + 5] ^= 1
    saved.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"run\.ckpt: (damaged: the checksum of .* is wrong|truncated or)"):
        read_checkpoint(saved)


class _Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"weights": torch.zeros(2)}, "not a training checkpoint of swann; start anew without resume$"),
        ([1, 2], "not a training checkpoint of swann; "),
        (
            {"format": "swann training checkpoint", "version": 99},
            "checkpoint version 99, this program reads version 1; ",
        ),
        (_Evil(), r"not a training checkpoint \("),
    ],
)
def test_a_foreign_file_is_refused_and_runs_no_code(tmp_path, content, message, capsys):
    torch.save(content, tmp_path / "foreign")
    with pytest.raises(FileFormatError, match=message):
        read_checkpoint(tmp_path / "foreign")
    assert capsys.readouterr().out == ""


def test_a_missing_part_is_refused(saved, data, make_model, make_config):
    content = torch.load(saved, weights_only=True)
    del content["optimizer"]
    torch.save(content, saved)
    with pytest.raises(FileFormatError, match=r"run\.ckpt: not a complete checkpoint \(KeyError\('optimizer'\)\)"):
        fit(make_model(), data, make_config(epochs=1), checkpoint=saved, resume=True)


def test_identity_sees_settings_layout_links_and_data(data, make_model, make_config, tmp_path):
    config, model = make_config(), make_model()
    here = identity(config, model, data)
    check_identity(tmp_path, here, identity(make_config(checkpoint_every=3), make_model(), data))

    wider = nn.Sequential(nn.Flatten(), nn.Linear(16, 9))
    with pytest.raises(
        FileFormatError, match=r"model '1.weight' is float32 \[8, 16\] in the .* float32 \[9, 16\] here"
    ):
        check_identity(tmp_path, here, identity(config, wider, data))
    with pytest.raises(FileFormatError, match=r"data 'training images' is \[70, .* here; resume with what"):
        check_identity(tmp_path, here, identity(config, model, data.subset(train=40)))

    model.register_buffer("mask", torch.tensor([True, False]))
    one = identity(config, model, data)
    model.mask = torch.tensor([False, True])
    with pytest.raises(FileFormatError, match=r"another run: model 'mask' is bool \[2\] with content .* here; "):
        check_identity(tmp_path, one, identity(config, model, data))
