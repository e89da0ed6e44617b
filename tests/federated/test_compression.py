import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from swann import InvalidValueError
from swann.federated._arrays import record_of_each
from swann.federated._compression import (
    PACKED,
    decode_update,
    decode_weights,
    encode_update,
    encode_weights,
    flat,
    n_bytes,
    unpacked,
)

FLOATS = st.floats(-100, 100, width=32)
ARRAYS = arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, max_side=5, min_side=0), elements=FLOATS)
STATES = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.tuples(ARRAYS, FLOATS), max_size=3)


def sent_back(weights, received, compression, seed=0):
    record, scales = encode_update(weights, received, compression, np.random.default_rng(seed))
    values = decode_update(record, scales, received, compression)
    return unpacked(values, {name: array.shape for name, array in received.items()})


@given(STATES)
def test_nothing_is_lost_without_compression(state):
    weights = {name: array for name, (array, _) in state.items()}
    record = encode_weights(weights, "none")
    assert n_bytes(record) == 128 + sum(array.nbytes for array in weights.values())
    shapes = {name: weights[name].shape for name in sorted(weights, reverse=True)}  # in an order of their own
    for found in (decode_weights(record, shapes), sent_back(weights, weights, "none")):
        assert all(np.array_equal(found[name], weights[name]) for name in weights)
        assert all(found[name].shape == weights[name].shape for name in weights)


@given(STATES)
def test_compressed_updates_are_off_by_a_step_at_most(state):
    received = {name: array for name, (array, _) in state.items()}
    weights = {name: (array * 0.5 + change).astype(np.float32) for name, (array, change) in state.items()}
    half, eighth = (sent_back(weights, received, kind) for kind in ("fp16", "int8"))
    for name, array in weights.items():
        change = np.abs(array - received[name])
        rounding = 1e-5 * (1 + np.abs(array) + np.abs(received[name]))
        assert np.all(np.abs(half[name] - array) <= change * 2**-10 + rounding)
        assert np.all(np.abs(eighth[name] - array) <= change.max(initial=0) / 127 + rounding)


def test_rounding_to_8_bits_is_right_on_average():
    received = {"a": np.zeros(4000, np.float32)}
    weights = {"a": np.full(4000, 0.3, np.float32)}
    weights["a"][0] = 1.0  # the scale: 0.3 lies between two of 127 levels
    found = sent_back(weights, received, "int8")["a"][1:]
    assert len(np.unique(found)) == 2
    assert found.mean() == pytest.approx(0.3, abs=4 / 127 / 2 / np.sqrt(4000))


def test_bytes_shrink_to_a_half_and_a_quarter():
    weights = {"a": np.ones(10_000, np.float32)}
    sizes = [
        n_bytes(encode_update(weights, weights, kind, np.random.default_rng(0))[0]) for kind in ("none", "fp16", "int8")
    ]
    assert sizes == [40_128, 20_128, 10_128]


def test_what_is_not_finite_is_refused():
    received = {"a": np.zeros(3, np.float32)}
    for bad in (np.nan, np.inf):
        weights = {"a": np.array([1, bad, 2], np.float32)}
        for kind in ("none", "fp16", "int8"):
            with pytest.raises(ValueError, match="a is not finite"):
                sent_back(weights, received, kind)


def test_too_large_for_float16_is_refused():
    with pytest.raises(InvalidValueError, match="compression: a has a value of 1e\\+05, float16 holds 65504"):
        encode_weights({"a": np.array([1e5], np.float32)}, "fp16")


def test_another_type_or_shape_or_number_of_scales_is_refused():
    received = {"a": np.zeros(3, np.float32), "b": np.zeros(2, np.float32)}
    record, scales = encode_update(received, received, "int8", np.random.default_rng(0))
    with pytest.raises(ValueError, match="weights are of type int8, expected float16"):
        decode_update(record, scales, received, "fp16")
    with pytest.raises(ValueError, match="zip"):
        decode_update(record, scales[:1], received, "int8")
    with pytest.raises(ValueError, match="5 weights, expected 6"):
        decode_update(record, scales, received | {"b": np.zeros(3, np.float32)}, "int8")
    with pytest.raises(ValueError, match="5 weights, expected 3"):
        decode_update(record, scales, {"a": received["a"]}, "int8")


def test_what_is_not_packed_is_refused():
    each = record_of_each({"a": np.zeros(3, np.float32), "b": np.zeros(2, np.float32)})
    with pytest.raises(ValueError, match="expected one array, weights, found a, b"):
        flat(each)
    with pytest.raises(ValueError, match="expected one array, weights, found none"):
        flat(record_of_each({}))
    with pytest.raises(ValueError, match=r"weights have shape \[1, 2\], expected one dimension"):
        flat(record_of_each({PACKED: np.zeros((1, 2), np.float32)}))
