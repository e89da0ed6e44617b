"""Checks of settings, and records that go to and from plain values."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from .._errors import InvalidValueError, near_matches


def check_integer(name: str, value: object, low: int) -> None:
    """Raise an `InvalidValueError` unless `value` is a whole number, `low` or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise InvalidValueError(f"{name}: expected a whole number, {low} or more, found {value!r}")


def check_number(
    name: str, value: object, *, above: float | None = None, low: float | None = None, high: float = math.inf
) -> None:
    """Raise an `InvalidValueError` unless `value` is a finite number in the range: (above, high] or [low, high]."""
    wanted = f"above {above:g}" if above is not None else f"{low:g} or more"
    wanted += "" if high == math.inf else f", {high:g} at most"
    fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value <= high
    if not fits or (above is not None and value <= above) or (low is not None and value < low):  # type: ignore[operator]
        raise InvalidValueError(f"{name}: expected a number {wanted}, found {value!r}")


def check_flag(name: str, value: object) -> None:
    """Raise an `InvalidValueError` unless `value` is true or false."""
    if not isinstance(value, bool):
        raise InvalidValueError(f"{name}: expected true or false, found {value!r}")


def as_tuple(name: str, value: object) -> tuple[Any, ...]:
    """Return a tuple of `value`, a list (as in JSON and TOML) or a tuple; raise an `InvalidValueError` otherwise."""
    if not isinstance(value, list | tuple):
        raise InvalidValueError(f"{name}: expected a list, found {value!r}")
    return tuple(value)


def check_choice(name: str, value: object, known: tuple[str, ...]) -> None:
    """Raise an `InvalidValueError` unless `value` is one of the `known` names."""
    if value not in known:
        raise InvalidValueError(f"{name}: {value!r} is not known; {near_matches(str(value), known)}")


def check_keys(where: str, values: object, record: type) -> dict[str, Any]:
    """Return `values` as arguments for the dataclass `record`.

    Raises:
        InvalidValueError: `values` is no mapping, or has a key that is no field of `record`, or lacks a required one.
    """
    if not isinstance(values, Mapping):
        raise InvalidValueError(f"{where}: expected a table of settings, found {type(values).__name__}")
    fields = {field.name: field for field in dataclasses.fields(record) if field.init}
    for key in values:
        if key not in fields:
            raise InvalidValueError(f"{where}: no setting is called {key!r}; {near_matches(str(key), fields)}")
    for name, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and name not in values:
            raise InvalidValueError(f"{where}: {name!r} is missing")
    return dict(values)
