import math
import re

import numpy as np
import pytest
import torch
from scipy import ndimage

from swann._errors import InvalidValueError
from swann.data import augment, draw_crops


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def random_images(*shape):
    return torch.randint(0, 256, shape, generator=generator(7)).to(torch.uint8)


def shifted(image, down, right):
    """`image` [C, H, W] moved by whole pixels, black where nothing came from."""
    _, height, width = image.shape
    padding = max(abs(down), abs(right))
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    top, left = padding - down, padding - right
    return padded[:, top : top + height, left : left + width]


def test_mirroring_turns_about_half_of_the_images():
    images = random_images(400, 3, 6, 5)
    result = augment(images, generator(), mirror=True)
    mirrored = (result == images.flip(3)).flatten(1).all(1)
    same = (result == images).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 160 < mirrored.sum() < 240


def test_shifts_are_whole_pixels_of_every_amount_up_to_the_largest():
    images = random_images(300, 2, 6, 9)
    result = augment(images, generator(), shift=2).numpy()
    seen = set()
    for before, after in zip(images.numpy(), result, strict=True):
        amounts = [
            (down, right)
            for down in range(-3, 4)
            for right in range(-3, 4)
            if (shifted(before, down, right) == after).all()
        ]
        assert len(amounts) == 1
        seen.add(amounts[0])
    assert seen == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def replay(count, seed, mirror, shift):
    """What `augment` draws for `count` images without rotation: whether mirrored, pixels down, pixels right."""
    source = generator(seed)
    mirrored = torch.randint(0, 2, (count,), generator=source) if mirror else torch.zeros(count)
    down, right = (torch.randint(-shift, shift + 1, (count,), generator=source) for _ in range(2))
    return list(zip(mirrored.bool().tolist(), down.tolist(), right.tolist(), strict=True))


@pytest.mark.parametrize("size", [(1, 28, 28), (3, 32, 32), (3, 17, 40), (3, 224, 224)])
def test_without_rotation_no_value_changes(size):
    images = random_images(4, *size)
    result = augment(images, generator(3), mirror=True, shift=4).numpy()
    draws = replay(4, 3, mirror=True, shift=4)
    assert {mirrored for mirrored, _, _ in draws} == {True, False}
    for before, after, (mirrored, down, right) in zip(images.numpy(), result, draws, strict=True):
        expected = shifted(before, down, right)
        assert (after == (expected[:, :, ::-1] if mirrored else expected)).all()


def test_rotation_agrees_with_scipy_also_where_an_image_is_not_square():
    images = torch.zeros(1, 1, 24, 40, dtype=torch.uint8)
    images[0, 0, 8:16, 10:30] = 200
    drawn = float(torch.rand(1, generator=generator(5)))
    degrees = (2 * drawn - 1) * 30
    assert abs(degrees) > 3
    result = augment(images, generator(5), rotation=30)[0, 0].double().numpy()
    expected = ndimage.rotate(images[0, 0].double().numpy(), degrees, reshape=False, order=1)
    assert np.abs(result - expected).max() <= 1


def test_rotation_goes_both_ways_and_no_further_than_asked():
    images = torch.zeros(200, 1, 41, 41, dtype=torch.uint8)
    images[:, :, 20, 30:38] = 255
    result = augment(images, generator(), rotation=20)[:, 0].double()
    rows, columns = torch.meshgrid(torch.arange(41.0), torch.arange(41.0), indexing="ij")
    weight = result.sum((1, 2))
    down = (result * (rows - 20)).sum((1, 2)) / weight
    right = (result * (columns - 20)).sum((1, 2)) / weight
    degrees = torch.rad2deg(torch.atan2(down, right))
    assert degrees.abs().max() < 20.5
    assert degrees.max() > 18
    assert degrees.min() < -18


def test_the_generator_decides_and_global_state_is_left_alone():
    images = random_images(20, 1, 8, 8)
    before = torch.get_rng_state()
    first, again, other = (augment(images, generator(seed), mirror=True, shift=2, rotation=10) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), before)
    assert (first.dtype, first.shape) == (torch.uint8, images.shape)


def test_nothing_to_do_returns_the_images_and_draws_nothing():
    images, source = random_images(2, 1, 4, 4), generator()
    state = source.get_state()
    assert augment(images, source) is images
    assert torch.equal(source.get_state(), state)


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (torch.zeros(1, 1, 4, 4), {}, "expected uint8 of shape [N, C, H, W], found torch.float32 of shape"),
        (random_images(1, 1, 4, 6), {"shift": 4}, "shift: expected 0 to 3 pixels, less than the image's size, found 4"),
        (random_images(1, 1, 4, 4), {"shift": -1}, "shift: expected 0 to 3 pixels"),
        (random_images(1, 1, 4, 4), {"rotation": -5}, "rotation: expected 0 to 180 degrees, found -5"),
        (random_images(1, 1, 4, 4), {"rotation": math.nan}, "rotation: expected 0 to 180 degrees, found nan"),
    ],
)
def test_bad_arguments(images, options, message):
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        augment(images, generator(), **options)


def test_a_part_of_a_batch_changes_as_in_the_whole():
    images = torch.randint(0, 256, (6, 3, 9, 9), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    changes = {"mirror": True, "shift": 2, "rotation": 20.0, "crop": (0.5, 0.9)}
    whole = augment(images, torch.Generator().manual_seed(1), **changes)
    for first in (0, 2, 4):
        part = augment(images[first : first + 2], torch.Generator().manual_seed(1), **changes, first=first, total=6)
        assert torch.equal(part, whole[first : first + 2])


def test_crops_of_images_in_files_have_sides_whose_inverse_is_even():
    crops = draw_crops(4000, torch.Generator().manual_seed(0), (224 / 480, 224 / 256))
    edges = 224 / crops[:, 0]  # of the image, in pixels
    assert 256 - 1e-3 < edges.min() < 257
    assert 479 < edges.max() < 480 + 1e-3
    assert edges.mean().item() == pytest.approx(368, abs=3)
    assert crops[:, 1:].mean(0).tolist() == pytest.approx([0.5, 0.5], abs=0.02)
