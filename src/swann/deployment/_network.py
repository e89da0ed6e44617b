"""The network that a server begins with."""

import torch
from torch import nn

from .._errors import InvalidValueError
from ..convert import convert, load
from ..data import ImageData
from ..federated import Architecture
from ..models import create
from ..nn import SmallWorldDenseNet, SmallWorldNetwork
from ._settings import ServerSettings

_FILE = ".safetensors"


def make_network(settings: ServerSettings, data: ImageData | None) -> tuple[nn.Module, Architecture]:
    """Return what the settings name, a model, its twin or a converted file, and what nodes are told of it.

    Raises:
        SwannError: there is no such model or file, or it does not fit the images.
    """
    if settings.model.endswith(_FILE):
        if settings.p is not None:
            raise InvalidValueError(f"run config: {settings.model} is converted already; leave out p")
        network = load(settings.model).train()
        if data is not None and network.plan.input_shape != data.input_shape:
            raise InvalidValueError(
                f"{settings.model} reads inputs of {network.plan.input_shape}, "
                f"{data.name} has images of {data.input_shape}"
            )
        return network, Architecture.of(network)
    channels, size, classes = _shape(settings, data)
    values = {"in_channels": channels, "n_classes": classes, "image_size": size, "width": settings.width}
    model = create(settings.model, seed=settings.seed, **values)  # type: ignore[arg-type]
    if settings.p is None:
        told = Architecture.by_name(settings.model, **values)  # type: ignore[arg-type]
        told.check_ours()
        return model, told
    twin = convert(model, torch.zeros(1, channels, size, size), settings.p, seed=settings.seed)
    assert isinstance(twin, (SmallWorldNetwork, SmallWorldDenseNet))  # noqa: S101
    return twin, Architecture.of(twin)


def _shape(settings: ServerSettings, data: ImageData | None) -> tuple[int, int, int]:
    """Return the images' channels and pixels and the number of classes."""
    if data is not None:
        channels, height, width = data.input_shape
        if height != width:
            raise InvalidValueError(f"{data.name}: images are {height}×{width}; give image-size for square ones")
        return channels, height, data.n_classes
    if settings.channels is None or settings.image_size is None or settings.classes is None:
        raise InvalidValueError("run config: without data, a model by name needs channels, image-size and classes")
    return settings.channels, settings.image_size, settings.classes
