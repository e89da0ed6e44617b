import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann.nn.costs._choice import LinkSeconds, choose, total_seconds

SECONDS = st.floats(0.01, 10)


@st.composite
def networks(draw):
    layers = [
        [
            LinkSeconds(source, draw(SECONDS), draw(SECONDS))
            for source in draw(st.sets(st.integers(0, number), max_size=2))
        ]
        for number in range(draw(st.integers(1, 3)))
    ]
    return layers, [draw(st.floats(0, 2)) for _ in range(len(layers) + 1)]


def test_the_seconds_of_a_choice_by_hand():
    """The second layer reads the first's blocks and the input; its dense sum is moved to its blocks."""
    layers = [[LinkSeconds(0, 1.0, 9.0)], [LinkSeconds(1, 2.0, 9.0), LinkSeconds(0, 9.0, 4.0)]]
    moves = [0.1, 0.2, 0.4]
    to_blocks, out = 0.1, 0.4
    assert total_seconds(layers, moves, ((False,), (False, True))) == pytest.approx(1 + 2 + 4 + to_blocks + 0.4 + out)
    assert total_seconds(layers, moves, ((True,), (True, True))) == pytest.approx(9 + 9 + 4)
    assert total_seconds(layers, moves, ((False,), (True, True))) == pytest.approx(1 + 9 + 4 + to_blocks + 0.2)


@given(networks())
def test_a_choice_is_at_most_a_tenth_slower_than_any_change_of_one_link(network):
    layers, moves = network
    chosen = choose(layers, moves)
    best = total_seconds(layers, moves, chosen)
    for constant in (True, False):
        assert best <= total_seconds(layers, moves, tuple((constant,) * len(links) for links in layers)) + 1e-9
    for number, links in enumerate(layers):
        for place in range(len(links)):
            row = tuple(not dense if place == at else dense for at, dense in enumerate(chosen[number]))
            changed = (*chosen[:number], row, *chosen[number + 1 :])
            assert best <= total_seconds(layers, moves, changed) * (1.1 + 1e-6)


def test_a_mixture_that_saves_little_is_not_worth_it():
    mixture = [[LinkSeconds(0, sparse=1.0, dense=9.0)], [LinkSeconds(1, sparse=0.2, dense=0.1)]]
    assert choose(mixture, [0.0] * 3) == ((False,), (False,))


@given(networks())
def test_without_mixtures_all_links_are_computed_alike(network):
    layers, moves = network
    alike = [tuple((constant,) * len(links) for links in layers) for constant in (True, False)]
    assert choose(layers, moves, mixes=False) == min(alike, key=lambda choice: total_seconds(layers, moves, choice))


def test_the_best_of_all_choices_is_found_for_a_small_network():
    layers = [[LinkSeconds(0, 5, 1)], [LinkSeconds(1, 1, 3), LinkSeconds(0, 1, 6)], [LinkSeconds(2, 4, 1)]]
    moves = [0.5, 0.3, 0.2, 0.1]
    choices = itertools.product([(True,), (False,)], itertools.product([True, False], repeat=2), [(True,), (False,)])
    assert choose(layers, moves) == min(choices, key=lambda choice: total_seconds(layers, moves, choice))
