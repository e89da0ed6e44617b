import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann import InvalidValueError, UnknownNameError
from swann.federated import split

KINDS = st.sampled_from(["iid", "shards", "dirichlet"])


@given(
    KINDS,
    st.lists(st.integers(0, 4), min_size=20, max_size=120),
    st.integers(1, 10),
    st.floats(1e-6, 1e6),
    st.integers(0, 2**32),
)
def test_every_image_has_one_client_and_sizes_are_even(kind, labels, clients, alpha, seed):
    found = split(kind, labels, clients, alpha=alpha, seed=seed)
    assert sorted(np.concatenate(found.rows)) == list(range(len(labels)))
    assert len(found.rows) == clients
    slack = 2 if kind == "shards" else 1
    assert found.sizes.max() - found.sizes.min() <= slack
    for rows, counts in zip(found.rows, found.class_counts, strict=True):
        assert np.all(np.diff(rows) > 0)
        assert counts.tolist() == [labels_of(labels, rows).count(label) for label in range(max(labels) + 1)]
    again = split(kind, labels, clients, alpha=alpha, seed=seed)
    assert all(map(np.array_equal, found.rows, again.rows))


def labels_of(labels, rows):
    return [labels[row] for row in rows]


def test_another_seed_deals_otherwise():
    labels = np.arange(200) % 10
    for kind in ("iid", "shards", "dirichlet"):
        first, second = (split(kind, labels, 10, seed=seed) for seed in (0, 1))
        assert not all(map(np.array_equal, first.rows, second.rows))


def test_the_papers_shards_are_200_of_300():
    labels = np.random.default_rng(0).permutation(np.arange(60_000) % 10)
    found = split("shards", labels, 100, seed=3)
    assert found.sizes.tolist() == [600] * 100
    place = np.empty(60_000, int)
    place[np.argsort(labels, kind="stable")] = np.arange(60_000)
    for rows in found.rows:
        shards, sizes = np.unique(place[rows] // 300, return_counts=True)
        assert sizes.tolist() == [300, 300]
        assert len(shards) == 2
    assert found.imbalance().most_classes == 2  # 20 shards a class, so none spans two


def test_shards_of_known_labels():
    found = split("shards", [1, 0, 1, 0, 2, 2, 3, 3], 2, seed=0)
    whole = {0: {1, 3}, 1: {0, 2}, 2: {4, 5}, 3: {6, 7}}
    for rows, counts in zip(found.rows, found.class_counts, strict=True):
        classes = np.flatnonzero(counts)
        assert len(classes) == 2
        assert set(rows.tolist()) == set().union(*(whole[label] for label in classes))


def test_a_small_alpha_gives_few_classes_and_a_large_one_all_alike():
    labels = np.arange(5000) % 10
    distances = [
        split("dirichlet", labels, 50, alpha=alpha).imbalance().mean_total_variation for alpha in (0.05, 1, 1e6)
    ]
    assert distances[0] > 0.6 > 0.45 > distances[1] > 0.3 > 0.2 > distances[2]


def test_imbalance_of_known_counts():
    found = split("shards", [0, 0, 1, 1], 2, seed=1).imbalance()
    alike = split("iid", [0, 0, 0, 0], 2).imbalance()
    assert (alike.mean_total_variation, alike.mean_largest_share, alike.mean_classes) == (0, 1, 1)
    assert (found.smallest, found.largest) == (2, 2)
    mixed = split("iid", [0, 1, 2, 3], 4).imbalance()
    assert mixed.mean_total_variation == 0.75
    assert str(mixed) == (
        "1 to 1 images a client, of 1 to 1 classes (mean 1.0); largest class 100% of a client's images, "
        "total variation distance from all images 0.75 (means)"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("iid", [0, 1], 3), "clients: expected 1 to 2 for 2 training images with partition 'iid', found 3"),
        (("iid", [0, 1], 0), "clients: expected 1 to 2 for 2 training images with partition 'iid', found 0"),
        (("shards", [0, 1, 1], 2), "clients: expected 1 to 1 for 3 training images with partition 'shards', found 2"),
    ],
)
def test_too_many_clients_are_refused(arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        split(*arguments)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_an_alpha_must_be_above_0(alpha):
    with pytest.raises(InvalidValueError, match=f"alpha: expected a finite number above 0, found {alpha!r}"):
        split("dirichlet", [0, 1, 0, 1], 2, alpha=alpha)


def test_an_unknown_kind_names_its_neighbours():
    with pytest.raises(UnknownNameError, match="unknown partition 'shard': did you mean 'shards'"):
        split("shard", [0, 1], 1)
