import re

import pytest

from swann._errors import DataError, InvalidValueError, UnknownNameError
from swann.data import NAMES, load


@pytest.mark.parametrize("name", ["mnits", "MNIST", "mnist "])
def test_unknown_name_with_near_matches(name):
    message = f"unknown dataset {name!r}: did you mean 'mnist'"
    with pytest.raises(UnknownNameError, match=re.escape(message)) as caught:
        load(name)
    assert all(known in str(caught.value) for known in NAMES)


def test_a_path_without_its_prefix(tmp_path):
    with pytest.raises(UnknownNameError, match=re.escape(f"for a folder of images write folder:{tmp_path};")):
        load(str(tmp_path))


@pytest.mark.parametrize("name", ["digits", "mnist", "folder:x"])
def test_image_size_must_be_positive(name):
    with pytest.raises(InvalidValueError, match="image_size: expected at least 1 pixel, found 0"):
        load(name, image_size=0)


def test_image_size_applies_to_every_dataset():
    data = load("digits", image_size=12)
    assert data.input_shape == (1, 12, 12)
    assert data.test_images.shape == (360, 1, 12, 12)


def test_memory_limit_applies_to_a_larger_image_size():
    with pytest.raises(InvalidValueError, match=r"digits: 1,797 images of 1×4000×4000 take 26\.78 GiB"):
        load("digits", image_size=4000)


def test_a_file_that_may_not_be_read(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/data/MNIST/raw")

    monkeypatch.setattr("swann.data._load.load_mnist", refuse)
    with pytest.raises(DataError, match="dataset 'mnist': cannot read /data/MNIST/raw: Permission denied"):
        load("mnist", data_dir="/data")
