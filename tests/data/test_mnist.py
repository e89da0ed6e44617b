import gzip
import hashlib
import re
import sys

import numpy as np
import pytest
import torch
import torchvision

from swann._errors import DataError, MissingDataError, MissingExtraError
from swann.data import load

TRAIN_IMAGES, TEST_LABELS = "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.tobytes()


def contents():
    generator = np.random.default_rng(0)
    result = {}
    for part, count in (("train", 20), ("t10k", 10)):
        result[f"{part}-images-idx3-ubyte"] = generator.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        result[f"{part}-labels-idx1-ubyte"] = (np.arange(count) % 10).astype(np.uint8)
    return result


@pytest.fixture
def data_dir(tmp_path):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, array in contents().items():
        (folder / name).write_bytes(idx(array))
    return tmp_path


def test_images_and_labels_are_those_of_the_files(data_dir):
    data = load("mnist", data_dir=data_dir)
    arrays = contents()
    assert (data.train_images.squeeze(1).numpy() == arrays[TRAIN_IMAGES]).all()
    assert data.test_labels.tolist() == arrays[TEST_LABELS].tolist()
    assert (data.name, data.classes) == ("mnist", tuple("0123456789"))
    assert data.source == str(data_dir / "MNIST" / "raw")


def test_the_whole_of_mnist(real_data_dir):
    data = load("mnist", data_dir=real_data_dir)
    assert str(data) == "mnist: 60,000 training and 10,000 test images of 1×28×28, 10 classes"
    assert data.mean == pytest.approx((0.1307,), abs=5e-5)
    assert data.std == pytest.approx((0.3081,), abs=5e-5)
    assert torch.bincount(data.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.parametrize("name", [TRAIN_IMAGES, TEST_LABELS])
def test_truncated_file(data_dir, name):
    path = data_dir / "MNIST" / "raw" / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    message = (
        f"{path}: damaged: its header announces {len(whole):,} bytes, found {len(whole) - 5:,}; "
        f"remove the file and fetch it again"
    )
    with pytest.raises(DataError) as caught:
        load("mnist", data_dir=data_dir)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("content", "found"), [(b"", "nothing"), (b"\0\0\x08", "000008"), (b"<html>" * 10, "3c68746d")]
)
def test_file_that_is_not_idx(data_dir, content, found):
    path = data_dir / "MNIST" / "raw" / TRAIN_IMAGES
    path.write_bytes(content)
    message = (
        f"{path}: not an idx file of bytes with 3 dimension(s): expected a header of 16 bytes "
        f"that starts with 00000803, found {found}; remove the file"
    )
    with pytest.raises(DataError, match=re.escape(message)):
        load("mnist", data_dir=data_dir)


def test_fewer_labels_than_images(data_dir):
    (data_dir / "MNIST" / "raw" / TEST_LABELS).write_bytes(idx(np.zeros(9, dtype=np.uint8)))
    with pytest.raises(DataError, match=re.escape("mnist: test labels: expected int64 of shape [10]")):
        load("mnist", data_dir=data_dir)


def test_damaged_processed_file_of_an_older_torchvision(data_dir):
    folder = data_dir / "MNIST" / "processed"
    folder.mkdir()
    for name in ("training.pt", "test.pt"):
        (folder / name).write_bytes(b"nonsense")
    with pytest.raises(DataError, match=f"cannot read MNIST in {data_dir / 'MNIST'}: ") as caught:
        load("mnist", data_dir=data_dir)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(data_dir):
    path = data_dir / "MNIST" / "raw" / TEST_LABELS
    path.unlink()
    with pytest.raises(MissingDataError, match=f"dataset 'mnist' not found: looked for {path}; copy its files"):
        load("mnist", data_dir=data_dir)


def test_without_torchvision(monkeypatch, data_dir):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delitem(sys.modules, "torchvision.datasets")
    with pytest.raises(MissingExtraError, match=r"torchvision.* is not installed: .* pip install 'swann\[vision\]'"):
        load("mnist", data_dir=data_dir)


@pytest.fixture
def mirror(served, monkeypatch):
    """A folder that stands in for the place that torchvision fetches MNIST from."""
    folder, address = served
    resources = []
    for name, array in contents().items():
        content = gzip.compress(idx(array))
        (folder / f"{name}.gz").write_bytes(content)
        resources.append((f"{name}.gz", hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{address}/"])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    return folder


def test_download_only_when_asked(mirror, tmp_path):
    data_dir = tmp_path / "new"
    with pytest.raises(MissingDataError):
        load("mnist", data_dir=data_dir)
    assert not data_dir.exists()
    data = load("mnist", data_dir=data_dir, download=True)
    assert (data.train_images.squeeze(1).numpy() == contents()[TRAIN_IMAGES]).all()
    for path in mirror.iterdir():
        path.unlink()
    load("mnist", data_dir=data_dir, download=True)  # is there: nothing is fetched


def test_download_that_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{tmp_path.as_uri()}/nothing/"])
    with pytest.raises(MissingDataError, match="'mnist' could not be downloaded into ") as caught:
        load("mnist", data_dir=tmp_path / "new", download=True)
    assert "\n" not in str(caught.value)
