import re

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional

from swann._errors import DataError, InvalidValueError
from swann.data import ImageData, decoded, load
from swann.data._streamed_images import StreamedImages

SIZES = [(12, 10), (9, 31), (24, 24), (40, 16), (16, 12), (11, 11)]


@pytest.fixture
def folder(tmp_path):
    """Three images of two classes in each part, of several sizes."""
    for part, offset in (("train", 0), ("val", 6)):
        for number, size in enumerate(SIZES):
            path = tmp_path / part / ("cat", "dog")[number // 3] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(offset + number).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    return tmp_path


def test_they_are_the_images_that_would_be_in_memory(folder):
    held, streamed = (load(f"folder:{folder}", image_size=8, stream=stream) for stream in (False, True))
    assert (held.streamed, streamed.streamed) == (False, True)
    assert torch.equal(decoded(streamed.train_images), held.train_images)
    assert torch.equal(decoded(streamed.test_images), held.test_images)
    assert decoded(held.test_images) is held.test_images
    assert (streamed.mean, streamed.std) == (held.mean, held.std)
    assert streamed.input_shape == held.input_shape == (3, 8, 8)
    assert str(streamed) == f"{held}, read from disk"
    order = torch.tensor([4, 0, 2])
    assert torch.equal(streamed.train_images[order].decode(), held.train_images[order])
    for change in (lambda data: data.subset(train=4, test=2), lambda data: data.split_validation(0.4)):
        of_held, of_streamed = change(held), change(streamed)
        assert torch.equal(decoded(of_streamed.train_images), of_held.train_images)
        assert torch.equal(of_streamed.test_labels, of_held.test_labels)
        assert of_streamed.mean == of_held.mean


def test_they_are_streamed_by_themselves_where_memory_is_short(folder):
    size = 12 * 3 * 8 * 8
    assert not load(f"folder:{folder}", image_size=8, memory_limit=size).streamed
    assert load(f"folder:{folder}", image_size=8, memory_limit=size - 1).streamed
    with pytest.raises(InvalidValueError, match="take 0.00 GiB in memory"):
        load(f"folder:{folder}", image_size=8, memory_limit=size - 1, stream=False)


def test_a_square_is_cut_out_of_the_whole_image(folder):
    images = load(f"folder:{folder}", image_size=8, stream=True).train_images
    crops = torch.tensor(
        [[0.5, 0.0, 1.0], [1.0, 1.0, 0.0], [0.75, 0.5, 0.5], [1.0, 0.0, 1.0], [0.5, 1, 1], [0.01, 0, 0]]
    )
    # side, top and left in pixels, by hand: for example half of the shorter edge of 12×10 at the top on the right
    squares = [(5, 0, 7), (9, 22, 0), (18, 3, 3), (16, 0, 24), (6, 6, 10), (1, 0, 0)]
    found = images.decode(crops)
    for path, (side, top, left), square in zip(images.paths, squares, found, strict=True):
        pixels = functional.pil_to_tensor(Image.open(path))[:, top : top + side, left : left + side]
        expected = functional.pil_to_tensor(functional.resize(functional.to_pil_image(pixels), [8, 8]))
        assert torch.equal(square, expected)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (3, 2)])
def test_crops_must_fit(shape):
    with pytest.raises(
        InvalidValueError, match=re.escape(f"crops: expected a tensor of shape [3, 3], found {list(shape)}")
    ):
        StreamedImages(["a", "b", "c"], 8).decode(torch.zeros(shape))


def test_a_damaged_image_is_named_when_it_is_needed_and_left_out_if_asked(folder):
    path = folder / "train" / "dog" / "4.png"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=re.escape(f"{path}: cannot be read as an image: ")):
        load(f"folder:{folder}", image_size=8, stream=True)  # the mean is taken over it
    data = load(f"folder:{folder}", image_size=8, stream=True, skip_corrupt=True)
    assert len(data.train_images) == 5
    assert len(data.skipped) == 1
    start = StreamedImages([str(path)], 8).start_decoding()
    with pytest.raises(DataError, match="cannot be read as an image"):
        start()


def test_only_folders_of_images_with_a_size_are_streamed(folder):
    with pytest.raises(InvalidValueError, match=r"images that are read from disk need an image_size \(--image-size\)"):
        load(f"folder:{folder}", stream=True)
    with pytest.raises(InvalidValueError, match=r"^digits: it is held in memory; only the images of a folder"):
        load("digits", stream=True)


def test_no_images_are_refused():
    none, one = StreamedImages([], 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    with pytest.raises(DataError, match="^x: train images: expected at least one file, found none$"):
        ImageData.from_tensors("x", ("a",), none, torch.zeros(0, dtype=torch.int64), one, torch.zeros(1).long())
