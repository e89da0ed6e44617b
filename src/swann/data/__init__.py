"""Images and labels for training: `load` a dataset by name, `augment` it, cut it into `batches`."""

from ._augment import augment, draw_crops
from ._batches import batches
from ._image_data import ImageData
from ._load import NAMES, load
from ._read_ahead import read_ahead
from ._streamed_images import Images, StreamedImages, decoded

__all__ = [
    "NAMES",
    "ImageData",
    "Images",
    "StreamedImages",
    "augment",
    "batches",
    "decoded",
    "draw_crops",
    "load",
    "read_ahead",
]
