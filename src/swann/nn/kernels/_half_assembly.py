"""Tile programs whose products are of bfloat16, two at a time, and whose sums are of float32 (AVX-512 BF16).

One instruction adds the products of two neighbours in each 32-bit lane. Maps stand in *halves*: a lane has a sample of
one block of 16 and one of the next block, see `swann.nn.kernels._halves`. The weight gradient multiplies them as they
are; the other passes take two edges of a node at once and put their maps' numbers beside each other, first those of one
block, then those of the other. Subnormal numbers count as zeros.
"""

from collections.abc import Sequence

from ._assembly import CHAINS, Pass, Sums, in_chains, sum_of_chains, summing_loop, tile_opening, weight_sums
from ._code import Code, first_lanes
from ._tiles import TileProgram

HALF_LANES = 16
"""Lanes of a vector."""

LANE_BYTES = 4
"""Bytes of a lane."""

_VECTOR, _INTEGERS, _MASK = (f"<{HALF_LANES} x {kind}>" for kind in ("float", "i32", "i1"))
_HALVES = f"<{2 * HALF_LANES} x bfloat>"
_ROUND = "@llvm.x86.avx512bf16.cvtne2ps2bf16.512"
_ADD = "@llvm.x86.avx512bf16.dpbf16ps.512"


def half_function(program: TileProgram, kind: Pass, n_taps: int) -> str:
    """Return a module with the function `tile`, see `swann.nn.kernels._assembly.tile_function`.

    The operand is in halves; for the weight gradient the result too, and a step is of two blocks. In the other passes
    the results of the two blocks are `%block` bytes apart.

    Args:
        program: the tile's, of 16 lanes.
        kind: the pass.
        n_taps: weights of one edge.
    """
    code = Code()
    code.declare(f"declare {_VECTOR} {_ADD}({_VECTOR}, {_HALVES}, {_HALVES})")
    code.lines += [tile_opening(kind, "i64 %block"), "entry:"]
    if kind == "weight":
        _weight_gradient(code, program, n_taps)
    else:
        _products(code, program, n_taps, ordered=kind == "input")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)


def _products(code: Code, program: TileProgram, n_taps: int, *, ordered: bool) -> None:
    n_chains = max(1, CHAINS // (2 * len(program.outputs)))
    bases = "%result", code.address("%result", "%block")
    terms = in_chains(program, n_chains)
    keys = sorted({(*key, block) for key, _, _ in terms for block in (0, 1)})
    n_vectors = -(-n_taps // HALF_LANES)
    space = code.variable(f"[{n_vectors * HALF_LANES} x i32], align 64")

    def body(edge: str, sums: Sums) -> Sums:
        following = code.value(f"add i64 {edge}, 1")
        is_one = code.value(f"icmp slt i64 {following}, %last")
        is_there = code.splat(_MASK, is_one)
        edges = [edge, code.value(f"select i1 {is_one}, i64 {following}, i64 {edge}")]
        first, second = _addresses(code, [code.load_index("%indices", each) for each in edges], "%operand", "%stride")
        numbers = [code.load_index("%order", each) for each in edges] if ordered else edges
        of_first, of_second = _addresses(code, numbers, "%weights", n_taps * LANE_BYTES)
        for start in range(0, n_taps, HALF_LANES):
            kept = code.address(space, start * LANE_BYTES)
            weights_of_both = _halved(code, of_first, of_second, start * LANE_BYTES, n_taps - start, is_there)
            code.do(f"store {_INTEGERS} {weights_of_both}, ptr {kept}, align 64")
        loaded = {tap: code.load("i32", space, tap * LANE_BYTES, LANE_BYTES) for _, tap, _ in terms}
        weights = {tap: _as_halves(code, code.splat(_INTEGERS, weight)) for tap, weight in loaded.items()}
        operands: dict[int, tuple[str, str]] = {}
        for key, tap, offset in terms:
            if offset not in operands:
                of_first = code.load(_INTEGERS, first, offset * LANE_BYTES, LANE_BYTES)
                place = code.address(second, offset * LANE_BYTES)
                of_second = code.masked_load(_INTEGERS, is_there, place, LANE_BYTES)
                operands[offset] = _by_block(code, of_first, of_second)
            for block in (0, 1):
                sums[*key, block] = _added(code, sums[*key, block], operands[offset][block], weights[tap])
        return sums

    places = {key: code.address(bases[key[2]], program.outputs[key[0]] * LANE_BYTES) for key in keys if key[1] == 0}
    starts = {key: code.load(_VECTOR, place, 0, LANE_BYTES) for key, place in places.items()}
    initial: Sums = {key: starts.get(key, "zeroinitializer") for key in keys}
    sums = summing_loop(code, _VECTOR, "%first", "%last", initial, body, step=2)
    for (number, _, block), place in places.items():
        total = sum_of_chains(code, _VECTOR, [sums[key] for key in keys if (key[0], key[2]) == (number, block)])
        code.do(f"store {_VECTOR} {total}, ptr {place}, align {LANE_BYTES}")


def _addresses(code: Code, numbers: Sequence[str], base: str, step: int | str) -> list[str]:
    return [code.address(base, code.value(f"mul i64 {number}, {step}")) for number in numbers]


def _halved(code: Code, first: str, second: str, offset: int, n_numbers: int, is_there: str) -> str:
    """Return numbers at two addresses in bfloat16, beside each other; zeros for the second where it is not there."""
    inside = first_lanes(HALF_LANES, n_numbers)
    masks = inside, code.value(f"and {_MASK} {inside}, {is_there}")
    found = [
        code.masked_load(_VECTOR, mask, code.address(base, offset), LANE_BYTES)
        for base, mask in zip((first, second), masks, strict=True)
    ]
    return halved_vectors(code, *found)


def _by_block(code: Code, first: str, second: str) -> tuple[str, str]:
    """Return the numbers of two maps in turns, those of one block and those of the other."""
    first, second = _as_halves(code, first), _as_halves(code, second)
    found = []
    for block in (0, 1):
        numbers = (2 * lane + block + 2 * HALF_LANES * edge for lane in range(HALF_LANES) for edge in (0, 1))
        places = ", ".join(f"i32 {number}" for number in numbers)
        both = f"shufflevector {_HALVES} {first}, {_HALVES} {second}, <{2 * HALF_LANES} x i32> <{places}>"
        found.append(code.value(both))
    return found[0], found[1]


def _weight_gradient(code: Code, program: TileProgram, n_taps: int) -> None:
    def added(total: str, first: str, second: str) -> str:
        return _added(code, total, _as_halves(code, first), _as_halves(code, second))

    weight_sums(code, program, "float32", n_taps, _INTEGERS, added)


def halved_vectors(code: Code, first: str, second: str) -> str:
    """Return two vectors of float32 in bfloat16, a number of both in each lane."""
    code.declare(f"declare {_HALVES} {_ROUND}({_VECTOR}, {_VECTOR})")
    in_a_row = code.value(f"call {_HALVES} {_ROUND}({_VECTOR} {second}, {_VECTOR} {first})")
    places = ", ".join(f"i32 {number}" for lane in range(HALF_LANES) for number in (lane, lane + HALF_LANES))
    in_turns = f"shufflevector {_HALVES} {in_a_row}, {_HALVES} poison, <{2 * HALF_LANES} x i32> <{places}>"
    return code.value(f"bitcast {_HALVES} {code.value(in_turns)} to {_INTEGERS}")


def _as_halves(code: Code, integers: str) -> str:
    return code.value(f"bitcast {_INTEGERS} {integers} to {_HALVES}")


def _added(code: Code, total: str, first: str, second: str) -> str:
    """Return sums to which the two products in each lane are added."""
    return code.value(f"call {_VECTOR} {_ADD}({_VECTOR} {total}, {_HALVES} {first}, {_HALVES} {second})")
