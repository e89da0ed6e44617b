import re

import numpy as np
import pytest
import torch
from torchvision.transforms.functional import normalize

from swann._errors import DataError, InvalidValueError
from swann.data import ImageData


def make(train=40, test=12, classes=4, channels=3, seed=0):
    """Training images have even values, test images odd ones, so that one can tell where an image is from."""
    generator = torch.Generator().manual_seed(seed)

    def images(count, odd):
        drawn = torch.randint(0, 127, (count, channels, 5, 7), generator=generator) * 2 + odd
        return drawn.to(torch.uint8)

    return ImageData.from_tensors(
        "toy",
        tuple(f"class {index}" for index in range(classes)),
        images(train, 0),
        torch.arange(train) % classes,
        images(test, 1),
        torch.arange(test) % classes,
        source="here",
    )


def test_mean_and_std_are_those_of_the_training_images():
    data = make()
    scaled = data.train_images.numpy().astype(np.float64) / 255
    np.testing.assert_allclose(data.mean, scaled.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(data.std, scaled.std(axis=(0, 2, 3)), rtol=1e-12)


def test_statistics_over_several_chunks(monkeypatch):
    whole = make()
    monkeypatch.setattr("swann.data._image_data._CHUNK", 7)
    chunked = make()
    assert (chunked.mean, chunked.std) == (whole.mean, whole.std)


def test_normalise_agrees_with_torchvision():
    data = make()
    expected = normalize(data.test_images.float() / 255, data.mean, data.std)
    result = data.normalise(data.test_images)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected)


def test_normalised_training_images_have_mean_zero_and_variance_one():
    data = make()
    result = data.normalise(data.train_images).double()
    torch.testing.assert_close(result.mean(dim=(0, 2, 3)), torch.zeros(3).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(result.var(dim=(0, 2, 3), correction=0), torch.ones(3).double())


def test_a_channel_that_never_changes_is_only_centred():
    images = torch.full((2, 1, 3, 3), 51, dtype=torch.uint8)
    data = ImageData.from_tensors("flat", ("a", "b"), images, torch.arange(2), images, torch.arange(2))
    assert data.std == (1.0,)
    torch.testing.assert_close(data.normalise(images), torch.zeros(2, 1, 3, 3))


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (torch.zeros(2, 3, 5, 7), "found torch.float32 of shape [2, 3, 5, 7]"),
        (torch.zeros(2, 1, 5, 7, dtype=torch.uint8), "found torch.uint8 of shape [2, 1, 5, 7]"),
        (torch.zeros(3, 5, 7, dtype=torch.uint8), "found torch.uint8 of shape [3, 5, 7]"),
    ],
)
def test_normalise_refuses_other_images(images, found):
    message = f"images to normalise: expected uint8 of shape [N, 3, H, W], {found}"
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        make().normalise(images)


def test_validation_split_holds_no_real_test_image():
    data = make()
    split = data.split_validation(0.3, seed=5)
    assert split.name == "toy (validation: 0.3 of the training images, seed 5)"
    assert (len(split.train_images), len(split.test_images)) == (28, 12)
    assert torch.bincount(split.test_labels).tolist() == [3, 3, 3, 3]
    both = torch.cat([split.train_images, split.test_images])
    assert (both % 2 == 0).all()
    key = lambda images: sorted(image.numpy().tobytes() for image in images)  # noqa: E731
    assert key(both) == key(data.train_images)
    assert split.mean != data.mean
    assert split.source == "here"


def test_images_keep_their_labels():
    images = torch.arange(20, dtype=torch.uint8).reshape(20, 1, 1, 1)
    labels = torch.arange(20) % 5
    data = ImageData.from_tensors("numbers", tuple("abcde"), images, labels, images, labels)
    for part in (data.split_validation(0.25, seed=1), data.subset(train=10, test=5, seed=1)):
        assert torch.equal(part.train_images.flatten() % 5, part.train_labels)
        assert torch.equal(part.test_images.flatten() % 5, part.test_labels)


def test_the_seed_decides_the_split():
    data = make()
    first, again, other = (data.split_validation(seed=seed).test_images for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_fraction_out_of_range(fraction):
    with pytest.raises(InvalidValueError, match=f"fraction: expected a number between 0 and 1, found {fraction}"):
        make().split_validation(fraction)


def test_fraction_that_leaves_nothing():
    message = "fraction=0.01 of 40 training images leaves 0 for validation and 40 for training"
    with pytest.raises(InvalidValueError, match=message):
        make().split_validation(0.01)


def test_subset():
    data = make()
    small = data.subset(train=8, seed=2)
    assert small.name == "toy (subset: 8 training, 12 test images, seed 2)"
    assert torch.bincount(small.train_labels).tolist() == [2, 2, 2, 2]
    assert torch.equal(small.test_images, data.test_images)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"train": 41}, "toy: train subset: expected 1 to 40 images, found 41"),
        ({"test": 0}, "toy: test subset: expected 1 to 12 images, found 0"),
    ],
)
def test_subset_of_too_many_or_none(sizes, message):
    with pytest.raises(InvalidValueError, match=message):
        make().subset(**sizes)


def test_shape_classes_and_text():
    data = make()
    assert data.input_shape == (3, 5, 7)
    assert data.n_classes == 4
    assert str(data) == "toy: 40 training and 12 test images of 3×5×7, 4 classes"
    assert "tensor" not in repr(data)


IMAGES, LABELS = torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.arange(2)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            (IMAGES.float(), LABELS, IMAGES, LABELS),
            "bad: train images: expected uint8 of shape [N, C, H, W] with N at least 1, "
            "found torch.float32 of shape [2, 1, 4, 4]",
        ),
        (
            (IMAGES, LABELS, IMAGES[:0], LABELS[:0]),
            "bad: test images: expected uint8 of shape [N, C, H, W] with N at least 1, "
            "found torch.uint8 of shape [0, 1, 4, 4]",
        ),
        (
            (IMAGES, LABELS[:1], IMAGES, LABELS),
            "bad: train labels: expected int64 of shape [2], one an image, found torch.int64 of shape [1]",
        ),
        (
            (IMAGES, LABELS, IMAGES, LABELS.int()),
            "bad: test labels: expected int64 of shape [2], one an image, found torch.int32 of shape [2]",
        ),
        ((IMAGES, LABELS + 1, IMAGES, LABELS), "bad: train labels: expected 0 to 1, found 1 to 2"),
        (
            (IMAGES, LABELS, IMAGES[:, :, :3], LABELS),
            "bad: train images are 1×4×4, test images 1×3×4; expected the same size",
        ),
    ],
)
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(DataError, match=re.escape(message)):
        ImageData.from_tensors("bad", ("a", "b"), *parts)
