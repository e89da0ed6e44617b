import base64
import binascii
import zlib
from typing import Any

import numpy as np

from .._errors import FileFormatError, InvalidValueError
from ._layer_graph import LayerGraph


def to_json(graph: LayerGraph) -> dict[str, Any]:
    """Return a graph as JSON values: its sizes, and its edges as one bit for each possible edge, compressed."""
    bits = np.packbits(np.concatenate([row.ravel() for row in graph.rows]))
    return {"sizes": list(graph.sizes), "edges": base64.b64encode(zlib.compress(bits.tobytes())).decode("ascii")}


def from_json(value: Any) -> LayerGraph:
    """Return the graph of JSON values as `to_json` makes them.

    Raises:
        FileFormatError: the values are not a graph's.
    """
    try:
        sizes = tuple(value["sizes"])
        n_bits = [size * sum(sizes[layer + 1 :]) for layer, size in enumerate(sizes[:-1])]
        n_bytes = -(-sum(n_bits) // 8)
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b64decode(value["edges"], validate=True), n_bytes + 1)
        if len(data) != n_bytes or not unpacking.eof:
            raise FileFormatError(f"the edges of a graph with layers {sizes} take {n_bytes} bytes, found {len(data)}")
        bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8), count=sum(n_bits)).astype(np.bool_)
        parts = np.split(bits, np.cumsum(n_bits)[:-1])
        rows = tuple(part.reshape(size, -1) for part, size in zip(parts, sizes, strict=False))
        return LayerGraph(sizes, rows)
    except (KeyError, TypeError, IndexError, binascii.Error, zlib.error, InvalidValueError) as error:
        raise FileFormatError(f"not a graph: {type(error).__name__}: {error}") from error
