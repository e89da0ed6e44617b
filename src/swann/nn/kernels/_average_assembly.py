"""Adaptive average pooling of maps in blocks, and its gradient, as LLVM assembly."""

from collections.abc import Iterator
from contextlib import contextmanager

from ._code import ELEMENTS, Code, Element
from ._finish_code import each_channel, each_vector, element_of, opened


def average_function(element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`, which averages the windows of channels' maps.

    Args:
        element: type of the maps.
        lanes: elements of a vector.
        rest: elements of a place that fill no vector.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with _each_window(code) as (table, channel, pooled, window):

        def each(offset: str, width: int) -> None:
            vector = f"<{width} x {scalar}>"
            total = code.variable(vector)
            code.do(f"store {vector} zeroinitializer, ptr {total}")
            with code.loop(window[0], window[1]) as row, code.loop(window[2], window[3]) as column:
                place = code.value(f"add i64 {element_of(code, row, column, table['width'], table['place'])}, {offset}")
                value = code.load(vector, channel["source"], code.value(f"mul i64 {place}, {size}"), size)
                value = code.value(f"fadd {vector} {code.value(f'load {vector}, ptr {total}')}, {value}")
                code.do(f"store {vector} {value}, ptr {total}")
            mean = _divided(code, vector, code.value(f"load {vector}, ptr {total}"), window)
            at = code.value(f"mul i64 {code.value(f'add i64 {pooled}, {offset}')}, {size}")
            code.do(f"store {vector} {mean}, ptr {code.address(channel['result'], at)}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def average_gradient_function(element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`, which adds what flows back through the pooling to channels' gradients.

    A channel's source is the gradient of the pooled map, its result that of the map before; see `average_function`.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with _each_window(code) as (table, channel, pooled, window):

        def each(offset: str, width: int) -> None:
            vector = f"<{width} x {scalar}>"
            at = code.value(f"mul i64 {code.value(f'add i64 {pooled}, {offset}')}, {size}")
            share = _divided(code, vector, code.load(vector, channel["source"], at, size), window)
            with code.loop(window[0], window[1]) as row, code.loop(window[2], window[3]) as column:
                place = code.value(f"add i64 {element_of(code, row, column, table['width'], table['place'])}, {offset}")
                address = code.address(channel["result"], code.value(f"mul i64 {place}, {size}"))
                before = code.value(f"load {vector}, ptr {address}, align {size}")
                value = code.value(f"fadd {vector} {before}, {share}")
                code.do(f"store {vector} {value}, ptr {address}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


Window = tuple[str, str, str, str]
"""The first row and the one after the last, and the same of columns."""


@contextmanager
def _each_window(code: Code) -> Iterator[tuple[dict[str, str], dict[str, str], str, Window]]:
    """Run the lines inside for each place of each channel's pooled map.

    Yields the numbers of the table, the channel's addresses, the place's first element, and its window.
    """
    with (
        each_channel(code) as (table, channel),
        code.loop("0", table["pooled_height"]) as y,
        code.loop("0", table["pooled_width"]) as x,
    ):
        rows = _range(code, y, table["height"], table["pooled_height"])
        columns = _range(code, x, table["width"], table["pooled_width"])
        yield table, channel, element_of(code, y, x, table["pooled_width"], table["place"]), (*rows, *columns)


def _range(code: Code, place: str, size: str, pooled: str) -> tuple[str, str]:
    """Return where the window of a place begins and ends along one axis."""
    first = code.value(f"sdiv i64 {code.value(f'mul i64 {place}, {size}')}, {pooled}")
    end = code.value(f"mul i64 {code.value(f'add i64 {place}, 1')}, {size}")
    end = code.value(f"sub i64 {code.value(f'add i64 {end}, {pooled}')}, 1")
    return first, code.value(f"sdiv i64 {end}, {pooled}")


def _divided(code: Code, vector: str, value: str, window: Window) -> str:
    """Return a vector divided by the number of a window's places."""
    height, width = (code.value(f"sub i64 {end}, {first}") for first, end in (window[:2], window[2:]))
    scalar = vector.strip("<>").split(" x ")[1]
    count = code.value(f"sitofp i64 {code.value(f'mul i64 {height}, {width}')} to {scalar}")
    return code.value(f"fdiv {vector} {value}, {code.splat(vector, count)}")
