"""Random changes of training images, another draw for each image."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from .._errors import InvalidValueError


def augment(
    images: Tensor,
    generator: torch.Generator,
    *,
    mirror: bool = False,
    shift: int = 0,
    rotation: float = 0.0,
    crop: tuple[float, float] | None = None,
    first: int = 0,
    total: int | None = None,
) -> Tensor:
    """Crop, rotate, shift and mirror each image of a batch by an amount of its own; what enters from outside is black.

    Of an image a part is cut out and brought to the image's size, it is rotated about its centre (both by bilinear
    interpolation), then shifted by whole pixels, then mirrored left to right with probability 1/2. Without crop and
    rotation no pixel's value changes.

    Args:
        images: uint8, [N, C, H, W].
        generator: all random numbers come from it.
        mirror: mirror half of the images, on average.
        shift: largest shift in pixels, in each direction.
        rotation: largest angle in degrees, both ways.
        crop: smallest and largest share of the sides that a crop keeps, above 0 and at most 1; its place is drawn
            evenly, and so is the image's size in crops. Crops of 224 pixels from images whose shorter side is drawn
            from 256 to 480 pixels (He et al. 2016) are `(224 / 480, 224 / 256)`.
        first: place of the first of the images in a batch of which they are a part.
        total: images in that batch, for all of which numbers are drawn, so that a part changes as in the whole.

    Returns:
        uint8, [N, C, H, W], on the device of `images`; `images` itself if nothing is to be done.

    Raises:
        InvalidValueError: images of another type or shape, or an amount out of range.

    >>> image = torch.arange(3, dtype=torch.uint8).reshape(1, 1, 1, 3)
    >>> augment(image, torch.Generator().manual_seed(1), mirror=True).tolist()
    [[[[2, 1, 0]]]]
    """
    _check(images, shift, rotation, crop)
    if not (mirror or shift or rotation or crop):
        return images
    count, _, height, width = images.shape
    draw = _Draw(slice(first, first + count), count if total is None else total, generator, images.device)
    sign = 1 - 2 * draw.integers(0, 1).float() if mirror else torch.ones(count, device=images.device)
    down = draw.integers(-shift, shift).float() if shift else torch.zeros_like(sign)
    right = draw.integers(-shift, shift).float() if shift else torch.zeros_like(sign)
    angle = draw.uniform(math.radians(rotation)) if rotation else torch.zeros_like(sign)

    # Where the pixel at (x, y) of the result comes from, in coordinates from -1 to 1 over the width and height:
    # undo the mirror, then the shift, then the rotation (which is one in pixels, hence the aspect ratio).
    aspect = height / width
    cosine, sine = torch.cos(angle), torch.sin(angle)
    moved_x, moved_y = -2 * right / width, -2 * down / height
    row_x = torch.stack(
        [cosine * sign, -sine * aspect, cosine * moved_x - sine * aspect * moved_y],
        dim=1,
    )
    row_y = torch.stack(
        [sine / aspect * sign, cosine, sine / aspect * moved_x + cosine * moved_y],
        dim=1,
    )
    theta = torch.stack([row_x, row_y], dim=1)
    if crop:
        side = crop_side(draw.share(), crop)
        corner = torch.stack([2 * draw.share() - 1, 2 * draw.share() - 1], dim=1)
        theta = theta * side[:, None, None]
        theta[:, :, 2] += corner * (1 - side)[:, None]
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    sampled = functional.grid_sample(images.float(), grid, mode="bilinear", align_corners=False)
    return sampled.round_().clamp_(0, 255).to(torch.uint8)


def draw_crops(count: int, generator: torch.Generator, crop: tuple[float, float]) -> Tensor:
    """Return the squares to cut out of images in files, as `StreamedImages.start_decoding` takes them.

    Args:
        count: how many.
        generator: all random numbers come from it.
        crop: smallest and largest share of the sides, as for `augment`.

    Returns:
        float32, [count, 3]: side, place from top to bottom, place from left to right.
    """
    drawn = torch.rand(count, 3, generator=generator)
    drawn[:, 0] = crop_side(drawn[:, 0], crop)
    return drawn


def crop_side(share: Tensor, crop: tuple[float, float]) -> Tensor:
    """Return sides of crops from numbers between 0 and 1: their inverse, the image's size in crops, is drawn evenly."""
    smallest, largest = crop
    return 1 / (1 / largest + share * (1 / smallest - 1 / largest))


class _Draw:
    """Draws one number for each image of a batch on the generator's device, and moves a part of them to the images'."""

    def __init__(self, part: slice, count: int, generator: torch.Generator, device: torch.device) -> None:
        self._part = part
        self._count = count
        self._generator = generator
        self._device = device

    def integers(self, low: int, high: int) -> Tensor:
        drawn = torch.randint(low, high + 1, (self._count,), generator=self._generator, device=self._generator.device)
        return drawn[self._part].to(self._device)

    def uniform(self, largest: float) -> Tensor:
        return (2 * self.share() - 1) * largest

    def share(self) -> Tensor:
        drawn = torch.rand(self._count, generator=self._generator, device=self._generator.device)
        return drawn[self._part].to(self._device)


def _check(images: Tensor, shift: int, rotation: float, crop: tuple[float, float] | None) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4:
        raise InvalidValueError(
            f"images to augment: expected uint8 of shape [N, C, H, W], "
            f"found {images.dtype} of shape {list(images.shape)}"
        )
    smaller = min(images.shape[2:])
    if not 0 <= shift < smaller:
        raise InvalidValueError(f"shift: expected 0 to {smaller - 1} pixels, less than the image's size, found {shift}")
    if not 0 <= rotation <= 180:
        raise InvalidValueError(f"rotation: expected 0 to 180 degrees, found {rotation}")
    if crop is not None and not 0 < crop[0] <= crop[1] <= 1:
        raise InvalidValueError(f"crop: expected two rising shares above 0 and at most 1, found {crop}")
