import itertools
import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from swann.nn.kernels._geometry import LinkShape, blocked_tiles, column_tiles
from swann.nn.kernels._tiles import correlation, tiles, transposed


def naive(source, target, kernel, stride, before, dilation):
    """Return all `(tap, source, target)` of one axis, by a loop over everything."""
    return {
        (tap, place * stride - before + tap * dilation, place)
        for place in range(target)
        for tap in range(kernel)
        if 0 <= place * stride - before + tap * dilation < source
    }


def triples(found):
    """Return how often each `(tap, operand, result)` element appears over all tiles, lanes counted one by one."""
    counts = Counter()
    for program, places in found.items():
        for operand, result in places:
            for accumulator, tap, offset in program.products:
                for lane in range(program.lanes):
                    counts[tap, operand + offset + lane, result + program.outputs[accumulator] + lane] += 1
    return counts


AXIS = st.tuples(
    *(st.integers(1, 11), st.integers(1, 7), st.integers(1, 5), st.integers(1, 7), st.integers(-3, 4)),
    st.integers(1, 3),
)


def test_correlation_by_hand():
    assert correlation(5, 3, kernel=2, stride=2, before=0, dilation=1) == (
        ((0, 0), (1, 1)),
        ((0, 2), (1, 3)),
        ((0, 4),),
    )
    # a crop of one on the left
    assert correlation(5, 2, kernel=2, stride=2, before=-1, dilation=1) == (((0, 1), (1, 2)), ((0, 3), (1, 4)))
    # a stride that skips elements
    assert correlation(7, 2, kernel=1, stride=5, before=0, dilation=1) == (((0, 0),), ((0, 5),))
    # dilation, and padding on both sides
    assert correlation(3, 3, kernel=3, stride=1, before=2, dilation=2) == (
        ((1, 0), (2, 2)), ((1, 1),), ((0, 0), (1, 2)),
    )  # fmt: skip
    # a kernel that meets padding alone
    assert correlation(1, 1, kernel=1, stride=1, before=2, dilation=1) == ((),)


def test_transposed_by_hand():
    relation = correlation(7, 2, kernel=1, stride=5, before=0, dilation=1)
    assert transposed(relation, 7) == (((0, 0),), (), (), (), (), ((0, 1),), ())


@given(AXIS)
def test_relations_hold_what_a_loop_finds(axis):
    relation = correlation(*axis)
    assert {(tap, c, place) for place, pairs in enumerate(relation) for tap, c in pairs} == naive(*axis)
    back = transposed(relation, axis[0])
    assert {(tap, c, place) for c, pairs in enumerate(back) for tap, place in pairs} == naive(*axis)
    assert sum(map(len, back)) == sum(map(len, relation)) == len(naive(*axis))


def test_tiles_by_hand():
    """Three places of one tap, two vectors of two lanes, two sums at once: full tiles, alike, share one program."""
    found = tiles((correlation(4, 4, 1, 1, 0, 1),), (1,), (4,), (4,), lanes=2, vectors=2, max_accumulators=2)
    assert sum(map(len, found.values())) == 4
    assert all(len(program.outputs) == 2 for program in found)
    assert triples(found) == Counter({(0, element, element): 1 for element in range(16)})


@settings(max_examples=60)
@given(
    st.lists(AXIS, min_size=0, max_size=2), st.sampled_from([1, 3, 8, 16, 19]), st.sampled_from(["forward", "input"])
)
def test_each_product_is_in_exactly_one_tile(axes, block, kind):
    shape = LinkShape(*(tuple(axis[part] for axis in axes) for part in range(6)))
    expected = Counter()
    for parts in itertools.product(*(naive(*axis) for axis in axes)):
        tap = source = target = 0
        for (one, s, t), axis in zip(parts, axes, strict=True):
            tap, source, target = tap * axis[2] + one, source * axis[0] + s, target * axis[1] + t
        for sample in range(block):
            pair = source * block + sample, target * block + sample
            expected[tap, *(pair if kind == "forward" else pair[::-1])] += 1
    assert triples(blocked_tiles(shape, kind, block, 8)) == expected
    if kind == "forward":
        assert triples(blocked_tiles(shape, "weight", block, 8)) == expected


@given(st.integers(1, 40), st.integers(1, 70), st.sampled_from([4, 8, 16]))
def test_each_product_of_columns_is_in_exactly_one_tile(n_taps, n_places, lanes):
    expected = Counter((tap, tap * n_places + place, place) for tap in range(n_taps) for place in range(n_places))
    assert triples(column_tiles([tap * n_places for tap in range(n_taps)], n_places, lanes)) == expected


@given(AXIS, AXIS, st.integers(1, 16))
def test_no_program_holds_more_sums_than_allowed(first, second, limit):
    relations = correlation(*first), correlation(*second)
    kernel = first[2], second[2]
    steps = (second[0] * 16, 16), (second[1] * 16, 16)
    found = tiles(relations, kernel, *steps, lanes=8, vectors=2, max_accumulators=limit)
    assert all(len(program.outputs) <= limit for program in found)
    assert all(program.products == tuple(dict.fromkeys(program.products)) for program in found)
    touched = math.prod(sum(map(bool, relation)) for relation in relations)
    assert sum(len(program.outputs) * len(places) for program, places in found.items()) == touched * 2
