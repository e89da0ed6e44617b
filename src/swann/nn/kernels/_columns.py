import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ._geometry import LinkShape


@lru_cache(maxsize=4096)
def places_in_columns(shape: LinkShape) -> NDArray[np.int64]:
    """Return which place of a source's map each tap meets for each place of the layer's map; -1 in the padding.

    The result is of shape `[taps, target places]`.
    """
    n_places = math.prod(shape.target)
    taps = np.indices(shape.kernel).reshape(len(shape.kernel), shape.n_taps, 1)
    places = np.indices(shape.target).reshape(len(shape.target), 1, n_places)
    inside = np.ones((shape.n_taps, n_places), dtype=np.bool_)
    flat = np.zeros_like(inside, dtype=np.int64)
    for axis, size in enumerate(shape.source):
        coordinate = places[axis] * shape.stride[axis] - shape.before[axis] + taps[axis] * shape.dilation[axis]
        inside &= (coordinate >= 0) & (coordinate < size)
        flat = flat * size + coordinate
    return np.where(inside, flat, -1)
