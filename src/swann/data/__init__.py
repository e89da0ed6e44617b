"""Images and labels for training: `load` a dataset by name, `augment` it, cut it into `batches`."""

from ._augment import augment as augment
from ._batches import batches as batches
from ._image_data import ImageData as ImageData
from ._load import NAMES as NAMES
from ._load import load as load

__all__ = ["NAMES", "ImageData", "augment", "batches", "load"]
