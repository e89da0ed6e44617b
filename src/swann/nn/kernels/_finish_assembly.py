"""What comes after a layer's sums, as LLVM assembly: activation, norm and pooling in one pass over a map."""

from dataclasses import dataclass
from typing import Literal

from ._code import ELEMENTS, Code, Element
from ._finish_code import each_channel, each_vector, element_of, greater, opened, smaller, tap_of

Step = Literal["relu", "affine"]
"""The greater of a value and 0; or a value times its channel's scale, to which the channel's shift is added."""

NO_TAP = -1
"""The tap of a maximum that a ReLU makes 0."""

MAX_TAPS = 127

Pair = tuple[int, int]


@dataclass(frozen=True)
class MaxPool:
    """A maximum pooling over two axes.

    Args:
        kernel: size of the window, of at most `MAX_TAPS` places.
        stride: stride.
        padding: places before and after each axis, of which none is a maximum.
    """

    kernel: Pair
    stride: Pair
    padding: Pair


@dataclass(frozen=True)
class Finish:
    """Steps on each element of a map, a pooling, and steps on each element of what it leaves.

    Args:
        before: the first steps.
        pool: the pooling, if any.
        after: the last steps; there are none without a pooling.
    """

    before: tuple[Step, ...] = ()
    pool: MaxPool | None = None
    after: tuple[Step, ...] = ()

    @property
    def n_affine(self) -> int:
        """How many of the steps scale and shift."""
        return (self.before + self.after).count("affine")


def finish_function(finish: Finish, element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`, which takes the steps of a finish without a pooling.

    Args:
        finish: the steps.
        element: type of the maps.
        lanes: elements of a vector.
        rest: elements of a channel's map that fill no vector.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with each_channel(code) as (table, channel):
        scales = _scales(code, finish, channel, scalar, size)

        def each(offset: str, width: int) -> None:
            vector, at = f"<{width} x {scalar}>", code.value(f"mul i64 {offset}, {size}")
            value = _stepped(code, finish.before, vector, code.load(vector, channel["source"], at, size), scales)
            code.do(f"store {vector} {value}, ptr {code.address(channel['result'], at)}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def pool_function(finish: Finish, pool: MaxPool, element: Element, lanes: int, rest: int, *, keeps_taps: bool) -> str:
    """Return a module with the function `run`, which takes the steps of a finish with a pooling.

    Args:
        finish: the steps.
        pool: the pooling among them.
        element: type of the maps.
        lanes: elements of a vector.
        rest: elements of a place that fill no vector.
        keeps_taps: whether to store at which tap of its window each maximum stood, the first one if several did, or
            `NO_TAP`; one byte each.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with each_channel(code) as (table, channel):
        scales = _scales(code, finish, channel, scalar, size)
        after = scales[2 * finish.before.count("affine") :]
        with code.loop("0", table["pooled_height"]) as y, code.loop("0", table["pooled_width"]) as x:
            top, first_row, last_row = _window(code, pool, 0, y, table["height"])
            left, first_column, last_column = _window(code, pool, 1, x, table["width"])
            pooled = element_of(code, y, x, table["pooled_width"], table["place"])

            def tap(row: str, column: str, of_taps: str) -> str:
                return code.splat(of_taps, tap_of(code, row, column, top, left, pool.kernel[1]))

            def each(offset: str, width: int) -> None:
                vector, of_taps = f"<{width} x {scalar}>", f"<{width} x i8>"
                best, best_tap = code.variable(vector), code.variable(of_taps)
                code.do(f"store {vector} {_constant(vector, '0xFFF0000000000000')}, ptr {best}")
                code.do(f"store {of_taps} {tap(first_row, first_column, of_taps)}, ptr {best_tap}")
                with code.loop(first_row, last_row) as row, code.loop(first_column, last_column) as column:
                    place = element_of(code, row, column, table["width"], table["place"])
                    at = code.value(f"mul i64 {code.value(f'add i64 {place}, {offset}')}, {size}")
                    value = code.load(vector, channel["source"], at, size)
                    value = _stepped(code, finish.before, vector, value, scales)
                    found, found_tap = (
                        code.value(f"load {kind}, ptr {name}") for kind, name in ((vector, best), (of_taps, best_tap))
                    )
                    is_greater = code.value(f"fcmp ogt {vector} {value}, {found}")
                    is_nan = code.value(f"fcmp uno {vector} {value}, zeroinitializer")
                    mask = f"<{width} x i1> {code.value(f'or <{width} x i1> {is_greater}, {is_nan}')}"
                    value = code.value(f"select {mask}, {vector} {value}, {vector} {found}")
                    code.do(f"store {vector} {value}, ptr {best}")
                    chosen = f"{of_taps} {tap(row, column, of_taps)}, {of_taps} {found_tap}"
                    code.do(f"store {of_taps} {code.value(f'select {mask}, {chosen}')}, ptr {best_tap}")
                value = _stepped(code, finish.after, vector, code.value(f"load {vector}, ptr {best}"), after)
                at = code.value(f"add i64 {pooled}, {offset}")
                place = code.address(channel["result"], code.value(f"mul i64 {at}, {size}"))
                code.do(f"store {vector} {value}, ptr {place}, align {size}")
                if keeps_taps:
                    found_tap = code.value(f"load {of_taps}, ptr {best_tap}")
                    if "relu" in finish.after:
                        is_lost = code.value(f"fcmp ole {vector} {value}, zeroinitializer")
                        lost = f"{of_taps} {_constant(of_taps, NO_TAP)}, {of_taps} {found_tap}"
                        found_tap = code.value(f"select <{width} x i1> {is_lost}, {lost}")
                    code.do(f"store {of_taps} {found_tap}, ptr {code.address(channel['other'], at)}, align 1")

            each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def pool_gradient_function(pool: MaxPool, element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`, which hands what flows back through a pooling to its maxima.

    A channel's source is the gradient of the pooled map, its result that of the map before; see `pool_function`.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with (
        each_channel(code) as (table, channel),
        code.loop("0", table["height"]) as y,
        code.loop("0", table["width"]) as x,
    ):
        first_row, last_row = _readers(code, pool, 0, y, table["pooled_height"])
        first_column, last_column = _readers(code, pool, 1, x, table["pooled_width"])
        place = element_of(code, y, x, table["width"], table["place"])

        def each(offset: str, width: int) -> None:
            vector, of_taps = f"<{width} x {scalar}>", f"<{width} x i8>"
            total = code.variable(vector)
            code.do(f"store {vector} zeroinitializer, ptr {total}")
            with code.loop(first_row, last_row) as row, code.loop(first_column, last_column) as column:
                top, left = (_begin(code, pool, axis, at) for axis, at in enumerate((row, column)))
                tap = code.splat(of_taps, tap_of(code, y, x, top, left, pool.kernel[1]))
                pooled = element_of(code, row, column, table["pooled_width"], table["place"])
                at = code.value(f"add i64 {pooled}, {offset}")
                of_maximum = code.load(of_taps, channel["other"], at, 1)
                gradient = code.load(vector, channel["source"], code.value(f"mul i64 {at}, {size}"), size)
                mask = f"<{width} x i1> {code.value(f'icmp eq {of_taps} {of_maximum}, {tap}')}"
                gradient = code.value(f"select {mask}, {vector} {gradient}, {vector} zeroinitializer")
                value = code.value(f"fadd {vector} {code.value(f'load {vector}, ptr {total}')}, {gradient}")
                code.do(f"store {vector} {value}, ptr {total}")
            at = code.value(f"mul i64 {code.value(f'add i64 {place}, {offset}')}, {size}")
            value = code.value(f"load {vector}, ptr {total}")
            code.do(f"store {vector} {value}, ptr {code.address(channel['result'], at)}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def _begin(code: Code, pool: MaxPool, axis: int, place: str) -> str:
    """Return where the window of a place of the pooled map begins along an axis, perhaps before the map."""
    return code.value(f"sub i64 {code.value(f'mul i64 {place}, {pool.stride[axis]}')}, {pool.padding[axis]}")


def _window(code: Code, pool: MaxPool, axis: int, place: str, size: str) -> tuple[str, str, str]:
    """Return where a window begins along an axis, its first place within the map, and the one after its last."""
    begin = _begin(code, pool, axis, place)
    end = code.value(f"add i64 {begin}, {pool.kernel[axis]}")
    return begin, greater(code, begin, "0"), smaller(code, end, size)


def _readers(code: Code, pool: MaxPool, axis: int, place: str, size: str) -> tuple[str, str]:
    """Return the first window that holds a place of the map, along an axis, and the one after the last."""
    stride = pool.stride[axis]
    padded = code.value(f"add i64 {place}, {pool.padding[axis]}")
    beyond = code.value(f"add i64 {code.value(f'sdiv i64 {padded}, {stride}')}, 1")
    missing = greater(code, code.value(f"sub i64 {padded}, {pool.kernel[axis] - 1}"), "0")
    first = code.value(f"sdiv i64 {code.value(f'add i64 {missing}, {stride - 1}')}, {stride}")
    return first, smaller(code, beyond, size)


def _scales(code: Code, finish: Finish, channel: dict[str, str], scalar: str, size: int) -> list[str]:
    return [code.load(scalar, channel["scales"], number * size, size) for number in range(2 * finish.n_affine)]


def _stepped(code: Code, steps: tuple[Step, ...], vector: str, value: str, scales: list[str]) -> str:
    """Return a vector after some steps; NaN stays NaN."""
    numbers = iter(scales)
    for step in steps:
        if step == "relu":
            value = code.rectified(vector, value)
        else:
            scaled = code.value(f"fmul {vector} {value}, {code.splat(vector, next(numbers))}")
            value = code.value(f"fadd {vector} {scaled}, {code.splat(vector, next(numbers))}")
    return value


def _constant(vector: str, number: object) -> str:
    lanes, scalar = vector.strip("<>").split(" x ")
    return f"<{', '.join([f'{scalar} {number}'] * int(lanes))}>"
