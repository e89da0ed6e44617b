"""Rows of a schedule, run on maps."""

import math

import torch

from swann.nn.kernels import Given, Held, ScheduleBuilder, StoredMap, Workspace

ELEMENTS = {torch.float32: "float32", torch.float64: "float64"}


def stored_map(values, size=None):
    """Return a map of values of shape `[nodes, *stored, batch]`, of which a size counts."""
    nodes, *stored, batch = values.shape
    return StoredMap(
        Given(0), nodes, tuple(stored if size is None else size), tuple(stored), batch, ELEMENTS[values.dtype]
    )


def worked(values, make, size=None, others=()):
    """Return what rows make of a map.

    Args:
        values: the map's, of shape `[nodes, *stored, batch]`.
        make: returns the rows of each band, and the map or the buffer that is wanted, of a builder and the map.
        size: what counts of the map; all of it if None.
        others: tensors whose addresses are given too.
    """
    builder, source = ScheduleBuilder(1), stored_map(values, size)
    bands, result = make(builder, source)
    builder.add(bands, source.n_nodes)
    place = result.place if isinstance(result, StoredMap) else result
    if isinstance(place, Held):
        builder.use(place)
    workspace = Workspace(builder.finished())
    workspace.give([tensor.data_ptr() for tensor in (values, *others)])
    workspace.run(0, 1)
    if not isinstance(place, Held):
        return values
    if isinstance(result, StoredMap):
        shape = (result.n_nodes, *result.stored, result.batch)
    else:
        shape = (builder.buffers.sizes[place.buffer] // values.element_size(),)
    found = workspace.view(place, values.dtype, shape).clone()
    assert math.prod(shape) == found.numel()
    return found
