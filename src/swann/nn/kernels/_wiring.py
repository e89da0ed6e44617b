import torch
from torch import Tensor


def wiring(mask: Tensor) -> Tensor:
    """Return the edges of a link as compressed sparse rows in both directions, packed into one int32 tensor.

    In order: where each target's edges begin, each edge's source, where each source's edges begin, each edge's target
    in the order of the sources, and its place in the order of the targets, which is that of the weights.

    Args:
        mask: boolean of shape `[targets, sources]`.

    >>> wiring(torch.tensor([[True, False], [True, True]])).tolist()
    [0, 1, 3, 0, 0, 1, 0, 2, 3, 0, 1, 1, 0, 1, 2]
    """
    mask = mask.cpu()
    targets, sources = mask.nonzero(as_tuple=True)
    order = torch.argsort(sources, stable=True)
    zero = torch.zeros(1, dtype=torch.int64)
    parts = (
        *(zero, mask.sum(1).cumsum(0), sources),
        *(zero, mask.sum(0).cumsum(0), targets[order], order),
    )
    return torch.cat(parts).to(torch.int32)


def places(packed: Tensor, n_targets: int, n_sources: int) -> Tensor:
    """Return the place of each edge in its link's dense weight, in the order of the weights, from a wiring.

    >>> places(wiring(torch.tensor([[True, False], [True, True]])), 2, 2).tolist()
    [0, 2, 3]
    """
    n_edges = (packed.shape[0] - n_targets - n_sources - 2) // 3
    numbers = [n_targets + 1, n_edges, n_sources + 1, n_edges, n_edges]
    _, sources, _, targets, order = (part.to(torch.int64) for part in torch.split(packed, numbers))
    return torch.zeros_like(targets).scatter(0, order, targets) * n_sources + sources


def offsets_by_target(n_targets: int) -> tuple[int, int]:
    """Return at which bytes of a wiring the targets' beginnings stand, and the sources."""
    return 0, 4 * (n_targets + 1)


def offsets_by_source(n_targets: int, n_sources: int, n_edges: int) -> tuple[int, int, int]:
    """Return at which bytes of a wiring the sources' beginnings stand, the targets, and the weights' order."""
    begin = 4 * (n_targets + 1 + n_edges)
    targets = begin + 4 * (n_sources + 1)
    return begin, targets, targets + 4 * n_edges


def addresses_by_target(packed: Tensor, n_targets: int, first: int = 0) -> tuple[int, int]:
    """Return the addresses of the targets' beginnings, from some target on, and of the sources, in a wiring."""
    begin, sources = offsets_by_target(n_targets)
    return packed.data_ptr() + begin + 4 * first, packed.data_ptr() + sources


def addresses_by_source(packed: Tensor, n_targets: int, n_sources: int, n_edges: int) -> tuple[int, int, int]:
    """Return the addresses of the sources' beginnings, of the targets, and of the weights' order, in a wiring."""
    start = packed.data_ptr()
    begin, targets, order = offsets_by_source(n_targets, n_sources, n_edges)
    return start + begin, start + targets, start + order
