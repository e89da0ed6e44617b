"""Small networks that the tests of this folder share."""

import torch
from torch import nn

from swann.nn import Plan, build
from swann.smallworld import rewire
from swann.trace import trace


def image_network():
    """Return 8 layers with everything that a link can meet: strides, odd sizes, dilation, groups, maps into neurons."""
    return nn.Sequential(
        nn.Conv2d(2, 6, 5, 2, 2),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=2, dilation=2, groups=2),
        nn.ReLU(),
        nn.Conv2d(8, 8, (3, 1), padding="same", bias=False),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 10, 3, padding=1, padding_mode="reflect"),
        nn.ReLU(),
        nn.Conv2d(10, 6, 1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(6 * 3 * 3, 12),
        nn.ReLU(),
        nn.Linear(12, 9),
        nn.ReLU(),
        nn.Linear(9, 4),
    )


IMAGES = torch.randn(3, 2, 27, 27, generator=torch.Generator().manual_seed(0))


def plan_of(model, example, p, *, seed=0, repair=True, order="paper", draw="nodes"):
    chain = trace(model, example)
    return Plan(chain, rewire(chain.graph(), p, seed=seed, repair=repair, draw=draw), order)


def twin(p=0.5, **options):
    return build(plan_of(image_network(), IMAGES, p, **options))


def n_parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())
