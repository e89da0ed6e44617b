"""NumPy arrays as Flower's, and back, without parsing the same header again and again.

Flower stores an array as a file of NumPy's: a header, 128 bytes as a rule, and the values. `numpy.save` and
`numpy.load` spend more time on that header than on the values of a small layer, and it is the same for each client and
round.
"""

import io
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord
from numpy.typing import NDArray

_MAGIC = b"\x93NUMPY\x01\x00"
"""Of version 1.0 of the format, the only one for types as ours."""

_BEFORE_HEADER = len(_MAGIC) + 2
"""Bytes: the magic string and the length of the header."""

_STYPE = "numpy.ndarray"


class ReadArray(Array):
    """An array of Flower whose values were read already, for strategies that ask for them again.

    Args:
        values: what `numpy` returns copies of, and bytes are made of where somebody wants them.
    """

    def __init__(self, values: NDArray[Any]) -> None:
        self.__dict__.update(dtype=_name(values.dtype), shape=values.shape, stype=_STYPE, _values=values)

    def __getattr__(self, name: str) -> bytes:
        if name != "data" or "_values" not in self.__dict__:
            raise AttributeError(name)
        values = self.__dict__["_values"]
        self.data = _bytes(values.dtype, values.shape, [np.ascontiguousarray(values)])
        return self.data

    def numpy(self) -> NDArray[Any]:
        """Return a copy of the values."""
        values: NDArray[Any] = self.__dict__["_values"].copy()
        return values


def joined(parts: Iterable[NDArray[Any]], dtype: np.dtype[Any]) -> Array:
    """Return arrays one after another, flattened, as one of Flower's.

    >>> joined([np.ones((1, 2)), np.zeros(())], np.dtype(np.int8)).numpy()
    array([1, 1, 0], dtype=int8)
    """
    rows = [np.ascontiguousarray(part, dtype) for part in parts]
    shape = (sum(each.size for each in rows),)
    return Array(_name(dtype), shape, _STYPE, _bytes(dtype, shape, rows))


def record_of_each(values: Mapping[str, NDArray[Any]]) -> ArrayRecord:
    """Return a record with an array of Flower for each of NumPy's, as its strategies take them; not of copies."""
    return record_of({name: ReadArray(array) for name, array in values.items()})


def record_of(arrays: Mapping[str, Array]) -> ArrayRecord:
    """Return a record of arrays as they are; `flwr.app.ArrayRecord` of a dictionary makes each anew."""
    record = ArrayRecord()
    for name, array in arrays.items():
        record[name] = array
    return record


def read_array(array: Array) -> NDArray[Any]:
    """Return the values of an array of Flower, without a copy and so for reading alone.

    Raises:
        ValueError: it is not NumPy's, malformed, or holds objects.
    """
    data = array.data
    if array.stype != _STYPE or not data.startswith(_MAGIC):
        raise ValueError(f"an array that NumPy did not write, but {array.stype!r}")
    end = _BEFORE_HEADER + int.from_bytes(data[len(_MAGIC) : _BEFORE_HEADER], "little")
    try:
        shape, in_columns, dtype = _parsed(data[:end])
    except Exception as error:  # the header is text from outside, which NumPy evaluates
        raise ValueError(f"an array with a malformed header: {type(error).__name__}") from error
    if dtype.hasobject or any(length < 0 for length in shape):
        raise ValueError(f"an array of {dtype} of shape {list(shape)}")
    found = np.frombuffer(data, dtype, prod(shape), end)
    return found.reshape(shape, order="F" if in_columns else "C")


def _bytes(dtype: np.dtype[Any], shape: tuple[int, ...], parts: Iterable[NDArray[Any]]) -> bytes:
    return b"".join((_header(dtype, shape), *(part.data for part in parts)))


@lru_cache
def _name(dtype: np.dtype[Any]) -> str:
    return str(dtype)


@lru_cache(maxsize=1024)
def _header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    values = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, values)
    return file.getvalue()


@lru_cache(maxsize=1024)
def _parsed(header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return the shape, whether columns come first, and the type that a header tells of."""
    file = io.BytesIO(header)
    np.lib.format.read_magic(file)
    return np.lib.format.read_array_header_1_0(file)
