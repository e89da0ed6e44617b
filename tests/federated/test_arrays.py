import io
import pickle

import numpy as np
import pytest
from flwr.app import Array
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from swann.federated._arrays import ReadArray, joined, read_array, record_of

TYPES = st.sampled_from([np.float32, np.float16, np.int8, np.float64, np.int64])
VALUES = TYPES.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0)))


@given(VALUES, st.booleans())
def test_flower_makes_the_same_bytes_and_reads_the_same_values(values, is_transposed):
    values = values.T if is_transposed else values
    ours, flowers = ReadArray(values), Array(np.asarray(values, order="C"))
    assert (ours.dtype, ours.shape, ours.stype, ours.data) == (
        *(flowers.dtype, flowers.shape, flowers.stype),
        flowers.data,
    )
    for found in (ours.numpy(), read_array(ours)):
        np.testing.assert_array_equal(found, values)
        assert (found.dtype, found.shape) == (values.dtype, values.shape)


@given(TYPES.flatmap(lambda kind: st.lists(arrays.arrays(kind, arrays.array_shapes(min_dims=0)), min_size=1)))
def test_joined_arrays_are_one_of_all_their_values(parts):
    ours, flowers = (
        joined([part.T for part in parts], parts[0].dtype),
        Array(np.hstack([part.T.flat for part in parts])),
    )
    assert (ours.dtype, ours.shape, ours.stype) == (flowers.dtype, flowers.shape, flowers.stype)
    assert ours.data == flowers.data


def test_what_is_joined_is_of_the_type_that_is_asked_for():
    found = joined([np.array([1.5, -2]), np.array(3)], np.dtype(np.float16)).numpy()
    assert (found.tolist(), found.dtype) == ([1.5, -2, 3], np.float16)
    assert joined([], np.dtype(np.int8)).numpy().shape == (0,)


def test_values_are_read_without_a_copy_and_handed_out_as_copies():
    array = joined([np.arange(3.0)], np.dtype(float))
    assert not read_array(array).flags.writeable
    kept = ReadArray(np.arange(3.0))
    kept.numpy()[0] = 7
    assert kept.numpy().tolist() == [0, 1, 2]
    assert pickle.loads(pickle.dumps(kept)).numpy().tolist() == [0, 1, 2]


def test_a_record_keeps_the_arrays_as_they_are():
    one = ReadArray(np.arange(3.0))
    assert record_of({"a": one})["a"] is one


def saved(values, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version)
    return file.getvalue()


def made_of(data, stype="numpy.ndarray"):
    return Array("float32", (1,), stype, data)


def test_values_by_columns_are_read():
    values = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(read_array(made_of(saved(values))), values)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\x93NUMPY\x01\x00", b"nonsense", saved(np.arange(4.0))[:-1], saved(np.arange(4.0))[:40]),
        *(saved(np.array([{}], object)), saved(np.arange(4.0), (2, 0))),
        saved(np.arange(4.0)).replace(b"(4,)", b"(-1)"),
        saved(np.arange(4.0)).replace(b"'<f8'", b"'<q9'"),
    ],
)
def test_what_is_malformed_is_refused(data):
    with pytest.raises(ValueError, match="an array|buffer"):
        read_array(made_of(data))


def test_arrays_of_others_are_refused():
    with pytest.raises(ValueError, match="an array that NumPy did not write, but 'torch.Tensor'"):
        read_array(made_of(saved(np.arange(4.0)), "torch.Tensor"))
