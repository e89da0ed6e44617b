import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, cast

import torch
from torch import nn

from .._errors import InvalidValueError, SwannError, UnknownNameError, near_matches, require_extra
from ._alexnet import alexnet
from ._convnet_c import convnet_c
from ._densenet40 import densenet40
from ._mlp import mlp
from ._mnist5 import mnist5
from ._plain import plain20, plain40
from ._resnet18 import resnet18

FACTORIES: Mapping[str, Callable[..., nn.Module]] = {
    "mnist5": mnist5,
    "mlp": mlp,
    "convnet_c": convnet_c,
    "densenet40": densenet40,
    "alexnet": alexnet,
    "resnet18": resnet18,
    "plain20": plain20,
    "plain40": plain40,
}


def create(
    name: str,
    *,
    in_channels: int,
    n_classes: int,
    image_size: int,
    width: float = 1.0,
    shortcuts: bool = False,
    seed: int = 0,
) -> nn.Module:
    """Return a new model by its name.

    Args:
        name: `swann:NAME` for a model of `swann.models`, `torchvision:NAME` for one of torchvision without pretrained
            weights, or `package.module:factory` for a function or class of your own. Of the arguments below yours
            gets those that it names, or all if it takes `**arguments`; the number of classes may also be called
            `num_classes`.
        in_channels: channels of the images.
        n_classes: classes.
        image_size: height and width of the images in pixels.
        width: multiplies the numbers of channels; 1 for a model that has no such argument.
        shortcuts: ask for the model's shortcuts, where it has a choice; False leaves it to the model.
        seed: seeds the weights; no global random state is touched.

    Raises:
        UnknownNameError: the name is not of this form, or there is no such model.
        InvalidValueError: the model cannot be made with these arguments, or the factory returns something else.
        MissingExtraError: torchvision is not installed.

    >>> create("swann:mnist5", in_channels=1, n_classes=10, image_size=8)[0]
    Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=(2, 2))
    """
    origin, separator, model_name = name.partition(":")
    if not separator or not origin or not model_name:
        raise UnknownNameError(
            f"unknown model {name!r}: name it as swann:NAME, torchvision:NAME or package.module:factory; "
            + near_matches(f"swann:{name}", (f"swann:{known}" for known in FACTORIES))
        )
    factory = _factory(origin, model_name)
    given: dict[str, Any]
    if origin == "torchvision":
        given = {"num_classes": n_classes, "weights": None}
        if "googlenet" in model_name or "inception" in model_name:
            given["init_weights"] = True
    else:
        known = {"in_channels": in_channels, "n_classes": n_classes, "num_classes": n_classes}
        known |= {"shortcuts": True} if shortcuts else {}
        given = _accepted(factory, known | {"image_size": image_size, "width": width, "seed": seed})
    if shortcuts and "shortcuts" not in given:
        raise InvalidValueError(f"model {name!r} has no argument 'shortcuts'; leave it at False")
    if width != 1 and "width" not in given:
        raise InvalidValueError(f"model {name!r} has no width to scale by {width:g}; leave it at 1")
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
    module = _imported(origin, name)
    factory = getattr(module, name, None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UnknownNameError(f"module {origin!r} has no function or class {name!r}: {near_matches(name, known)}")
    return cast(Callable[..., Any], factory)


def _imported(module: str, name: str) -> ModuleType:
    if not all(part.isidentifier() for part in module.split(".")):
        raise UnknownNameError(
            f"{module!r} is no module's name; give it with dots, as in import, not as a file: package.module:{name}"
        )
    try:
        return importlib.import_module(module)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and (module == missing or module.startswith(f"{missing}.")):
            raise UnknownNameError(
                f"there is no module {missing!r} for model '{module}:{name}'; "
                "run from the folder that holds it, or install it"
            ) from error
        raise InvalidValueError(f"module {module!r} cannot be imported: {type(error).__name__}: {error}") from error


def _accepted(factory: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the arguments that the factory takes."""
    try:
        parameters = inspect.signature(factory).parameters
    except ValueError:  # some functions that are not written in Python tell nothing
        return {}
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    classes = "num_classes" if "num_classes" in parameters else "n_classes"
    others = {"n_classes", "num_classes"} - {classes}
    return {name: value for name, value in given.items() if name in parameters or (takes_any and name not in others)}
