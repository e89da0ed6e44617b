"""Tile programs, and the loops around them, as LLVM assembly.

The loops take one pointer to a table of 64-bit integers, of which `TABLE`, `TASK`, `LINK` and `PROGRAM` name the
columns. Any number of threads may run one table at once; each takes the next task until none is left.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from ._tiles import TileProgram

Element = Literal["float32", "float64"]
Pass = Literal["forward", "input", "weight"]
"""The forward pass, the input gradient and the weight gradient."""

TABLE = ("next", "n_tasks", "tasks", "links")
"""The number of the next task, their number, and where tasks and links stand."""

TASK = ("first_link", "last_link", "step", "begin", "end")
"""From which link up to which, which step along the batch, from which node up to which."""

LINK = (
    *("result", "operand", "indptr", "indices", "weights", "order"),
    *("result_stride", "result_step", "operand_stride", "operand_step"),
    *("n_steps", "most_steps", "n_programs", "programs"),
)
"""Addresses; bytes between the maps of two nodes and of two steps; the number of steps, and how many of them a tile of
the weight gradient takes at a time; programs.
"""

PROGRAM = ("function", "n_tiles", "places")

_ELEMENTS: dict[str, tuple[str, str, int]] = {"float32": ("float", "f32", 4), "float64": ("double", "f64", 8)}
_LINE = 64
"""Bytes of a cache line."""

_CHAINS = 8
"""Sums that are to be in flight at once, so that no addition waits for the one before it."""


class _Code:
    """Lines of one module, with names for intermediate values."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.n_names = 0

    def name(self) -> str:
        self.n_names += 1
        return f"v{self.n_names}"

    def value(self, expression: str) -> str:
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {expression}")
        return name

    def declare(self, declaration: str) -> None:
        """Declare a function that LLVM knows, once."""
        if declaration not in self.lines:
            self.lines.insert(0, declaration)

    def do(self, statement: str) -> None:
        self.lines.append(f"  {statement}")

    def address(self, base: str, offset: int | str) -> str:
        return self.value(f"getelementptr i8, ptr {base}, i64 {offset}")

    def load(self, kind: str, base: str, offset: int | str, align: int) -> str:
        return self.value(f"load {kind}, ptr {self.address(base, offset)}, align {align}")

    def load_index(self, base: str, position: str) -> str:
        place = self.value(f"getelementptr i32, ptr {base}, i64 {position}")
        return self.value(f"zext i32 {self.value(f'load i32, ptr {place}, align 4')} to i64")

    def label(self, name: str) -> None:
        self.do(f"br label %{name}")
        self.lines.append(f"{name}:")

    @contextmanager
    def loop(self, begin: str, end: str) -> Iterator[str]:
        """Run the lines inside for each number from `begin` up to, but without, `end`."""
        name = self.name()
        counter = f"%{self.name()}"
        entry = self.lines.index("entry:") + 1  # room for it is made once, not in each turn of a loop around this one
        self.lines.insert(entry, f"  {counter} = alloca i64")
        self.do(f"store i64 {begin}, ptr {counter}")
        self.label(f"{name}test")
        number = self.value(f"load i64, ptr {counter}")
        self.do(f"br i1 {self.value(f'icmp slt i64 {number}, {end}')}, label %{name}body, label %{name}end")
        self.lines.append(f"{name}body:")
        yield number
        self.do(f"store i64 {self.value(f'add i64 {number}, 1')}, ptr {counter}")
        self.do(f"br label %{name}test")
        self.lines.append(f"{name}end:")


_Sums = dict[tuple[int, int], str]


def tile_function(program: TileProgram, element: Element, kind: Pass, n_taps: int) -> str:
    """Return a module with the function `tile`, which applies a program to all edges of one node.

    Its arguments are the tile in the result, the tile in the operand's first map, the bytes between two of the
    operand's maps, for each edge the operand's map and its weight, the weights' order (read for `"input"` alone), the
    node's first edge and the one after its last; for `"weight"` then the number of steps along the batch and the bytes
    of a step in result and operand. For `"weight"` the result is the gradient of the node's own map, which is read,
    and the products are added to the weights.
    """
    code = _Code()
    scalar, suffix, _ = _ELEMENTS[element]
    vector = f"<{program.lanes} x {scalar}>"
    code.lines.append(f"declare {vector} @llvm.fma.v{program.lanes}{suffix}({vector}, {vector}, {vector})")
    code.lines.append("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    steps = ", i64 %n_steps, i64 %result_step, i64 %operand_step" if kind == "weight" else ""
    code.lines.append(
        "define void @tile(ptr noalias %result, ptr noalias %operand, i64 %stride, ptr noalias %indices, "
        f"ptr noalias %weights, ptr noalias %order, i64 %first, i64 %last{steps}) {{"
    )
    code.lines.append("entry:")
    if kind == "weight":
        _weight_gradient(code, program, element, n_taps)
    else:
        _products(code, program, element, n_taps, ordered=kind == "input")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)


def _products(code: _Code, program: TileProgram, element: Element, n_taps: int, ordered: bool) -> None:
    scalar, _, size = _ELEMENTS[element]
    vector = f"<{program.lanes} x {scalar}>"
    n_chains = max(1, _CHAINS // len(program.outputs))
    chain_of: dict[tuple[int, int, int], int] = {}
    per_output: dict[int, int] = {}
    for product in program.products:
        chain_of[product] = per_output.get(product[0], 0) % n_chains
        per_output[product[0]] = per_output.get(product[0], 0) + 1
    keys = sorted({(product[0], chain) for product, chain in chain_of.items()})
    places = [code.address("%result", output * size) for output in program.outputs]
    starts = {key: code.value(f"load {vector}, ptr {places[key[0]]}, align {size}") for key in keys if key[1] == 0}

    fetched = {offset * size // _LINE: offset * size for _, _, offset in program.products} if program.fetches else {}

    def body(edge: str, sums: _Sums) -> _Sums:
        source = _operand_of(code, edge)
        number = code.load_index("%order", edge) if ordered else edge
        base = code.address("%weights", code.value(f"mul i64 {number}, {n_taps * size}"))
        weights = {tap: _splat(code, program, scalar, base, tap * size, size) for _, tap, _ in program.products}
        ahead = _operand_of(code, code.value(f"add i64 {edge}, 1")) if fetched else ""
        to_fetch = iter(fetched.values())
        operands: dict[int, str] = {}
        for product in program.products:
            accumulator, tap, offset = product
            if offset not in operands:
                place = next(to_fetch, None)
                if place is not None:
                    code.do(f"call void @llvm.prefetch.p0(ptr {code.address(ahead, place)}, i32 0, i32 3, i32 1)")
                operands[offset] = code.load(vector, source, offset * size, size)
            key = (accumulator, chain_of[product])
            sums[key] = _fma(code, program, element, weights[tap], operands[offset], sums[key])
        return sums

    initial = {key: starts.get(key, "zeroinitializer") for key in keys}
    sums = _summing_loop(code, vector, "%first", "%last", initial, body)
    for number, place in enumerate(places):
        total = sums[number, 0]
        for chain in range(1, n_chains):
            if (number, chain) in sums:
                total = code.value(f"fadd {vector} {total}, {sums[number, chain]}")
        code.do(f"store {vector} {total}, ptr {place}, align {size}")


def _weight_gradient(code: _Code, program: TileProgram, element: Element, n_taps: int) -> None:
    scalar, suffix, size = _ELEMENTS[element]
    vector = f"<{program.lanes} x {scalar}>"
    taps = sorted({tap for _, tap, _ in program.products})
    n_chains = max(1, _CHAINS // len(taps))
    keys = sorted({(tap, accumulator % n_chains) for accumulator, tap, _ in program.products})
    with code.loop("%first", "%last") as edge:
        source = _operand_of(code, edge)

        def body(step: str, sums: _Sums) -> _Sums:
            result_of_step = code.address("%result", code.value(f"mul i64 {step}, %result_step"))
            source_of_step = code.address(source, code.value(f"mul i64 {step}, %operand_step"))
            gradients: dict[int, str] = {}
            operands: dict[int, str] = {}
            for accumulator, tap, offset in program.products:
                if accumulator not in gradients:
                    place = program.outputs[accumulator] * size
                    gradients[accumulator] = code.load(vector, result_of_step, place, size)
                if offset not in operands:
                    operands[offset] = code.load(vector, source_of_step, offset * size, size)
                key = (tap, accumulator % n_chains)
                sums[key] = _fma(code, program, element, gradients[accumulator], operands[offset], sums[key])
            return sums

        sums = _summing_loop(code, vector, "0", "%n_steps", dict.fromkeys(keys, "zeroinitializer"), body)
        base = code.address("%weights", code.value(f"mul i64 {edge}, {n_taps * size}"))
        totals = []
        for tap in taps:
            of_tap = [sums[key] for key in keys if key[0] == tap]
            total = of_tap[0]
            for other in of_tap[1:]:
                total = code.value(f"fadd {vector} {total}, {other}")
            totals.append(total)
        for start, length in _runs(taps, program.lanes):
            place = code.address(base, taps[start] * size)
            several = f"<{length} x {scalar}>"
            before = code.value(f"load {several}, ptr {place}, align {size}")
            of_lanes = _lane_sums(code, scalar, suffix, program.lanes, totals[start : start + length])
            code.do(f"store {several} {code.value(f'fadd {several} {before}, {of_lanes}')}, ptr {place}, align {size}")


def _runs(taps: list[int], lanes: int) -> Iterator[tuple[int, int]]:
    """Cut taps into runs of neighbours whose sums can be made together, see `_lane_sums`; yield `(start, length)`."""
    start = 0
    while start < len(taps):
        length = 1
        while _is_power_of_two(lanes) and 2 * length <= min(lanes, len(taps) - start):
            if taps[start + 2 * length - 1] != taps[start] + 2 * length - 1:
                break
            length *= 2
        yield start, length
        start += length


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _lane_sums(code: _Code, scalar: str, suffix: str, lanes: int, vectors: list[str]) -> str:
    """Return a vector of the sums of vectors' lanes, of which there are one, or a power of two up to the lanes'.

    Neighbouring lanes of two vectors are added at a time, so that n vectors need n steps rather than n times log₂(n).
    """
    if not _is_power_of_two(lanes):
        vector, sum_of = f"<{lanes} x {scalar}>", f"@llvm.vector.reduce.fadd.v{lanes}{suffix}"
        code.declare(f"declare {scalar} {sum_of}({scalar}, {vector})")
        total = code.value(f"call reassoc {scalar} {sum_of}({scalar} -0.0, {vector} {vectors[0]})")
        return code.value(f"insertelement <1 x {scalar}> poison, {scalar} {total}, i64 0")
    n_sums = len(vectors)
    while len(vectors) > 1:
        pairs = zip(vectors[::2], vectors[1::2], strict=True)
        vectors = [_neighbour_sums(code, scalar, lanes, first, second) for first, second in pairs]
    (total,) = vectors
    while lanes > n_sums:
        total, lanes = _neighbour_sums(code, scalar, lanes, total), lanes // 2
    return total


def _neighbour_sums(code: _Code, scalar: str, lanes: int, first: str, second: str | None = None) -> str:
    """Return the sums of each two neighbouring lanes of one or two vectors."""
    kind = f"<{lanes} x {scalar}>"
    n_sums = lanes // 2 if second is None else lanes
    parts = []
    for offset in (0, 1):
        places = ", ".join(f"i32 {2 * number + offset}" for number in range(n_sums))
        parts.append(
            code.value(f"shufflevector {kind} {first}, {kind} {second or 'poison'}, <{n_sums} x i32> <{places}>")
        )
    return code.value(f"fadd <{n_sums} x {scalar}> {parts[0]}, {parts[1]}")


def _operand_of(code: _Code, edge: str) -> str:
    """Return the address of the map that an edge reads; the one after the last edge may be anywhere."""
    return code.address("%operand", code.value(f"mul i64 {code.load_index('%indices', edge)}, %stride"))


def _splat(code: _Code, program: TileProgram, scalar: str, base: str, offset: int, size: int) -> str:
    vector = f"<{program.lanes} x {scalar}>"
    first = code.value(f"insertelement {vector} poison, {scalar} {code.load(scalar, base, offset, size)}, i64 0")
    return code.value(f"shufflevector {vector} {first}, {vector} poison, <{program.lanes} x i32> zeroinitializer")


def _fma(code: _Code, program: TileProgram, element: Element, a: str, b: str, c: str) -> str:
    scalar, suffix, _ = _ELEMENTS[element]
    vector = f"<{program.lanes} x {scalar}>"
    return code.value(f"call {vector} @llvm.fma.v{program.lanes}{suffix}({vector} {a}, {vector} {b}, {vector} {c})")


def _summing_loop(
    code: _Code, vector: str, begin: str, end: str, initial: _Sums, body: Callable[[str, _Sums], _Sums]
) -> _Sums:
    """Run `body` for each number of a range that is not empty, the sums in registers, and return the last ones."""
    name = code.name()
    code.label(f"{name}entry")
    code.label(f"{name}body")
    opening = len(code.lines)
    number = f"%{code.name()}"
    phis = {key: f"%{code.name()}" for key in initial}
    sums = body(number, dict(phis))
    following = code.value(f"add i64 {number}, 1")
    more = code.value(f"icmp slt i64 {following}, {end}")
    code.do(f"br i1 {more}, label %{name}body, label %{name}end")
    entry, latch = f"%{name}entry", f"%{name}body"
    code.lines[opening:opening] = [
        f"  {number} = phi i64 [ {begin}, {entry} ], [ {following}, {latch} ]",
        *(f"  {phis[k]} = phi {vector} [ {initial[k]}, {entry} ], [ {sums[k]}, {latch} ]" for k in initial),
    ]
    code.lines.append(f"{name}end:")
    return sums


def run_function(kind: Pass) -> str:
    """Return a module with the function `run`, which works through a table with any programs' tiles.

    A task is a range of nodes at one step along the batch, for a range of links.
    """
    code = _Code()
    code.lines += ["declare i64 @llvm.smin.i64(i64, i64)", "define void @run(ptr %table) {", "entry:"]
    table = _row(code, TABLE, "%table")
    tasks, links = (code.value(f"inttoptr i64 {table[name]} to ptr") for name in ("tasks", "links"))
    code.label("take")
    number = code.value("atomicrmw add ptr %table, i64 1 monotonic")
    is_left = code.value(f"icmp slt i64 {number}, {table['n_tasks']}")
    code.do(f"br i1 {is_left}, label %work, label %finish")
    code.lines.append("work:")
    task = _row(code, TASK, _row_address(code, TASK, tasks, number))
    with code.loop(task["first_link"], task["last_link"]) as position:
        link = _row(code, LINK, _row_address(code, LINK, links, position))
        pointers = {name: code.value(f"inttoptr i64 {link[name]} to ptr") for name in (*LINK[:6], "programs")}
        result, operand = (
            code.address(pointers[name], code.value(f"mul i64 {task['step']}, {link[f'{name}_step']}"))
            for name in ("result", "operand")
        )
        with code.loop("0", link["n_programs"]) as which:
            program = _row(code, PROGRAM, _row_address(code, PROGRAM, pointers["programs"], which))
            if kind == "weight":
                beyond = code.value(f"add i64 {link['n_steps']}, {link['most_steps']}")
                n_parts = code.value(f"sdiv i64 {code.value(f'sub i64 {beyond}, 1')}, {link['most_steps']}")
                with code.loop("0", n_parts) as part:
                    first_step = code.value(f"mul i64 {part}, {link['most_steps']}")
                    left = code.value(f"sub i64 {link['n_steps']}, {first_step}")
                    n_steps = code.value(f"call i64 @llvm.smin.i64(i64 {left}, i64 {link['most_steps']})")
                    begins = [
                        code.address(base, code.value(f"mul i64 {first_step}, {link[f'{name}_step']}"))
                        for name, base in (("result", result), ("operand", operand))
                    ]
                    more = f", i64 {n_steps}, i64 {link['result_step']}, i64 {link['operand_step']}"
                    _tile_loop(code, program, task, link, pointers, begins[0], begins[1], more)
            else:
                _tile_loop(code, program, task, link, pointers, result, operand, "")
    code.do("br label %take")
    code.lines += ["finish:", "  ret void", "}"]
    return "\n".join(code.lines)


def _tile_loop(
    code: _Code,
    program: dict[str, str],
    task: dict[str, str],
    link: dict[str, str],
    pointers: dict[str, str],
    result: str,
    operand: str,
    more: str,
) -> None:
    """Call a program's function for each of its tiles and each node of the task that has edges."""
    function, places = (code.value(f"inttoptr i64 {program[name]} to ptr") for name in ("function", "places"))
    with code.loop("0", program["n_tiles"]) as tile:
        place = code.address(places, code.value(f"mul i64 {tile}, 16"))
        operand_tile = code.address(operand, code.load("i64", place, 0, 8))
        result_tile = code.address(result, code.load("i64", place, 8, 8))
        with code.loop(task["begin"], task["end"]) as node:
            first = code.load_index(pointers["indptr"], node)
            last = code.load_index(pointers["indptr"], code.value(f"add i64 {node}, 1"))
            of_node = code.address(result_tile, code.value(f"mul i64 {node}, {link['result_stride']}"))
            name = code.name()
            has_edges = code.value(f"icmp slt i64 {first}, {last}")
            code.do(f"br i1 {has_edges}, label %{name}call, label %{name}skip")
            code.lines.append(f"{name}call:")
            code.do(
                f"call void {function}(ptr {of_node}, ptr {operand_tile}, i64 {link['operand_stride']}, "
                f"ptr {pointers['indices']}, ptr {pointers['weights']}, ptr {pointers['order']}, "
                f"i64 {first}, i64 {last}{more})"
            )
            code.label(f"{name}skip")


def _row(code: _Code, columns: tuple[str, ...], row: str) -> dict[str, str]:
    """Load the numbers of a row by their names, but for the one that other threads change."""
    return {name: code.load("i64", row, 8 * number, 8) for number, name in enumerate(columns) if name != "next"}


def _row_address(code: _Code, columns: tuple[str, ...], rows: str, number: str) -> str:
    return code.address(rows, code.value(f"mul i64 {number}, {8 * len(columns)}"))


GATHER_TABLE = ("next", "n_nodes", "source", "source_stride", "result", "offsets", "n_offsets")


def gather_function(element: Element, lanes: int) -> str:
    """Return a module with the function `gather`, which copies places of each node's map, or zeros, in any order.

    A task is a node. The table's offsets are 32-bit numbers of elements, -1 for a zero; there are at least as many as
    lanes, and the last lanes may be copied twice.
    """
    scalar, suffix, size = _ELEMENTS[element]
    code = _Code()
    kinds = {name: f"<{lanes} x {name}>" for name in (scalar, "i32", "i1", "ptr")}
    masked_gather = f"@llvm.masked.gather.v{lanes}{suffix}.v{lanes}p0"
    code.lines += [
        f"declare {kinds[scalar]} {masked_gather}({kinds['ptr']}, i32, {kinds['i1']}, {kinds[scalar]})",
        "declare i64 @llvm.smin.i64(i64, i64)",
        "define void @gather(ptr %table) {",
        "entry:",
    ]
    columns = _row(code, GATHER_TABLE, "%table")
    source, result, offsets = (
        code.value(f"inttoptr i64 {columns[name]} to ptr") for name in ("source", "result", "offsets")
    )
    n_bytes = code.value(f"mul i64 {columns['n_offsets']}, {size}")
    last = code.value(f"sub i64 {columns['n_offsets']}, {lanes}")
    n_vectors = code.value(f"sdiv i64 {code.value(f'add i64 {last}, {2 * lanes - 1}')}, {lanes}")
    code.label("take")
    node = code.value("atomicrmw add ptr %table, i64 1 monotonic")
    is_left = code.value(f"icmp slt i64 {node}, {columns['n_nodes']}")
    code.do(f"br i1 {is_left}, label %work, label %finish")
    code.lines.append("work:")
    of_node = code.address(source, code.value(f"mul i64 {node}, {columns['source_stride']}"))
    result_of_node = code.address(result, code.value(f"mul i64 {node}, {n_bytes}"))
    with code.loop("0", n_vectors) as number:
        following = code.value(f"mul i64 {number}, {lanes}")
        first = code.value(f"call i64 @llvm.smin.i64(i64 {following}, i64 {last})")
        offset = code.load(kinds["i32"], offsets, code.value(f"mul i64 {first}, 4"), 4)
        inside = code.value(f"icmp sge {kinds['i32']} {offset}, zeroinitializer")
        operands = code.value(f"getelementptr {scalar}, ptr {of_node}, {kinds['i32']} {offset}")
        value = code.value(
            f"call {kinds[scalar]} {masked_gather}({kinds['ptr']} {operands}, i32 {size}, "
            f"{kinds['i1']} {inside}, {kinds[scalar]} zeroinitializer)"
        )
        end = code.address(result_of_node, code.value(f"mul i64 {first}, {size}"))
        code.do(f"store {kinds[scalar]} {value}, ptr {end}, align {size}")
    code.do("br label %take")
    code.lines += ["finish:", "  ret void", "}"]
    return "\n".join(code.lines)
