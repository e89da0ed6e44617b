import torch.nn.functional as F
from torch import Tensor, nn

from ._blocks import check_images, convolution, initialise_, scaled

_CHANNELS = (16, 32, 64)


class _ShortcutBlock(nn.Sequential):
    """Two convolutions, whose inputs are added before the last ReLU (He et al. 2016, shortcuts of option A).

    Where the map gets smaller the shortcut takes every other pixel, where it gets more channels they are zero.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = inputs
        for module in self[:-1]:
            outputs = module(outputs)
        step = -(-inputs.shape[-1] // outputs.shape[-1])
        missing = outputs.shape[1] - inputs.shape[1]
        added = F.pad(inputs[:, :, ::step, ::step], (0, 0, 0, 0, 0, missing))
        result: Tensor = self[-1](outputs + added)
        return result


def plain20(
    *,
    width: float = 1.0,
    in_channels: int = 3,
    n_classes: int = 10,
    image_size: int = 32,
    shortcuts: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Return a plain network of 19 3×3 convolutions and a linear layer (He et al. 2016, plain-20 for CIFAR-10).

    7, 6 and 6 convolutions with 16, 32 and 64 channels; the first with more channels has a stride of 2. All have batch
    norm and ReLU; the maps are averaged before the linear layer.

    Args:
        width: multiplies the numbers of channels.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels, at least 4.
        shortcuts: add identity shortcuts without weights round every two convolutions after the first.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive, or images that are too small.
    """
    return _plain("plain20", (7, 6, 6), width, in_channels, n_classes, image_size, shortcuts, seed)


def plain40(
    *,
    width: float = 1.0,
    in_channels: int = 3,
    n_classes: int = 10,
    image_size: int = 32,
    shortcuts: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Return a plain network as `plain20` does, of 39 convolutions, 13 for each number of channels.

    Args:
        width: multiplies the numbers of channels.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels, at least 4.
        shortcuts: add identity shortcuts without weights round every two convolutions after the first.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive, or images that are too small.
    """
    return _plain("plain40", (13, 13, 13), width, in_channels, n_classes, image_size, shortcuts, seed)


def _plain(
    name: str,
    repeats: tuple[int, ...],
    width: float,
    in_channels: int,
    n_classes: int,
    image_size: int,
    shortcuts: bool,
    seed: int,
) -> nn.Sequential:
    check_images(name, in_channels, n_classes, image_size, 4)
    layers: list[tuple[nn.Module, ...]] = []
    n_inputs = in_channels
    for channels, count in zip(_CHANNELS, repeats, strict=True):
        n_outputs = scaled(channels, width)
        for number in range(count):
            stride = 2 if number == 0 and channels > _CHANNELS[0] else 1
            layers.append(tuple(convolution(n_inputs, n_outputs, 3, stride=stride)))
            n_inputs = n_outputs
    if shortcuts:
        pairs = zip(layers[1::2], layers[2::2], strict=True)
        modules = [*layers[0], *(_ShortcutBlock(*first, *second) for first, second in pairs)]
    else:
        modules = [module for layer in layers for module in layer]
    model = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_inputs, n_classes))
    initialise_(model, seed)
    return model
