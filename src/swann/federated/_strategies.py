"""Flower's strategies by name, seeded and made resumable from outside."""

import contextlib
import gc
import inspect
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from flwr.serverapp import strategy as flower
from flwr.serverapp.strategy import FedAvg, Strategy

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ._config import FederatedConfig
from ._messages import ARRAYS, CONFIG, N_EXAMPLES, TRAIN_LOSS
from ._quiet import quiet

_NOT_FOR_WEIGHTS = ("FedXgbBagging", "FedXgbCyclic")
_ELEMENTWISE = ("fedavg", "fedprox")
_LEAST = 1e-9
"""Share of the connected clients that is drawn: so small that it is the least number of them that counts."""

_SET_HERE = ("fraction_", "min_", "weighted_by_key", "arrayrecord_key", "configrecord_key", "train_", "evaluate_")


def _classes() -> dict[str, type[FedAvg]]:
    return {
        name.lower(): found
        for name, found in vars(flower).items()
        if inspect.isclass(found) and issubclass(found, FedAvg) and name not in _NOT_FOR_WEIGHTS
    }


def strategy_names() -> list[str]:
    """Return the names of Flower's strategies that average weights."""
    return sorted(_classes())


def make_strategy(config: FederatedConfig, n_clients: int) -> Strategy:
    """Return the strategy that the settings name, with differential privacy around it if they want it.

    Args:
        config: the settings.
        n_clients: clients that must be there before a round begins.

    Raises:
        UnknownNameError: Flower has no such strategy.
        InvalidValueError: it takes no such option, or too many clients are wanted in a round.
    """
    classes = _classes()
    if config.strategy not in classes:
        raise UnknownNameError(f"unknown strategy {config.strategy!r}: {near_matches(config.strategy, classes)}")
    if config.per_round > n_clients:
        raise InvalidValueError(
            f"per_round: expected 1 to {n_clients}, the clients there are, found {config.per_round}"
        )
    chosen = classes[config.strategy]
    known = [name for name in inspect.signature(chosen).parameters if not name.startswith(_SET_HERE)]
    for option in config.strategy_options:
        if option not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise InvalidValueError(f"strategy {config.strategy!r} has no option {option!r}; {takes}")
    arguments: dict[str, Any] = dict(config.strategy_options)
    if config.strategy == "qfedavg":
        arguments.setdefault("client_learning_rate", config.local.optimizer.lr)
        arguments["train_loss_key"] = TRAIN_LOSS
    try:
        inner: Strategy = chosen(
            fraction_train=_LEAST,
            fraction_evaluate=0.0,
            min_train_nodes=config.per_round,
            min_available_nodes=n_clients,
            weighted_by_key=N_EXAMPLES,
            arrayrecord_key=ARRAYS,
            configrecord_key=CONFIG,
            **arguments,
        )
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"strategy {config.strategy!r}: {error}") from error
    privacy = config.privacy
    if privacy.kind == "none":
        return inner
    wrappers = {
        "server": flower.DifferentialPrivacyServerSideFixedClipping,
        "client": flower.DifferentialPrivacyClientSideFixedClipping,
    }
    return wrappers[privacy.kind](inner, privacy.noise_multiplier, privacy.clipping_norm, config.per_round)


def is_elementwise(config: FederatedConfig) -> bool:
    """Return whether the strategy treats each weight by itself and keeps none, so that they may come in one array."""
    return config.strategy in _ELEMENTWISE and config.privacy.kind == "none"


def check_strategy(config: FederatedConfig, n_clients: int) -> None:
    """Raise the error that `simulate` would, for a strategy that does not fit.

    Raises:
        UnknownNameError: Flower has no such strategy.
        InvalidValueError: it takes no such option, or too many clients are wanted in a round.
    """
    with quiet():
        make_strategy(config, n_clients)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators that Flower's strategies draw from, Python's and NumPy's, for the block alone."""
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (Flower draws from it)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002


@contextlib.contextmanager
def spared_collections() -> Iterator[None]:
    """Let garbage collection look at objects of the block alone.

    Flower's qFedAvg and Bulyan collect after each client's arrays, and go through all that PyTorch has imported then:
    0.2 s a client. Objects that somebody else has frozen stay so.
    """
    if gc.get_freeze_count():
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def strategy_state(strategy: Strategy) -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays and numbers that a strategy carries from round to round, such as its momentum."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name, value in vars(strategy).items():
        if isinstance(value, Strategy):
            found |= {f"{name}.{key}": array for key, array in strategy_state(value).items()}
        elif isinstance(value, Mapping) and all(isinstance(item, np.ndarray) for item in value.values()):
            found |= {f"{name}/{key}": np.asarray(array) for key, array in value.items()}
        elif isinstance(value, list) and value and all(isinstance(item, np.ndarray) for item in value):
            found |= {f"{name}[{number:06}": np.asarray(array) for number, array in enumerate(value)}
        elif isinstance(value, float):
            found[name] = np.asarray(value)
    return found


def restore_strategy_(strategy: Strategy, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """Give a strategy what `strategy_state` returned of one made alike."""
    nested: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
    groups: dict[str, Any] = {}
    for key in sorted(state):
        owner, separator, rest = key.partition(".")
        if separator and isinstance(getattr(strategy, owner, None), Strategy):
            nested.setdefault(owner, {})[rest] = state[key]
        elif "/" in key:
            name, _, entry = key.partition("/")
            groups.setdefault(name, {})[entry] = state[key]
        elif "[" in key:
            groups.setdefault(key.partition("[")[0], []).append(state[key])
        else:
            groups[key] = float(state[key])
    for name, value in groups.items():
        setattr(strategy, name, value)
    for owner, values in nested.items():
        restore_strategy_(getattr(strategy, owner), values)
