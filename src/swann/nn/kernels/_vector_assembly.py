from collections.abc import Sequence

from ._assembly import CHAINS
from ._code import ELEMENTS, STORED, TILE, Code, Element, Stored, fetch_ahead


def vector_function(
    picked: Sequence[Sequence[int | None]], n_places: int, element: Element, stored: Stored | None = None
) -> str:
    """Return a module with the function `tile`, which adds all edges of one node where a vector holds a whole map.

    An edge's map is loaded once; for each tap what the places meet is picked from it in registers. The arguments are
    those of `swann.nn.kernels._assembly.tile_function` in a forward pass.

    Args:
        picked: for each tap the lane that each place reads, None in the padding; as many as lanes.
        n_places: of the result, those of all samples.
        element: type of the maps.
        stored: type of the weights; that of the maps if None.
    """
    code = Code()
    scalar, suffix, size = ELEMENTS[element]
    weight_kind, _, weight_size = STORED[stored or element]
    lanes, n_taps = len(picked[0]), len(picked)
    vector, of_places = f"<{lanes} x {scalar}>", f"<{n_places} x {scalar}>"
    fma = f"@llvm.fma.v{lanes}{suffix}"
    code.lines += [
        f"declare {vector} {fma}({vector}, {vector}, {vector})",
        TILE,
        "entry:",
    ]
    sums = [f"%sum{chain}" for chain in range(min(CHAINS, n_taps))]
    for place in sums:
        code.do(f"{place} = alloca {vector}")
        code.do(f"store {vector} zeroinitializer, ptr {place}")
    with code.loop("%first", "%last") as edge:
        weights = code.address("%weights", code.value(f"mul i64 {edge}, {n_taps * weight_size}"))
        fetch_ahead(code, weights)
        source = code.address("%operand", code.value(f"mul i64 {code.load_index('%indices', edge)}, %stride"))
        whole = code.load(vector, source, 0, size)
        for tap, lanes_of in enumerate(picked):
            met = code.picked(vector, whole, lanes_of)
            weight = code.load(weight_kind, weights, tap * weight_size, weight_size)
            weight = code.splat(vector, code.widened(weight, weight_kind, scalar))
            place = sums[tap % len(sums)]
            before = code.value(f"load {vector}, ptr {place}")
            total = code.value(f"call {vector} {fma}({vector} {weight}, {vector} {met}, {vector} {before})")
            code.do(f"store {vector} {total}, ptr {place}")
    total = code.sum_of(vector, sums)
    numbers = ", ".join(f"i32 {lane}" for lane in range(n_places))
    added = code.value(f"shufflevector {vector} {total}, {vector} poison, <{n_places} x i32> <{numbers}>")
    before = code.value(f"load {of_places}, ptr %result, align {size}")
    code.do(f"store {of_places} {code.value(f'fadd {of_places} {before}, {added}')}, ptr %result, align {size}")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)
