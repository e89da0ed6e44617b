"""Images and labels for training: `load` a dataset by name, `augment` it, cut it into `batches`."""

from ._augment import augment
from ._batches import batches
from ._image_data import ImageData
from ._load import NAMES, load

__all__ = ["NAMES", "ImageData", "augment", "batches", "load"]
