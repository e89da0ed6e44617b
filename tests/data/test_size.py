import pytest
import torch
from torchvision.transforms.v2 import functional

from swann._errors import InvalidValueError
from swann.data._size import check_decoded_size, resize


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (20, 31), (33, 20)])
@pytest.mark.parametrize("image_size", [7, 20, 32])
def test_resize_agrees_with_torchvision(size, image_size):
    images = torch.randint(0, 256, (5, 3, *size), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    result = resize(images, image_size)
    resized = functional.resize(images, [image_size], antialias=True)
    expected = functional.center_crop(resized, [image_size, image_size])
    assert result.shape == expected.shape
    if size[0] == size[1]:
        assert torch.equal(result, expected)


def test_several_chunks(monkeypatch):
    images = torch.randint(0, 256, (5, 1, 6, 6), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    whole = resize(images, 9)
    monkeypatch.setattr("swann.data._size._CHUNK", 2)
    assert torch.equal(resize(images, 9), whole)


def test_the_size_it_has_already_changes_nothing():
    images = torch.zeros(1, 1, 6, 6, dtype=torch.uint8)
    assert resize(images, 6) is images


def test_limit():
    check_decoded_size("x", 10, (3, 4, 4), 480)
    message = (
        r"photos: 8,388,608 images of 3×32×32 take 24.00 GiB in memory, more than the limit of 8.00 GiB; "
        r"choose a smaller image_size or a higher memory_limit"
    )
    with pytest.raises(InvalidValueError, match=message):
        check_decoded_size("photos", 2**23, (3, 32, 32), 8 * 2**30)
