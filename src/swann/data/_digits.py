"""The handwritten digits that come with scikit-learn."""

import torch

from .._errors import require_extra
from ._image_data import ImageData
from ._split import stratified_split

_TEST_IMAGES = 360


def load_digits() -> ImageData:
    """Load scikit-learn's 1,797 images of 8×8 pixels, split into 1,437 for training and 360 for testing.

    The values 0 to 16 are scaled to 0 to 255. The split is stratified and always the same.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    bunch = require_extra("sklearn.datasets", "vision").load_digits()
    images = torch.from_numpy(bunch.images).mul(255 / 16).round().to(torch.uint8).unsqueeze(1)
    labels = torch.from_numpy(bunch.target).long()
    test, train = stratified_split(labels, _TEST_IMAGES, seed=0)
    return ImageData.from_tensors(
        "digits",
        tuple(str(digit) for digit in range(10)),
        images[train],
        labels[train],
        images[test],
        labels[test],
        source="sklearn.datasets.load_digits",
    )
