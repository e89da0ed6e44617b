from collections.abc import Sequence

from ._assembly import CHAINS
from ._code import ELEMENTS, STORED, TILE, Code, Element, Stored, fetch_ahead, lane_sums, runs


def pair_function(
    vectors: Sequence[Sequence[tuple[int, int] | None]], n_taps: int, element: Element, stored: Stored | None = None
) -> str:
    """Return a module with the function `tile`, which adds all edges of one node to few places of a result.

    Each lane of a vector has one product of its own: of one of the edge's weights and what it meets in the source for
    one place of the result. So few places need as many vectors as there are products to fill them. The lanes of each
    place are summed once for each node. The arguments are those of `swann.nn.kernels._assembly.tile_function` in a
    forward pass; the operand holds what each lane meets.

    Args:
        vectors: for each vector and each of its lanes `(place, tap)`, or None where there is no product, for which the
            operand holds a zero; the taps of one vector are within as many neighbours as there are lanes, counted from
            a multiple of them.
        n_taps: weights of one edge.
        element: type of the maps.
        stored: type of the weights; that of the maps if None.
    """
    code = Code()
    scalar, suffix, size = ELEMENTS[element]
    weight_scalar, _, weight_size = STORED[stored or element]
    lanes = len(vectors[0])
    vector, several_weights = (f"<{lanes} x {name}>" for name in (scalar, weight_scalar))
    fma = f"@llvm.fma.v{lanes}{suffix}"
    code.lines += [
        f"declare {vector} {fma}({vector}, {vector}, {vector})",
        TILE,
        "entry:",
    ]
    n_chains = max(1, CHAINS // len(vectors))
    sums = [[f"%sum{number}of{chain}" for number in range(len(vectors))] for chain in range(n_chains)]
    for address in (address for of_chain in sums for address in of_chain):
        code.do(f"{address} = alloca {vector}")
        code.do(f"store {vector} zeroinitializer, ptr {address}")

    def load_weights(edge: str, chunk: int) -> str:
        place = code.address("%weights", code.value(f"mul i64 {edge}, {n_taps * weight_size}"))
        if not chunk:
            fetch_ahead(code, place)
        n_read = min(lanes, n_taps - chunk * lanes)
        loaded = code.load_part(several_weights, n_read, place, chunk * lanes * weight_size, weight_size)
        return code.widened(loaded, several_weights, vector)

    def add(edge: str, places: Sequence[str]) -> None:
        source = code.address("%operand", code.value(f"mul i64 {code.load_index('%indices', edge)}, %stride"))
        weights: dict[int, str] = {}
        for number, (pairs, place) in enumerate(zip(vectors, places, strict=True)):
            chunk = next(pair[1] for pair in pairs if pair is not None) // lanes
            if chunk not in weights:
                weights[chunk] = load_weights(edge, chunk)
            of_lanes = code.picked(
                vector, weights[chunk], [None if pair is None else pair[1] % lanes for pair in pairs]
            )
            met = code.load(vector, source, number * lanes * size, size)
            before = code.value(f"load {vector}, ptr {place}")
            total = code.value(f"call {vector} {fma}({vector} {of_lanes}, {vector} {met}, {vector} {before})")
            code.do(f"store {vector} {total}, ptr {place}")

    n_rounds = code.value(f"sdiv i64 {code.value('sub i64 %last, %first')}, {n_chains}")
    with code.loop("0", n_rounds) as number:
        begin = code.value(f"add i64 %first, {code.value(f'mul i64 {number}, {n_chains}')}")
        for chain, places in enumerate(sums):
            add(code.value(f"add i64 {begin}, {chain}"), places)
    rest = code.value(f"add i64 %first, {code.value(f'mul i64 {n_rounds}, {n_chains}')}")
    with code.loop(rest, "%last") as edge:
        add(edge, sums[0])
    totals = [code.sum_of(vector, [of_chain[number] for of_chain in sums]) for number in range(len(vectors))]
    n_places = 1 + max(pair[0] for pairs in vectors for pair in pairs if pair is not None)
    of_places = []
    for place in range(n_places):
        parts = [
            code.picked(
                vector,
                total,
                [lane if pair is not None and pair[0] == place else None for lane, pair in enumerate(pairs)],
            )
            for total, pairs in zip(totals, vectors, strict=True)
        ]
        found = parts[0]
        for part in parts[1:]:
            found = code.value(f"fadd {vector} {found}, {part}")
        of_places.append(found)
    for start, length in runs(list(range(n_places)), lanes):
        address = code.address("%result", start * size)
        several = f"<{length} x {scalar}>"
        before = code.value(f"load {several}, ptr {address}, align {size}")
        added = lane_sums(code, scalar, suffix, lanes, of_places[start : start + length])
        code.do(f"store {several} {code.value(f'fadd {several} {before}, {added}')}, ptr {address}, align {size}")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)
