import torch
from torch import Tensor, nn

from ._blocks import check_images, initialise_, scaled


class _Block(nn.Module):
    """Two 3×3 convolutions, and a shortcut round them if asked for (He et al. 2016)."""

    def __init__(self, n_inputs: int, n_outputs: int, stride: int, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_inputs, n_outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_outputs)
        self.conv2 = nn.Conv2d(n_outputs, n_outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_outputs)
        self.shortcut: nn.Module | None = None
        if shortcut and n_inputs == n_outputs and stride == 1:
            self.shortcut = nn.Identity()
        elif shortcut:
            projection = nn.Conv2d(n_inputs, n_outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(n_outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(inputs)))))
        return torch.relu(outputs if self.shortcut is None else outputs + self.shortcut(inputs))


def resnet18(
    *,
    width: float = 1.0,
    in_channels: int = 3,
    n_classes: int = 1000,
    image_size: int = 224,
    shortcuts: bool = True,
    seed: int = 0,
) -> nn.Sequential:
    """Return ResNet-18 for ImageNet (paper, Table I).

    Args:
        width: multiplies the numbers of channels.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels; any size will do, for the last pooling is global.
        shortcuts: whether blocks have their shortcuts; False is the plain chain.
        seed: seeds the weights.

    Raises:
        InvalidValueError: a size that is not positive.
    """
    check_images("resnet18", in_channels, n_classes, image_size, 1)
    n_inputs = scaled(64, width)
    modules: list[nn.Module] = [
        nn.Conv2d(in_channels, n_inputs, 7, 2, 3, bias=False),
        nn.BatchNorm2d(n_inputs),
        nn.ReLU(),
    ]
    modules.append(nn.MaxPool2d(3, 2, 1))
    for channels in (64, 128, 256, 512):
        n_outputs = scaled(channels, width)
        stride = 1 if channels == 64 else 2
        modules += [_Block(n_inputs, n_outputs, stride, shortcuts), _Block(n_outputs, n_outputs, 1, shortcuts)]
        n_inputs = n_outputs
    model = nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_inputs, n_classes))
    initialise_(model, seed)
    return model
