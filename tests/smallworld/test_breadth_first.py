import networkx
import numpy as np
import pytest

from swann.smallworld import UndirectedGraph
from swann.smallworld._breadth_first import connected_order


@pytest.mark.parametrize("seed", range(5))
def test_components_are_those_of_networkx(seed):
    random = networkx.gnm_random_graph(40, 25, seed=seed)
    graph = UndirectedGraph.from_edges(40, np.array(list(random.edges())))
    components = connected_order(graph.indptr, graph.indices)[2]
    sizes = sorted(np.unique(components, return_counts=True)[1].tolist())
    assert sizes == sorted(len(component) for component in networkx.connected_components(random))
