from torch import nn

from .._errors import InvalidValueError
from ._blocks import check_images, initialise_, scaled

_NEURONS = 100


def mlp(
    *,
    width: float = 1.0,
    in_channels: int = 1,
    n_classes: int = 10,
    image_size: int = 28,
    n_hidden: int = 8,
    seed: int = 0,
) -> nn.Sequential:
    """Return a multilayer perceptron: hidden layers of 100 neurons, each with batch norm and ReLU, and the classifier.

    Args:
        width: multiplies the numbers of neurons.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels.
        n_hidden: hidden layers.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive.

    >>> sum(parameter.numel() for parameter in mlp(n_hidden=1).parameters())
    79710
    """
    check_images("mlp", in_channels, n_classes, image_size, 1)
    if n_hidden < 1:
        raise InvalidValueError(f"mlp: n_hidden must be at least 1, got {n_hidden}")
    n_inputs, hidden = in_channels * image_size**2, scaled(_NEURONS, width)
    modules: list[nn.Module] = [nn.Flatten()]
    for _ in range(n_hidden):
        modules += [nn.Linear(n_inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU()]
        n_inputs = hidden
    model = nn.Sequential(*modules, nn.Linear(n_inputs, n_classes))
    initialise_(model, seed)
    return model
