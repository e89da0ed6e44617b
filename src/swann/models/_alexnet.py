from torch import nn

from ._blocks import check_images, convolution, initialise_, scaled


def alexnet(
    *,
    width: float = 1.0,
    in_channels: int = 3,
    n_classes: int = 1000,
    image_size: int = 224,
    groups: int = 2,
    seed: int = 0,
) -> nn.Sequential:
    """Return the paper's AlexNet (Table I), in the layout of the Caffe model zoo.

    Convolutions of 96, 256, 384, 384 and 256 channels, the second, fourth and fifth in groups; batch norm and ReLU
    after each; 2×2 pooling after the first, second and fifth; two linear layers of 4,096 neurons with dropout 0.5
    after each, and the classifier.

    Args:
        width: multiplies the numbers of channels and neurons.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels, at least 35.
        groups: 2 as in the Caffe model, or 1.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive, or images that are too small.
    """
    check_images("alexnet", in_channels, n_classes, image_size, 35)
    sizes = [scaled(channels, width, groups) for channels in (96, 256, 384, 384, 256)]
    modules: list[nn.Module] = [
        nn.Conv2d(in_channels, sizes[0], 11, 4, 2),
        nn.BatchNorm2d(sizes[0]),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    modules += [*convolution(sizes[0], sizes[1], 5, groups=groups), nn.MaxPool2d(2)]
    modules += convolution(sizes[1], sizes[2], 3)
    modules += convolution(sizes[2], sizes[3], 3, groups=groups)
    modules += [*convolution(sizes[3], sizes[4], 3, groups=groups), nn.MaxPool2d(2), nn.Flatten()]
    side = ((image_size - 7) // 4 + 1) // 2 // 2 // 2
    hidden = scaled(4096, width)
    modules += [nn.Linear(sizes[4] * side**2, hidden), nn.ReLU(), nn.Dropout(0.5)]
    modules += [nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*modules, nn.Linear(hidden, n_classes))
    initialise_(model, seed)
    return model
