import struct

import pytest

from swann.nn.kernels._node_assembly import fill_function, literal, normalise_function, rectify_function


@pytest.mark.parametrize("make", [fill_function, rectify_function])
@pytest.mark.parametrize(("element", "vector"), [("float32", "<4 x float>"), ("float64", "<4 x double>")])
def test_whole_vectors_are_stored_at_once_and_the_rest_with_a_mask(make, element, vector):
    stores = [
        line for line in make(element, 4).splitlines() if "store" in line and vector in line and "declare" not in line
    ]
    assert ["masked" in line for line in stores] == [False, True]


@pytest.mark.parametrize("epsilon", [1e-5, 1e-3])
def test_a_norm_has_its_epsilon_in_the_type_of_the_map(epsilon):
    rounded = struct.unpack("<f", struct.pack("<f", epsilon))[0]
    for element, number in (("float32", rounded), ("float64", epsilon)):
        assert literal(number, "float64") in normalise_function(element, 8, epsilon)


def test_literals_are_the_bits_of_a_double():
    assert literal(1.0, "float32") == literal(1.0, "float64") == "0x3FF0000000000000"
    assert literal(float("-inf"), "float32") == "0xFFF0000000000000"
