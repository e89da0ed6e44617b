import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from swann._errors import MissingExtraError
from swann.data import load


def test_split_is_stratified_and_holds_every_image_once():
    data = load("digits")
    assert (len(data.train_images), len(data.test_images)) == (1437, 360)
    assert data.input_shape == (1, 8, 8)
    assert data.classes == tuple("0123456789")
    original = load_digits()
    shares = np.bincount(original.target) * 360 / 1797
    assert np.abs(np.bincount(data.test_labels) - shares).max() < 1
    theirs = sorted(
        (int(label), image.tobytes()) for label, image in zip(original.target, original.images, strict=True)
    )
    images = torch.cat([data.train_images, data.test_images]).squeeze(1)
    labels = torch.cat([data.train_labels, data.test_labels])
    ours = sorted(
        (int(label), np.round(image.numpy().astype(np.float64) * 16 / 255).tobytes())
        for label, image in zip(labels, images, strict=True)
    )
    assert ours == theirs


def test_values_fill_a_byte():
    images = load("digits").train_images
    assert sorted(set(images.flatten().tolist())) == [round(value * 255 / 16) for value in range(17)]


def test_the_split_is_always_the_same():
    first, second = load("digits"), load("digits")
    assert torch.equal(first.train_images, second.train_images)
    assert first.test_labels[:12].tolist() == second.test_labels[:12].tolist()


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.datasets")
    with pytest.raises(MissingExtraError, match=r"sklearn.* is not installed: .* needs the extra 'vision'"):
        load("digits")
