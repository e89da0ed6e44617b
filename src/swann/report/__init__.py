"""Pictures of results, and pages of them."""

from ._bench_plot import plot_bench
from ._density_plot import plot_densities
from ._graph_plot import can_be_drawn, plot_graph
from ._partition_plot import plot_partition
from ._search_plot import plot_search
from ._sweep_plot import plot_sweep
from ._weights_plot import plot_weights
from .page import Report, write_report

__all__ = [
    "Report",
    "can_be_drawn",
    "plot_bench",
    "plot_densities",
    "plot_graph",
    "plot_partition",
    "plot_search",
    "plot_sweep",
    "plot_weights",
    "write_report",
]
