import math

import torch
from schedules import ELEMENTS
from test_sparse import normal

from swann.nn._native_torch import joined, output, plain_map, set_map
from swann.nn.kernels import ScheduleBuilder, StoredMap, Workspace


def workspace_with_maps(*sizes):
    """Return a workspace and maps of 3 channels and 2 samples, which are stored with room around them."""
    builder, maps = ScheduleBuilder(1), []
    for size in sizes:
        stored = tuple(length + 1 for length in size)
        n_bytes = 3 * math.prod(stored) * 2 * 8
        maps.append(StoredMap(builder.buffer(n_bytes), 3, size, stored, 2, ELEMENTS[torch.float64]))
        builder.use(maps[-1].place)
    return Workspace(builder.finished()), maps


def test_maps_are_handed_over_in_memory_of_their_own():
    space, (first,) = workspace_with_maps((4, 5))
    values = normal(2, 3, 4, 5)
    set_map(space, first, values)
    found = plain_map(space, first)
    set_map(space, first, values + 1)
    assert torch.equal(found, values)
    assert found.is_contiguous()


def test_outputs_are_flattened_or_joined():
    space, maps = workspace_with_maps((4,), (4,))
    first, second = normal(2, 3, 4), normal(2, 3, 4, seed=1)
    for each, values in zip(maps, (first, second), strict=True):
        set_map(space, each, values)
    assert torch.equal(output(maps[0], False)(space, first), first)
    assert torch.equal(output(maps[0], True)(space, first), first.flatten(1))
    assert torch.equal(joined(maps)(space, first), torch.cat([first, second], 1))
