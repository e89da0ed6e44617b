"""What is done to one node's map around its links: it begins as the bias, and activations and norms follow in place.

The functions take the arguments of `swann.nn.kernels._assembly.tile_function`, so that a table can have them in a row
like a link's, with one edge for each node: `%first` is the node's number, `%stride` how many elements its map has.
"""

import struct
from collections.abc import Callable
from functools import cache

from ._code import ELEMENTS, TILE, Code, Element


@cache
def fill_function(element: Element, lanes: int) -> str:
    """Return a module with the function `tile`, which sets a node's map to the node's number of those in `%weights`."""
    code = Code()
    scalar, _, size = ELEMENTS[element]
    vector = f"<{lanes} x {scalar}>"
    code.lines += [TILE, "entry:"]
    filled = code.splat(vector, _of_node(code, "%weights", scalar, size))
    _change(code, scalar, size, lanes, lambda _: filled, reads=False)
    return "\n".join(code.lines)


@cache
def rectify_function(element: Element, lanes: int) -> str:
    """Return a module with the function `tile`, which sets what is negative in a node's map to zero."""
    code = Code()
    scalar, _, size = ELEMENTS[element]
    vector = f"<{lanes} x {scalar}>"
    code.lines += [TILE, "entry:"]
    _change(code, scalar, size, lanes, lambda value: code.rectified(vector, value))
    return "\n".join(code.lines)


@cache
def normalise_function(element: Element, lanes: int, epsilon: float) -> str:
    """Return a module with the function `tile`, a batch norm by running statistics.

    The nodes' means stand in `%operand`, their variances in `%indices`, weights in `%weights` and biases in `%order`.

    Args:
        element: type of all of them.
        lanes: numbers in one vector.
        epsilon: added to the variances.
    """
    code = Code()
    scalar, suffix, size = ELEMENTS[element]
    vector = f"<{lanes} x {scalar}>"
    root, fma = f"@llvm.sqrt.{suffix}", f"@llvm.fma.v{lanes}{suffix}"
    code.lines += [
        f"declare {scalar} {root}({scalar})",
        f"declare {vector} {fma}({vector}, {vector}, {vector})",
        TILE,
        "entry:",
    ]
    mean, variance, weight, bias = (
        _of_node(code, base, scalar, size) for base in ("%operand", "%indices", "%weights", "%order")
    )
    added = code.value(f"fadd {scalar} {variance}, {literal(epsilon, element)}")
    deviation = code.value(f"call {scalar} {root}({scalar} {added})")
    scale = code.value(f"fdiv {scalar} {weight}, {deviation}")
    shift = code.value(f"fsub {scalar} {bias}, {code.value(f'fmul {scalar} {mean}, {scale}')}")
    scales, shifts = code.splat(vector, scale), code.splat(vector, shift)
    _change(
        *(code, scalar, size, lanes),
        lambda value: code.value(f"call {vector} {fma}({vector} {value}, {vector} {scales}, {vector} {shifts})"),
    )
    return "\n".join(code.lines)


def literal(number: float, element: Element) -> str:
    """Return a number as LLVM writes it, rounded to a type."""
    rounded = struct.unpack("<f", struct.pack("<f", number))[0] if element == "float32" else number
    return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"


def _of_node(code: Code, base: str, scalar: str, size: int) -> str:
    return code.load(scalar, base, code.value(f"mul i64 %first, {size}"), size)


def _change(
    code: Code, scalar: str, size: int, lanes: int, change: Callable[[str], str], *, reads: bool = True
) -> None:
    """Replace each element of a node's map by what `change` makes of a vector of them, and end the function."""
    vector, numbers = (f"<{lanes} x {kind}>" for kind in (scalar, "i64"))
    n_full = code.value(f"sdiv i64 %stride, {lanes}")
    with code.loop("0", n_full) as number:
        place = code.address("%result", code.value(f"mul i64 {number}, {lanes * size}"))
        before = code.value(f"load {vector}, ptr {place}, align {size}") if reads else ""
        code.do(f"store {vector} {change(before)}, ptr {place}, align {size}")
    begin = code.value(f"mul i64 {n_full}, {lanes}")
    n_left = code.value(f"sub i64 %stride, {begin}")
    code.do(f"br i1 {code.value(f'icmp sgt i64 {n_left}, 0')}, label %part, label %done")
    code.lines.append("part:")
    each = ", ".join(f"i64 {lane}" for lane in range(lanes))
    inside = code.value(f"icmp slt {numbers} <{each}>, {code.splat(numbers, n_left)}")
    place = code.address("%result", code.value(f"mul i64 {begin}, {size}"))
    before = code.masked_load(vector, inside, place, size) if reads else ""
    code.masked_store(vector, inside, change(before), place, size)
    code.label("done")
    code.do("ret void")
    code.lines.append("}")
