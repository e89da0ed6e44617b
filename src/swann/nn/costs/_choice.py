from collections.abc import Sequence
from dataclasses import dataclass

Choice = tuple[tuple[bool, ...], ...]
"""For each layer and each of its links whether it is computed densely."""


_MARGIN = 1.1


@dataclass(frozen=True)
class LinkSeconds:
    """What a link takes either way.

    Args:
        source: the number of the map that it starts from.
        sparse: seconds of the sparse kernels.
        dense: seconds of a dense product.
    """

    source: int
    sparse: float
    dense: float


def total_seconds(layers: Sequence[Sequence[LinkSeconds]], moves: Sequence[float], choice: Choice) -> float:
    """Return what a network takes: its links, and its maps where both kinds of links, or the other kind, need them.

    A layer's map stands in blocks if any of its links is sparse, as the input does not; the output must not.

    Args:
        layers: the links of each layer.
        moves: seconds to bring each map from one order to the other, the input's first.
        choice: how each link is computed.
    """
    total = 0.0
    in_blocks = [False]
    for links, dense in zip(layers, choice, strict=True):
        total += sum(link.dense if is_dense else link.sparse for link, is_dense in zip(links, dense, strict=True))
        in_blocks.append(not all(dense))
        if any(dense) and not all(dense):
            total += moves[len(in_blocks) - 1]
    moved = {len(layers)} if in_blocks[-1] else set()
    for links, dense in zip(layers, choice, strict=True):
        moved |= {
            link.source for link, is_dense in zip(links, dense, strict=True) if is_dense == in_blocks[link.source]
        }
    return total + sum(moves[number] for number in moved)


def choose(layers: Sequence[Sequence[LinkSeconds]], moves: Sequence[float], *, mixes: bool = True) -> Choice:
    """Return how to compute each link so that a network takes the least time.

    Starting with all links sparse, all dense, and each as is best for it alone, layers and then single links are
    changed while that saves time. A mixture must promise to save a tenth: estimates are not exact, and all links alike
    need no maps in both orders. The arguments are as for `total_seconds`; if not `mixes`, all links are computed alike.

    >>> choose([[LinkSeconds(0, sparse=5.0, dense=1.0)], [LinkSeconds(1, sparse=1.0, dense=2.0)]], [0.1, 0.1, 0.1])
    ((True,), (False,))
    """
    alike = [tuple((is_dense,) * len(links) for links in layers) for is_dense in (True, False)]
    best = min(alike, key=lambda choice: total_seconds(layers, moves, choice))
    if not mixes:
        return best
    each_alone = tuple(tuple(link.dense < link.sparse for link in links) for links in layers)
    seconds, mixture = min(_improved(layers, moves, start) for start in (*alike, each_alone))
    return best if total_seconds(layers, moves, best) <= _MARGIN * seconds else mixture


def _improved(layers: Sequence[Sequence[LinkSeconds]], moves: Sequence[float], choice: Choice) -> tuple[float, Choice]:
    best = total_seconds(layers, moves, choice)
    improves = True
    while improves:
        improves = False
        for number, links in enumerate(layers):
            changes = [tuple(is_dense for _ in links) for is_dense in (True, False)]
            changes += [
                tuple(not old if place == position else old for place, old in enumerate(choice[number]))
                for position in range(len(links))
            ]
            for changed in changes:
                other = (*choice[:number], changed, *choice[number + 1 :])
                seconds = total_seconds(layers, moves, other)
                if seconds < best * (1 - 1e-9):
                    best, choice, improves = seconds, other, True
                    changes = []
                    break
    return best, choice
