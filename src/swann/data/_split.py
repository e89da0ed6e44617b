"""Stratified choice of samples: each class keeps its share."""

import numpy as np
import torch
from torch import Tensor


def stratified_split(labels: Tensor, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw `size` samples in which each class has its share, and return the others beside them.

    A class with n of the N samples gets size * n / N of them, rounded so that the sum is exactly `size`
    (largest remainders first, drawn on a tie).

    Args:
        labels: int64 class numbers, [N].
        size: how many samples to draw, 0 to N.
        seed: of the draw.

    Returns:
        The sorted indices of the drawn samples, [size], and of the others, [N - size].

    >>> drawn, others = stratified_split(torch.tensor([0, 0, 0, 0, 1, 1]), 3, seed=0)
    >>> len(drawn), len(others)
    (3, 3)
    """
    generator = np.random.default_rng(seed)
    values = labels.cpu().numpy()
    classes, counts = np.unique(values, return_counts=True)
    quotas, remainders = np.divmod(counts * size, max(len(values), 1))
    largest_first = np.lexsort((generator.random(len(classes)), -remainders))
    quotas[largest_first[: size - quotas.sum()]] += 1
    chosen = np.zeros(len(values), dtype=bool)
    for label, quota in zip(classes, quotas, strict=True):
        members = np.flatnonzero(values == label)
        chosen[generator.permutation(members)[:quota]] = True
    return torch.from_numpy(np.flatnonzero(chosen)), torch.from_numpy(np.flatnonzero(~chosen))
