"""Pictures of results."""

from ._search_plot import plot_search

__all__ = ["plot_search"]
