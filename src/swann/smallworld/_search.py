from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from .._errors import InvalidValueError
from ..graph import LayerGraph
from ._closed_form import expected_small_worldness
from ._compiled import check_threads
from ._measurement import Measurement, measure
from ._measurement_cache import MeasurementCache
from ._rewire import Draw, check_probability, rewire
from ._runs import check_granularity
from ._search_result import SearchResult
from ._small_worldness import reference
from ._undirected_graph import check_layer_graph

GRID = tuple(round(step / 20, 2) for step in range(21))
"""The rewiring probabilities that `search` tries by default: 0, 0.05, … 1."""

_AROUND = 2


def search(
    graph: LayerGraph,
    *,
    probabilities: Sequence[float] = GRID,
    n_seeds: int = 5,
    n_references: int = 5,
    seed: int = 0,
    draw: Draw = "nodes",
    repair: bool = True,
    granularity: int = 1,
    near_maximum: bool = False,
    cache: MeasurementCache | None = None,
    threads: int | None = None,
    device: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Rewire a graph with a range of probabilities and measure how small-world it becomes (SWANN paper, III-B2).

    Args:
        graph: the graph of a network; usually a chain.
        probabilities: the rewiring probabilities to try.
        n_seeds: rewirings for each probability, with the seeds `seed`, `seed` + 1, …
        n_references: Erdős–Rényi graphs that C and L are compared with.
        seed: the first seed.
        draw: how the new end of an edge is drawn, over all free `"nodes"` or over `"layers"` first.
        repair: give every node that lost all its inputs one back.
        granularity: the number of neighbouring channels that move together, as in `rewire`. S is that of the graph of
            single channels all the same, and the closed form holds for blocks too.
        near_maximum: measure only around the maximum that the closed form expects, as far as S still rises; for a
            graph that is no chain all probabilities are measured.
        cache: where measurements are kept, so that a search that was stopped goes on where it was.
        threads: graphs that are measured at once; by default one for each core.
        device: where to measure by matrix products, as in `measure`; by default on the CPU by sets of bits.
        on_progress: called after each graph with the number of graphs done and their total.

    Returns:
        The curve; its `best_p` has the largest mean S.

    Raises:
        InvalidValueError: a probability outside [0, 1], none or one of them twice, or fewer than one seed; a
            granularity that does not fit the graph; or a graph with so few edges that S is not defined.

    >>> search(LayerGraph.chain([3, 8, 8, 8, 8, 8]), probabilities=(0, 0.8), n_seeds=3).best_p
    0.8
    """
    check_layer_graph(graph)
    for p in probabilities:
        check_probability(p)
    grid = tuple(sorted(map(float, probabilities)))
    if not grid or len(set(grid)) < len(grid):
        raise InvalidValueError(f"probabilities must be at least one number, none of them twice, got {probabilities}")
    if n_seeds < 1:
        raise InvalidValueError(f"n_seeds must be at least 1, got {n_seeds}")
    check_granularity(granularity, graph)
    threads = check_threads(threads)
    random = reference(graph.n_nodes, graph.n_edges, samples=n_references, seed=seed, device=device)
    if random.clustering == 0:
        raise InvalidValueError(
            f"random graphs of {graph.n_nodes:,} nodes and {graph.n_edges:,} edges have no triangle, so S is not "
            "defined and no p can be found by it; choose p yourself"
        )
    seeds = tuple(range(seed, seed + n_seeds))
    expected = _expected_curve(graph, grid, draw, granularity)
    sweep = _Sweep(graph, seeds, draw, repair, granularity, cache, threads, device, on_progress)

    def result() -> SearchResult:
        measured = sweep.measured
        tried = tuple(sorted({p for p, _ in measured}))
        rows = [[measured[p, each] for each in seeds] for p in tried]
        return SearchResult(
            tried,
            seeds,
            tuple(tuple(figures.clustering for figures in row) for row in rows),
            tuple(tuple(figures.path_length for figures in row) for row in rows),
            tuple(tuple(figures.n_unreachable for figures in row) for row in rows),
            random,
            draw,
            repair,
            expected,
            int(granularity),
        )

    if not near_maximum or not expected:
        sweep.add(grid)
        return result()
    peak = max(range(len(grid)), key=lambda index: expected[index][1])
    low, high = max(0, peak - _AROUND), min(len(grid) - 1, peak + _AROUND)
    sweep.add(grid[low : high + 1])
    while (best := grid.index(result().best_p)) in (low, high) and 0 < best < len(grid) - 1:
        low, high = (best - 1, high) if best == low else (low, best + 1)
        sweep.add((grid[low], grid[high]))
    return result()


class _Sweep:
    """Measures rewired graphs, several at once, each once."""

    def __init__(
        self,
        graph: LayerGraph,
        seeds: tuple[int, ...],
        draw: Draw,
        repair: bool,
        granularity: int,
        cache: MeasurementCache | None,
        threads: int,
        device: str | None,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self.graph = graph
        self.seeds = seeds
        self.draw: Draw = draw
        self.repair = repair
        self.granularity = granularity
        self.cache = cache
        self.threads = threads
        self.device = device
        self.on_progress = on_progress
        self.measured: dict[tuple[float, int], Measurement] = {}

    def add(self, probabilities: Iterable[float]) -> None:
        """Measure the graphs of more probabilities."""
        tasks = [(p, seed) for p in probabilities for seed in self.seeds if (p, seed) not in self.measured]
        total = len(self.measured) + len(tasks)
        with ThreadPoolExecutor(self.threads) as pool:
            futures = {pool.submit(self._measure, *task): task for task in tasks}
            try:
                for future in as_completed(futures):
                    self.measured[futures[future]] = future.result()
                    if self.on_progress is not None:
                        self.on_progress(len(self.measured), total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _measure(self, p: float, seed: int) -> Measurement:
        if self.cache is not None:
            key = self.cache.key(
                self.graph, p=p, seed=seed, draw=self.draw, repair=self.repair, granularity=self.granularity
            )
            found = self.cache.get(key)
            if found is not None:
                return found
        rewired = rewire(self.graph, p, seed=seed, draw=self.draw, repair=self.repair, granularity=self.granularity)
        figures = measure(rewired.graph, threads=1, device=self.device)
        if self.cache is not None:
            self.cache.put(key, figures)
        return figures


def _expected_curve(
    graph: LayerGraph, grid: tuple[float, ...], draw: Draw, granularity: int
) -> tuple[tuple[float, float], ...]:
    """Return p and the expected S over the grid; empty for a graph that is no chain with groups."""
    densities = [graph.block(layer, layer + 1).mean() for layer in range(graph.n_layers - 1)]
    if not all(densities):
        return ()
    groups = [round(1 / density) for density in densities]
    try:
        if LayerGraph.chain(graph.sizes, groups) != graph:
            return ()
        figures = [
            expected_small_worldness(graph.sizes, p, draw=draw, groups=groups, granularity=granularity) for p in grid
        ]
        return tuple((p, expected.S) for p, expected in zip(grid, figures, strict=True))
    except InvalidValueError:
        return ()
