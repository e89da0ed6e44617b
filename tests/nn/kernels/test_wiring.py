import torch
from hypothesis import given
from hypothesis import strategies as st

from swann.nn.kernels import wiring


def read(packed, n_targets, n_sources, n_edges):
    return packed.split([n_targets + 1, n_edges, n_sources + 1, n_edges, n_edges])


@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 99), st.floats(0, 1))
def test_both_directions_hold_exactly_the_edges(n_targets, n_sources, seed, density):
    mask = torch.rand(n_targets, n_sources, generator=torch.Generator().manual_seed(seed)) < density
    packed = wiring(mask)
    assert packed.dtype == torch.int32
    edges = mask.nonzero().tolist()
    by_target, sources, by_source, targets, order = read(packed, n_targets, n_sources, len(edges))
    found = [[t, int(s)] for t in range(n_targets) for s in sources[by_target[t] : by_target[t + 1]]]
    assert found == edges
    back = [
        ([int(targets[place]), source], int(order[place]))
        for source in range(n_sources)
        for place in range(by_source[source], by_source[source + 1])
    ]
    assert sorted(number for _, number in back) == list(range(len(edges)))
    assert all(edges[number] == edge for edge, number in back)


def test_no_edges():
    assert wiring(torch.zeros(2, 1, dtype=torch.bool)).tolist() == [0, 0, 0, 0, 0]
