from torch import nn

from ._blocks import check_images, convolution, initialise_, scaled


def mnist5(
    *, width: float = 1.0, in_channels: int = 1, n_classes: int = 10, image_size: int = 28, seed: int = 0
) -> nn.Sequential:
    """Return the paper's 5-layer network for MNIST (Table I).

    Three 5×5 convolutions of 6, 16 and 120 channels, each with batch norm, ReLU and 2×2 pooling, a linear layer of 84
    neurons, dropout 0.5 and the classifier.

    Args:
        width: multiplies the numbers of channels and neurons.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels, at least 8.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive, or images that are too small.

    >>> sum(parameter.numel() for parameter in mnist5().parameters())
    142630
    """
    check_images("mnist5", in_channels, n_classes, image_size, 8)
    modules: list[nn.Module] = []
    n_inputs = in_channels
    for channels in (6, 16, 120):
        n_outputs = scaled(channels, width)
        modules += [*convolution(n_inputs, n_outputs, 5), nn.MaxPool2d(2)]
        n_inputs, image_size = n_outputs, image_size // 2
    hidden = scaled(84, width)
    modules += [nn.Flatten(), nn.Linear(n_inputs * image_size**2, hidden), nn.ReLU()]
    model = nn.Sequential(*modules, nn.Dropout(0.5), nn.Linear(hidden, n_classes))
    initialise_(model, seed)
    return model
