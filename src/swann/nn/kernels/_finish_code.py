"""LLVM assembly that the functions share which work through the maps of single channels."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._code import Code, each_task, row_address, row_of

FINISH_TABLE = ("next", "n_tasks", "tasks", "height", "width", "pooled_height", "pooled_width", "place")
"""The number of the next task, their number, and where they stand; sizes of a channel's map before and after a
pooling; elements of a place, or without a pooling of the whole map.
"""

FINISH_TASK = ("source", "result", "scales", "other")
"""Where a channel's map stands, and its result, its scales and shifts, and what else there is: the taps of its maxima,
or another map.
"""


def opened() -> Code:
    """Return a module that opens with the function `run`, whose one argument is the address of a table."""
    code = Code()
    names = ("smax", "smin")
    code.lines += [f"declare i64 @llvm.{name}.i64(i64, i64)" for name in names]
    code.lines += ["define void @run(ptr %table) {", "entry:"]
    return code


@contextmanager
def each_channel(
    code: Code, columns: tuple[str, ...] = FINISH_TABLE, of_task: tuple[str, ...] = FINISH_TASK
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Run the lines inside for one channel after another; yield the numbers of the table, and a channel's addresses.

    Args:
        code: where they are written.
        columns: of the table.
        of_task: columns of a channel's task.
    """
    table = row_of(code, columns, "%table")
    tasks = code.value(f"inttoptr i64 {table['tasks']} to ptr")
    with each_task(code, table["n_tasks"]) as number:
        task = row_of(code, of_task, row_address(code, of_task, tasks, number))
        yield table, {name: code.value(f"inttoptr i64 {address} to ptr") for name, address in task.items()}


def each_vector(code: Code, length: str, lanes: int, rest: int, body: Callable[[str, int], None]) -> None:
    """Run `body` for each whole vector of `length` elements, of which `rest` fill none, and for the shorter last one.

    It is given the vector's first element and its lanes.
    """
    whole = code.value(f"sub i64 {length}, {rest}")
    with code.loop("0", code.value(f"sdiv i64 {whole}, {lanes}")) as number:
        body(code.value(f"mul i64 {number}, {lanes}"), lanes)
    if rest:
        body(whole, rest)


def element_of(code: Code, row: str, column: str, width: str, place: str) -> str:
    """Return the number of the first element of a place in a map."""
    number = code.value(f"add i64 {code.value(f'mul i64 {row}, {width}')}, {column}")
    return code.value(f"mul i64 {number}, {place}")


def greater(code: Code, first: str, second: str) -> str:
    return code.value(f"call i64 @llvm.smax.i64(i64 {first}, i64 {second})")


def smaller(code: Code, first: str, second: str) -> str:
    return code.value(f"call i64 @llvm.smin.i64(i64 {first}, i64 {second})")


def tap_of(code: Code, row: str, column: str, top: str, left: str, width: int) -> str:
    """Return the number of a place in a window of some width whose first place is at `top` and `left`."""
    row, column = code.value(f"sub i64 {row}, {top}"), code.value(f"sub i64 {column}, {left}")
    number = code.value(f"add i64 {code.value(f'mul i64 {row}, {width}')}, {column}")
    return code.value(f"trunc i64 {number} to i8")
