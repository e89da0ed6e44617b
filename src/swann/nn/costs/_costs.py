from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

from ..._errors import FileFormatError
from ._work import DenseWork, SparseWork


@dataclass(frozen=True)
class LinkCosts:
    """Seconds that each part of the work of a link takes; see `SparseWork` and `DenseWork` for the parts.

    Args:
        sparse: for each part of `SparseWork`.
        convolution: for each part of `DenseWork`, where a link ends at a convolution.
        linear: the same where it ends at a linear layer.
        moved: for each element of a map that is brought from one order in memory to the other.
    """

    sparse: tuple[float, ...]
    convolution: tuple[float, ...]
    linear: tuple[float, ...]
    moved: float

    def sparse_seconds(self, work: SparseWork) -> float:
        """Return the seconds that the sparse kernels take for a link."""
        return _total(self.sparse, work)

    def dense_seconds(self, work: DenseWork, *, linear: bool) -> float:
        """Return the seconds that a dense product takes for a link, in a linear layer or a convolution."""
        return _total(self.linear if linear else self.convolution, work)

    def parts(self) -> list[tuple[str, float]]:
        """Return a name and the seconds of each part."""
        found = [
            (f"{kind}: {field.name}", seconds)
            for kind, work in _KINDS.items()
            for field, seconds in zip(fields(work), getattr(self, kind), strict=True)
        ]
        return [*found, ("moved", self.moved)]


_KINDS: dict[str, type[SparseWork | DenseWork]] = {"sparse": SparseWork, "convolution": DenseWork, "linear": DenseWork}


@dataclass(frozen=True)
class Costs:
    """What a processor takes for the work of links, with one number of threads.

    Args:
        inference: in a forward pass.
        training: in a forward and a backward pass together.
        threads: PyTorch's threads.
    """

    inference: LinkCosts
    training: LinkCosts
    threads: int

    def on(self, threads: int) -> "Costs":
        """Return an estimate for another number of threads: only the work that is the same for each link stays."""
        factor = self.threads / threads
        return Costs(_scaled(self.inference, factor), _scaled(self.training, factor), threads)

    def to_json(self) -> dict[str, Any]:
        """Return the costs as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> "Costs":
        """Return the costs of JSON values as `to_json` makes them.

        Raises:
            FileFormatError: the values are not those of costs.
        """
        try:
            threads = value["threads"]
            if not isinstance(threads, int) or threads < 1:
                raise FileFormatError(f"the number of threads must be positive, got {threads!r}")
            return cls(_link_costs(value["inference"]), _link_costs(value["training"]), threads)
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"not the costs of a processor: {type(error).__name__}: {error}") from error


def _total(seconds: tuple[float, ...], work: SparseWork | DenseWork) -> float:
    return float(sum(each * amount for each, amount in zip(seconds, astuple(work), strict=True)))


def _scaled(costs: LinkCosts, factor: float) -> LinkCosts:
    def of(seconds: tuple[float, ...]) -> tuple[float, ...]:
        return (seconds[0], *(factor * each for each in seconds[1:]))

    return LinkCosts(of(costs.sparse), of(costs.convolution), of(costs.linear), factor * costs.moved)


def _link_costs(value: Any) -> LinkCosts:
    found = {}
    for name, work in _KINDS.items():
        n_parts = len(fields(work))
        if not isinstance(value[name], list | tuple) or len(value[name]) != n_parts:
            raise FileFormatError(f"{name} must have {n_parts} numbers, got {value[name]!r}")
        found[name] = tuple(map(_seconds, value[name]))
    return LinkCosts(**found, moved=_seconds(value["moved"]))


def _seconds(value: Any) -> float:
    number = float(value)
    if not 0 <= number < 1:
        raise FileFormatError(f"a part of the work must take from 0 to 1 second, got {value!r}")
    return number
