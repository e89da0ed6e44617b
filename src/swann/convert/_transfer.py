from typing import Any

import torch
from torch import Tensor, nn

from .._errors import InvalidValueError
from ..nn import SmallWorldNetwork
from ._check_network import check_network


@torch.no_grad()
def copy_kept_weights_(network: SmallWorldNetwork, model: nn.Module) -> None:
    """Copy from a model into its twin what both have: the weights of edges that did not move, biases and norms.

    Edges that moved keep the weights they have. At p = 0 and `order="keep"` the twin then computes what the model
    computes (without its shortcuts).

    Args:
        network: the twin; changed in place.
        model: the model that the twin was converted from.

    Raises:
        InvalidValueError: this is no twin, or the model has other modules than the one that it was converted from; or
            the twin is not of one chain, such as that of a DenseNet, whose layers read less than the model's.

    >>> import swann
    >>> model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> twin = swann.convert(model, torch.ones(1, 4), p=0)
    >>> swann.copy_kept_weights_(twin, model)
    >>> torch.allclose(twin(torch.ones(1, 4)), model(torch.ones(1, 4)))
    True
    """
    check_network(network)
    if not isinstance(network, SmallWorldNetwork):
        raise InvalidValueError(
            f"a {type(network).__name__} has no weights to take over: its layers read less than the model's; "
            "train it from its own first weights"
        )
    chain = network.plan.chain
    for number, (spec, layer) in enumerate(zip(chain.layers, network.each_layer(), strict=True), start=1):
        module: Any = _module_of(model, spec.name)
        link = dict(layer.each_link()).get(number - 1)
        if link is not None:
            link.weight.copy_(_dense(module.weight, spec.groups).reshape(*link.mask.shape, *link.kernel)[link.mask])
        if layer.bias is not None:
            layer.bias.copy_(module.bias)
        for stage, copy in zip(network.plan.stages(spec), layer.stages, strict=True):
            _copy_stage(model, stage.name, copy)
    for stage, copy in zip(chain.input_stages, network.input_stages, strict=True):
        _copy_stage(model, stage.name, copy)


def _copy_stage(model: nn.Module, name: str, copy: nn.Module) -> None:
    if copy.state_dict():
        copy.load_state_dict(_module_of(model, name).state_dict())


def _module_of(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError as error:
        raise InvalidValueError(
            f"the {type(model).__name__} has no module '{name}'; give the model that the twin was converted from"
        ) from error


def _dense(weight: Tensor, groups: int) -> Tensor:
    """Return a grouped convolution's weight with zeros between the groups, of shape `[outputs, inputs, *kernel]`."""
    if groups == 1:
        return weight
    n_outputs, n_inputs = weight.shape[:2]
    dense = weight.new_zeros(n_outputs, n_inputs * groups, *weight.shape[2:])
    for group, part in enumerate(weight.chunk(groups)):
        outputs = slice(group * len(part), (group + 1) * len(part))
        dense[outputs, group * n_inputs : (group + 1) * n_inputs] = part
    return dense
