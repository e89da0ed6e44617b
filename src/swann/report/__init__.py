"""Pictures of results."""

from ._density_plot import plot_densities
from ._graph_plot import plot_graph
from ._search_plot import plot_search

__all__ = ["plot_densities", "plot_graph", "plot_search"]
