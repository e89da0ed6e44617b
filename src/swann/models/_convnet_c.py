from torch import nn

from ._blocks import check_images, convolution, initialise_, scaled

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


def convnet_c(
    *, width: float = 1.0, in_channels: int = 3, n_classes: int = 10, image_size: int = 32, seed: int = 0
) -> nn.Sequential:
    """Return the paper's ConvNet-C for CIFAR (Table I): 13 3×3 convolutions in five blocks and 512 neurons.

    Every convolution has batch norm and ReLU, every block ends with 2×2 pooling; dropout 0.5 stands before the first
    linear layer.

    Args:
        width: multiplies the numbers of channels and neurons.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels, at least 32.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive, or images that are too small.
    """
    check_images("convnet_c", in_channels, n_classes, image_size, 32)
    modules: list[nn.Module] = []
    n_inputs = in_channels
    for channels, repeats in _BLOCKS:
        for _ in range(repeats):
            n_outputs = scaled(channels, width)
            modules += convolution(n_inputs, n_outputs, 3)
            n_inputs = n_outputs
        modules.append(nn.MaxPool2d(2))
        image_size //= 2
    hidden = scaled(512, width)
    modules += [nn.Flatten(), nn.Dropout(0.5), nn.Linear(n_inputs * image_size**2, hidden), nn.ReLU()]
    model = nn.Sequential(*modules, nn.Linear(hidden, n_classes))
    initialise_(model, seed)
    return model
