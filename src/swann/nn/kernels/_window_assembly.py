from functools import cache
from typing import Literal

from ._code import ELEMENTS, TILE, Code, Element, row_of
from ._gather_assembly import NOTHING, SCATTERED
from ._node_assembly import literal

Reduction = Literal["copy", "max", "mean"]
"""What is made of the elements in a window; a copy has one, or none and is zero."""

WINDOWS = ("n_taps", "n_vectors", "n_full", "offsets", "bases", "scales")
"""Elements of a window; vectors of a node's result, and how many of them are full; the rest as in
`swann.nn.kernels._windows.Windows`.
"""

NEAR = 2**30
"""Added to the base of a vector whose elements do not follow each other, but are within two vectors from it on."""


def picks_from_two(element: Element, lanes: int) -> bool:
    """Return whether the processor picks the lanes of a vector from two others: AVX-512 does."""
    return lanes * ELEMENTS[element][2] == 64


@cache
def window_function(element: Element, lanes: int, reduction: Reduction) -> str:
    """Return a module with the function `tile`, which makes each element of a node's result of several of its map.

    The arguments are those of `swann.nn.kernels._assembly.tile_function`, `%first` the node's number, and `%indices`
    has the columns `WINDOWS`. What follows each other in the map is loaded at once, what is near by two loads, all else
    by a gather.

    Args:
        element: type of both maps.
        lanes: numbers in one vector.
        reduction: what is made of them.
    """
    code = Code()
    scalar, suffix, size = ELEMENTS[element]
    vector, mask, offsets_kind = (f"<{lanes} x {kind}>" for kind in (scalar, "i1", "i32"))
    index, pick = f"<{lanes} x i{8 * size}>", f"@llvm.x86.avx512.vpermi2var.p{'s' if size == 4 else 'd'}.512"
    code.lines += [
        f"declare {vector} @llvm.masked.gather.v{lanes}{suffix}.v{lanes}p0(<{lanes} x ptr>, i32, {mask}, {vector})",
        f"declare {vector} @llvm.maximum.v{lanes}{suffix}({vector}, {vector})",
        *([f"declare {vector} {pick}({vector}, {index}, {vector})"] if picks_from_two(element, lanes) else []),
        TILE,
        "entry:",
        f"  %total = alloca {vector}",
    ]
    columns = row_of(code, WINDOWS, "%indices")
    offsets, bases, scales = (code.value(f"inttoptr i64 {columns[name]} to ptr") for name in WINDOWS[3:])
    source = code.address("%operand", code.value("mul i64 %first, %stride"))
    nothing = code.splat(vector, literal(float("-inf") if reduction == "max" else 0.0, element))

    def two_vectors(offset: str, base: str) -> str:
        """Return elements within two vectors from a base on."""
        if not picks_from_two(element, lanes):
            return "poison"  # there are none
        first = code.value(f"sub i32 {base}, {NEAR}")
        numbers = code.value(f"sub {offsets_kind} {offset}, {code.splat(offsets_kind, first)}")
        if size == 8:
            numbers = code.value(f"sext {offsets_kind} {numbers} to {index}")
        begin = code.address(source, code.value(f"mul i64 {code.value(f'sext i32 {first} to i64')}, {size}"))
        low, high = (code.load(vector, begin, number * lanes * size, size) for number in range(2))
        return code.value(f"call {vector} {pick}({vector} {low}, {index} {numbers}, {vector} {high})")

    def met(number: str) -> str:
        """Return the elements that a vector's lanes meet."""
        offset = code.load(offsets_kind, offsets, code.value(f"mul i64 {number}, {lanes * 4}"), 4)
        inside = code.value(f"icmp sge {offsets_kind} {offset}, zeroinitializer")
        base = code.load("i32", bases, code.value(f"mul i64 {number}, 4"), 4)
        is_near = code.value(f"icmp sge i32 {base}, {NEAR}")
        code.do(f"br i1 {is_near}, label %near, label %far")
        code.lines.append("near:")
        picked = code.value(f"select {mask} {inside}, {vector} {two_vectors(offset, base)}, {vector} {nothing}")
        code.do("br label %found")
        code.lines.append("far:")
        code.do(f"br i1 {code.value(f'icmp eq i32 {base}, {SCATTERED}')}, label %scattered, label %together")
        code.lines.append("together:")
        begin = code.address(source, code.value(f"mul i64 {code.value(f'sext i32 {base} to i64')}, {size}"))
        loaded = code.masked_load(vector, inside, begin, size, nothing)
        code.do("br label %found")
        code.lines.append("scattered:")
        places = code.value(f"getelementptr {scalar}, ptr {source}, {offsets_kind} {offset}")
        gathered = code.value(
            f"call {vector} @llvm.masked.gather.v{lanes}{suffix}.v{lanes}p0(<{lanes} x ptr> {places}, i32 {size}, "
            f"{mask} {inside}, {vector} {nothing})"
        )
        code.do("br label %found")
        code.lines.append("found:")
        return code.value(f"phi {vector} [ {picked}, %near ], [ {loaded}, %together ], [ {gathered}, %scattered ]")

    with code.loop("0", columns["n_vectors"]) as position:
        if reduction == "copy":
            value = met(position)
        else:
            code.do(f"store {vector} {nothing}, ptr %total")
            with code.loop("0", columns["n_taps"]) as tap:
                number = code.value(f"add i64 {code.value(f'mul i64 {tap}, ' + columns['n_vectors'])}, {position}")
                found = met(number)
                before = code.value(f"load {vector}, ptr %total")
                if reduction == "max":
                    arguments = f"{vector} {before}, {vector} {found}"
                    total = code.value(f"call {vector} @llvm.maximum.v{lanes}{suffix}({arguments})")
                else:
                    total = code.value(f"fadd {vector} {before}, {found}")
                code.do(f"store {vector} {total}, ptr %total")
            value = code.value(f"load {vector}, ptr %total")
            if reduction == "mean":
                scale = code.load(vector, scales, code.value(f"mul i64 {position}, {lanes * size}"), size)
                value = code.value(f"fmul {vector} {value}, {scale}")
        place = code.address("%result", code.value(f"mul i64 {position}, {lanes * size}"))
        code.do(f"br i1 {code.value(f'icmp slt i64 {position}, ' + columns['n_full'])}, label %full, label %part")
        code.lines.append("full:")
        code.do(f"store {vector} {value}, ptr {place}, align {size}")
        code.do("br label %stored")
        code.lines.append("part:")
        offset = code.load(offsets_kind, offsets, code.value(f"mul i64 {position}, {lanes * 4}"), 4)
        counts = code.value(f"icmp sgt {offsets_kind} {offset}, {code.splat(offsets_kind, str(NOTHING))}")
        code.masked_store(vector, counts, value, place, size)
        code.do("br label %stored")
        code.lines.append("stored:")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)
