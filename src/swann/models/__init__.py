"""The networks of the paper's Table I, plain ones of more layers, and models by name."""

from ._alexnet import alexnet
from ._convnet_c import convnet_c
from ._create import FACTORIES, create
from ._densenet40 import densenet40
from ._mlp import mlp
from ._mnist5 import mnist5
from ._plain import plain20, plain40
from ._resnet18 import resnet18

__all__ = [
    "FACTORIES",
    "alexnet",
    "convnet_c",
    "create",
    "densenet40",
    "mlp",
    "mnist5",
    "plain20",
    "plain40",
    "resnet18",
]
