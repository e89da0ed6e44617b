import torch
from torch import Tensor, nn

from ._blocks import check_images, initialise_, scaled

_LAYERS = 12


class _DenseLayer(nn.Module):
    """Batch norm, ReLU and a 3×3 convolution, whose map is joined to what it read (Huang et al. 2017)."""

    def __init__(self, n_inputs: int, growth_rate: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n_inputs)
        self.conv = nn.Conv2d(n_inputs, growth_rate, 3, padding=1, bias=False)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.cat((inputs, self.conv(torch.relu(self.norm(inputs)))), 1)


def densenet40(
    *, width: float = 1.0, in_channels: int = 3, n_classes: int = 10, image_size: int = 32, seed: int = 0
) -> nn.Sequential:
    """Return the paper's DenseNet-40 with growth rate 12 for CIFAR (Table I; Huang et al. 2017).

    A 3×3 convolution of 24 channels, and three dense blocks of 12 layers; between them a 1×1 convolution that keeps
    the number of channels and 2×2 average pooling. Batch norm and ReLU stand before each convolution but the first,
    and before the last pooling; there are no bottlenecks and no compression.

    Its small-world twin is smaller than the DenseNet: without the long connections of the dense blocks, their 3×3
    convolutions have 97,200 weights instead of 909,792 (98K and 910K with the first convolution, as in Table IV). The
    twin's blocks have exactly the weights of such chains.

    Args:
        width: multiplies the growth rate and the numbers of channels.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels, at least 4; the last pooling is global.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive, or images that are too small.

    >>> sum(module.weight.numel() for module in densenet40().modules() if getattr(module, "kernel_size", 0) == (3, 3))
    910440
    """
    check_images("densenet40", in_channels, n_classes, image_size, 4)
    channels, growth_rate = scaled(24, width), scaled(12, width)
    modules: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)]
    for block in range(3):
        if block > 0:
            transition = nn.Conv2d(channels, channels, 1, bias=False)
            modules += [nn.BatchNorm2d(channels), nn.ReLU(), transition, nn.AvgPool2d(2)]
        modules += [_DenseLayer(channels + layer * growth_rate, growth_rate) for layer in range(_LAYERS)]
        channels += _LAYERS * growth_rate
    modules += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(*modules, nn.Linear(channels, n_classes))
    initialise_(model, seed)
    return model
