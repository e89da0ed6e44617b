"""Dealing a dataset's training images out to clients."""

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, UnknownNameError, near_matches

Kind = Literal["iid", "shards", "dirichlet"]
Rows = NDArray[np.int64]

_SHARDS_PER_CLIENT = 2


@dataclass(frozen=True, eq=False)
class Partition:
    """Which training images each client has; every image belongs to exactly one client.

    Args:
        kind: how they were dealt out: 'iid', 'shards' or 'dirichlet'.
        rows: of each client, rising.
        class_counts: images of each class that each client has, [clients, classes].
    """

    kind: Kind
    rows: tuple[Rows, ...]
    class_counts: Rows

    @property
    def sizes(self) -> Rows:
        """Images that each client has, [clients]."""
        sizes: Rows = self.class_counts.sum(axis=1)
        return sizes

    def to_csv(self, classes: Sequence[str]) -> str:
        """Return one line for each client: its images, and those of each class."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("client", "images", *classes[: self.class_counts.shape[1]]))
        for client, counts in enumerate(self.class_counts.tolist()):
            writer.writerow((client, sum(counts), *counts))
        return file.getvalue()

    def digest(self) -> str:
        """Return a checksum: equal for clients that have the same images."""
        digest = hashlib.sha256()
        for rows in self.rows:
            digest.update(len(rows).to_bytes(8, "little") + rows.tobytes())
        return digest.hexdigest()[:16]

    def imbalance(self) -> "Imbalance":
        """Return how far the clients' classes are from those of all images."""
        shares = self.class_counts / self.sizes[:, None]
        overall = self.class_counts.sum(axis=0) / self.sizes.sum()
        held = (self.class_counts > 0).sum(axis=1)
        return Imbalance(
            smallest=int(self.sizes.min()),
            largest=int(self.sizes.max()),
            fewest_classes=int(held.min()),
            mean_classes=float(held.mean()),
            most_classes=int(held.max()),
            mean_largest_share=float(shares.max(axis=1).mean()),
            mean_total_variation=float(np.abs(shares - overall).sum(axis=1).mean() / 2),
        )


@dataclass(frozen=True)
class Imbalance:
    """How unequal clients are.

    Args:
        smallest: images of the client with the fewest.
        largest: images of the client with the most.
        fewest_classes: classes of the client with the fewest.
        mean_classes: classes that a client has, the mean.
        most_classes: classes of the client with the most.
        mean_largest_share: share of the most frequent class in a client's images, the mean.
        mean_total_variation: total variation distance of a client's classes from those of all images, the mean: 0
            where all are alike, towards 1 where clients have nothing in common.
    """

    smallest: int
    largest: int
    fewest_classes: int
    mean_classes: float
    most_classes: int
    mean_largest_share: float
    mean_total_variation: float

    def __str__(self) -> str:
        return (
            f"{self.smallest:,} to {self.largest:,} images a client, of {self.fewest_classes} to {self.most_classes} "
            f"classes (mean {self.mean_classes:.1f}); largest class {self.mean_largest_share:.0%} of a client's "
            f"images, total variation distance from all images {self.mean_total_variation:.2f} (means)"
        )


def split(
    kind: str, labels: Sequence[int] | NDArray[np.integer], clients: int, *, alpha: float = 0.5, seed: int = 0
) -> Partition:
    """Deal images out to clients whose numbers of images differ by one at most.

    `iid` deals them at random. `shards` sorts them by label, cuts them into two shards a client and deals the shards
    at random (McMahan et al. 2017; the SWANN paper's non-IID data: 200 shards of 300 for 100 clients). `dirichlet`
    draws each client's mixture of classes from a Dirichlet distribution around that of all images (Hsu, Qi and Brown
    2019), with a concentration of alpha a class where classes are equally frequent; where a class is used up, the
    others take its place.

    Args:
        kind: 'iid', 'shards' or 'dirichlet'.
        labels: of the training images, whole numbers from 0, [N].
        clients: how many, N at most; with `shards` N / 2 at most.
        alpha: concentration of the Dirichlet distribution, above 0: large is nearly IID, small gives each client few
            classes; without meaning for the others.
        seed: of everything drawn.

    Raises:
        UnknownNameError: another kind.
        InvalidValueError: too many clients, none, or an alpha that is not above 0.

    >>> split("shards", [0, 1, 2, 3] * 4, clients=4, seed=0).imbalance().most_classes
    2
    """
    if kind not in get_args(Kind):
        raise UnknownNameError(f"unknown partition {kind!r}: {near_matches(kind, get_args(Kind))}")
    values = np.asarray(labels, dtype=np.int64)
    pieces = clients * (_SHARDS_PER_CLIENT if kind == "shards" else 1)
    if not 1 <= pieces <= len(values):
        raise InvalidValueError(
            f"clients: expected 1 to {len(values) * max(clients, 1) // max(pieces, 1)} for {len(values)} training "
            f"images with partition {kind!r}, found {clients}"
        )
    generator = np.random.default_rng(seed)
    if kind == "iid":
        dealt = np.array_split(generator.permutation(len(values)), clients)
    elif kind == "shards":
        shards = np.array_split(np.argsort(values, kind="stable"), pieces)
        hands = generator.permutation(pieces).reshape(clients, -1)
        dealt = [np.concatenate([shards[shard] for shard in hand]) for hand in hands]
    else:
        dealt = _split_dirichlet(values, clients, alpha, generator)
    rows = tuple(np.sort(of_client).astype(np.int64) for of_client in dealt)
    n_classes = int(values.max()) + 1
    counts = np.stack([np.bincount(values[of_client], minlength=n_classes) for of_client in rows])
    return Partition(kind, rows, counts.astype(np.int64))  # type: ignore[arg-type]


def _split_dirichlet(values: Rows, clients: int, alpha: float, generator: np.random.Generator) -> list[Rows]:
    if not (alpha > 0 and np.isfinite(alpha)):
        raise InvalidValueError(f"alpha: expected a finite number above 0, found {alpha!r}")
    members = [generator.permutation(np.flatnonzero(values == label)) for label in np.unique(values)]
    left = np.array([len(of_class) for of_class in members])
    concentration = alpha * len(left) * left / len(values)
    sizes = [len(part) for part in np.array_split(values, clients)]
    dealt: list[Rows] = [np.empty(0, np.int64)] * clients
    for client in generator.permutation(clients):  # the last ones get what is left: let chance decide who that is
        taken = _draw(generator.dirichlet(concentration), left, sizes[client], generator)
        dealt[client] = np.concatenate(
            [of_class[rest - n : rest] for of_class, rest, n in zip(members, left, taken, strict=True)]
        )
        left = left - taken
    return dealt


def _draw(mixture: NDArray[np.float64], left: Rows, size: int, generator: np.random.Generator) -> Rows:
    """Return how many images of each class a client takes, none more than there are left."""
    taken = np.zeros_like(left)
    while missing := size - int(taken.sum()):
        odds = np.where(taken < left, mixture, 0.0)
        if odds.sum() == 0:
            odds = (left - taken).astype(np.float64)
        taken += np.minimum(generator.multinomial(missing, odds / odds.sum()), left - taken)
    return taken
