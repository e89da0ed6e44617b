import pytest
import torch

from swann._errors import InvalidValueError
from swann.train import OptimizerConfig


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (OptimizerConfig("adadelta", lr=1.0, rho=0.95), torch.optim.Adadelta),
        (OptimizerConfig("sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4), torch.optim.SGD),
        (OptimizerConfig("adam", betas=(0.8, 0.99)), torch.optim.Adam),
        (OptimizerConfig("adamw", eps=1e-6), torch.optim.AdamW),
    ],
)
def test_builds_the_optimizer_with_the_given_arguments(config, wanted):
    optimizer = config.build([torch.nn.Parameter(torch.zeros(2))])
    assert type(optimizer) is wanted
    for name, value in config.arguments().items():
        assert optimizer.param_groups[0][name] == value


def test_what_is_not_given_keeps_the_default_of_torch():
    parameters = [torch.nn.Parameter(torch.zeros(2))]
    assert OptimizerConfig("adam").build(parameters).defaults == torch.optim.Adam(parameters).defaults


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "sdg"}, r"^optimizer: 'sdg' is not known; did you mean 'sgd'"),
        ({"name": "adadelta", "momentum": 0.9}, r"^optimizer: adadelta takes no 'momentum'; it takes lr, rho"),
        ({"name": "sgd", "lr": 0.0}, r"^optimizer: lr: expected a number above 0, found 0.0$"),
        ({"name": "sgd", "momentum": 1.5}, r"^optimizer: momentum: expected a number 0 or more, 1 at most"),
        ({"name": "sgd", "weight_decay": -1}, r"^optimizer: weight_decay: expected a number 0 or more, found -1$"),
        ({"name": "sgd", "nesterov": True}, r"^optimizer: nesterov needs a momentum above 0; set momentum"),
        ({"name": "sgd", "nesterov": 1, "momentum": 0.5}, r"^optimizer: nesterov: expected true or false, found 1$"),
        ({"name": "adam", "betas": [0.9]}, r"^optimizer: betas: expected two numbers, found \(0.9,\)$"),
        ({"name": "adam", "betas": [0.9, 2]}, r"^optimizer: betas: expected a number 0 or more, 1 at most, found 2$"),
    ],
)
def test_refuses_wrong_arguments(arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        OptimizerConfig(**arguments)
