import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import nn

from .._errors import InvalidValueError, SwannError, UnknownNameError, near_matches, require_extra
from ._alexnet import alexnet
from ._convnet_c import convnet_c
from ._mnist5 import mnist5
from ._resnet18 import resnet18

FACTORIES: Mapping[str, Callable[..., nn.Module]] = {
    "mnist5": mnist5,
    "convnet_c": convnet_c,
    "alexnet": alexnet,
    "resnet18": resnet18,
}


def create(
    name: str, *, in_channels: int, n_classes: int, image_size: int, width: float = 1.0, seed: int = 0
) -> nn.Module:
    """Return a new model by its name.

    Args:
        name: `swann:NAME` for a model of `swann.models`, `torchvision:NAME` for one of torchvision without pretrained
            weights, or `package.module:factory` for a function or class of your own. Of the arguments below yours
            gets those that it names; the number of classes may also be called `num_classes`.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels.
        width: multiplies the numbers of channels, where the model has such an argument.
        seed: seeds the weights; no global random state is touched.

    Raises:
        UnknownNameError: the name is not of this form, or there is no such model.
        InvalidValueError: the model cannot be made with these arguments, or the factory returns something else.
        MissingExtraError: torchvision is not installed.
    """
    origin, separator, model_name = name.partition(":")
    if not separator or not origin or not model_name:
        raise UnknownNameError(
            f"unknown model {name!r}: name it as swann:NAME, torchvision:NAME or package.module:factory; "
            + near_matches(f"swann:{name}", (f"swann:{known}" for known in FACTORIES))
        )
    given: dict[str, Any] = {
        "in_channels": in_channels,
        "n_classes": n_classes,
        "num_classes": n_classes,
        "image_size": image_size,
    }
    given |= {"width": width, "seed": seed}
    factory = _factory(origin, model_name)
    if origin == "torchvision":
        given = {"num_classes": n_classes, "weights": None}
        if "googlenet" in model_name or "inception" in model_name:
            given["init_weights"] = True
    else:
        given = _accepted(factory, given)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = factory(**given)
        except SwannError:
            raise
        except Exception as error:
            raise InvalidValueError(f"model {name!r} cannot be made: {type(error).__name__}: {error}") from error
    if not isinstance(model, nn.Module):
        raise InvalidValueError(f"{name!r} returned a {type(model).__name__}; expected a torch.nn.Module")
    return model


def _factory(origin: str, name: str) -> Callable[..., Any]:
    if origin == "swann":
        if name not in FACTORIES:
            raise UnknownNameError(f"unknown model 'swann:{name}': {near_matches(name, FACTORIES)}")
        return FACTORIES[name]
    if origin == "torchvision":
        models = require_extra("torchvision.models", "vision")
        known = list(models.list_models(module=models))
        if name not in known:
            raise UnknownNameError(f"unknown model 'torchvision:{name}': {near_matches(name, known)}")
        builder: Callable[..., Any] = models.get_model_builder(name)
        return builder
    try:
        module = importlib.import_module(origin)
    except ImportError as error:
        raise UnknownNameError(
            f"cannot import {origin!r} for model '{origin}:{name}': {error}; "
            "run from the folder that holds it, or install it"
        ) from error
    factory = getattr(module, name, None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UnknownNameError(f"module {origin!r} has no function or class {name!r}: {near_matches(name, known)}")
    return cast(Callable[..., Any], factory)


def _accepted(factory: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(factory).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return {name: value for name, value in given.items() if name != "num_classes"}
    return {name: value for name, value in given.items() if name in parameters}
