import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any


def alternate(jobs: Mapping[str, Callable[[], Any]], rounds: int, once: tuple[str, ...] = ()) -> dict[str, list[float]]:
    """Run the jobs in turn, round after round, and return the seconds that each took.

    Args:
        jobs: what to time, by name.
        rounds: how often; the jobs named in `once` run in the first round alone.
        once: jobs too slow to repeat.
    """
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name, job in jobs.items():
            if number == 0 or name not in once:
                start = time.perf_counter()
                job()
                seconds[name].append(time.perf_counter() - start)
    return seconds


def report(seconds: Mapping[str, list[float]], baseline: str) -> None:
    """Print the median, the range, and the ratio of medians to the baseline's."""
    base = statistics.median(seconds[baseline])
    print(f"| {'what':34} | median s |  fastest |  slowest | runs | ratio |")
    print(f"| {'-' * 34} | -------- | -------- | -------- | ---- | ----- |")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(
            f"| {name:34} | {median:8.4f} | {min(values):8.4f} | {max(values):8.4f} | {len(values):4} "
            f"| {median / base:5.4g} |"
        )


def machine(*packages: str) -> None:
    """Print what the figures were measured on."""
    versions = ", ".join(f"{package} {version(package)}" for package in ("numpy", "numba", *packages))
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores, load {load:.1f} at the start, "
        f"Python {platform.python_version()}, {versions}"
    )


def peak_memory() -> str:
    """Return the largest memory this process has held."""
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB"
