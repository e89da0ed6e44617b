import pytest

from swann.nn.kernels._window_assembly import window_function


@pytest.mark.parametrize(
    ("reduction", "operations"),
    [("copy", set()), ("max", {"maximum"}), ("mean", {"fadd", "fmul"})],
)
def test_what_is_made_of_a_window(reduction, operations):
    lines = [line for line in window_function("float32", 8, reduction).splitlines() if "declare" not in line]
    found = {name for name in ("maximum", "fadd", "fmul") for line in lines if name in line}
    assert found == operations


def test_missing_elements_are_less_than_all_others_where_the_largest_is_wanted():
    assert "0xFFF0000000000000" in window_function("float64", 4, "max")
    assert "0xFFF0000000000000" not in window_function("float64", 4, "mean")
