"""Tile programs, and the loops around them, as LLVM assembly.

The loops take one pointer to a table of 64-bit integers, of which `TABLE`, `TASK`, `LINK` and `PROGRAM` name the
columns. Any number of threads may run one table at once; each takes the next task until none is left.
"""

import math
from collections.abc import Callable
from typing import Literal

from ._code import (
    ELEMENTS,
    STORED,
    TILE_ARGUMENTS,
    Code,
    Element,
    Stored,
    each_task,
    fetch_ahead,
    lane_sums,
    row_address,
    row_of,
    runs,
)
from ._compile import can_mask
from ._tiles import TileProgram

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

_LINE = 64
"""Bytes of a cache line."""

CHAINS = 8
"""Sums that are to be in flight at once, so that no addition waits for the one before it."""


Sums = dict[tuple[int, ...], str]


def tile_function(program: TileProgram, element: Element, kind: Pass, n_taps: int, stored: Stored | None = None) -> str:
    """Return a module with the function `tile`, which applies a program to all edges of one node.

    Its arguments are the tile in the result, the tile in the operand's first map, the bytes between two of the
    operand's maps, for each edge the operand's map and its weight, the weights' order (read for `"input"` alone), the
    node's first edge and the one after its last; for `"weight"` then the number of steps along the batch and the bytes
    of a step in result and operand. For `"weight"` the result is the gradient of the node's own map, which is read,
    and the products are added to the weights.

    Args:
        program: the tile's.
        element: type of the maps.
        kind: the pass.
        n_taps: weights of one edge.
        stored: type of the weights in a forward pass; that of the maps if None.
    """
    code = Code()
    scalar, suffix, _ = ELEMENTS[element]
    vector = _vector(program, scalar)
    code.lines.append(f"declare {vector} @llvm.fma.v{_width(program)}{suffix}({vector}, {vector}, {vector})")
    code.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    code.lines += [tile_opening(kind), "entry:"]
    if kind == "weight":
        _weight_gradient(code, program, element, n_taps)
    else:
        _products(code, program, element, stored or element, n_taps, ordered=kind == "input")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)


def tile_opening(kind: Pass, more: str = "") -> str:
    """Return the line with which the function `tile` of a pass begins, with more arguments unless for weights."""
    if kind == "weight":
        more = "i64 %n_steps, i64 %result_step, i64 %operand_step"
    return f"define void @tile({TILE_ARGUMENTS}{', ' if more else ''}{more}) {{"


def _products(code: Code, program: TileProgram, element: Element, stored: Stored, n_taps: int, ordered: bool) -> None:
    scalar, _, size = ELEMENTS[element]
    weight_kind, _, weight_size = STORED[stored]
    vector = _vector(program, scalar)
    n_chains = max(1, CHAINS // len(program.outputs))
    terms = in_chains(program, n_chains)
    keys = sorted({key for key, _, _ in terms})
    places = [code.address("%result", output * size) for output in program.outputs]
    starts = {key: code.load_part(vector, program.lanes, places[key[0]], 0, size) for key in keys if key[1] == 0}

    fetched = {offset * size // _LINE: offset * size for _, _, offset in program.products} if program.fetches else {}

    def body(edge: str, sums: Sums) -> Sums:
        source = _operand_of(code, edge)
        number = code.load_index("%order", edge) if ordered else edge
        base = code.address("%weights", code.value(f"mul i64 {number}, {n_taps * weight_size}"))
        if program.streams:
            fetch_ahead(code, base)
        loaded = {tap: code.load(weight_kind, base, tap * weight_size, weight_size) for _, tap, _ in program.products}
        weights = {tap: code.splat(vector, code.widened(weight, weight_kind, scalar)) for tap, weight in loaded.items()}
        ahead = _operand_of(code, code.value(f"add i64 {edge}, 1")) if fetched else ""
        to_fetch = iter(fetched.values())
        operands: dict[int, str] = {}
        for key, tap, offset in terms:
            if offset not in operands:
                place = next(to_fetch, None)
                if place is not None:
                    code.do(f"call void @llvm.prefetch.p0(ptr {code.address(ahead, place)}, i32 0, i32 3, i32 1)")
                operands[offset] = code.load_part(vector, program.lanes, source, offset * size, size)
            sums[key] = _fma(code, program, element, weights[tap], operands[offset], sums[key])
        return sums

    initial: Sums = {key: starts.get(key, "zeroinitializer") for key in keys}
    sums = summing_loop(code, vector, "%first", "%last", initial, body)
    for number, place in enumerate(places):
        total = sum_of_chains(code, vector, [sums[key] for key in keys if key[0] == number])
        code.store_part(vector, program.lanes, total, place, size)


def _weight_gradient(code: Code, program: TileProgram, element: Element, n_taps: int) -> None:
    def added(total: str, gradient: str, operand: str) -> str:
        return _fma(code, program, element, gradient, operand, total)

    weight_sums(code, program, element, n_taps, _vector(program, ELEMENTS[element][0]), added)


def weight_sums(
    code: Code, program: TileProgram, element: Element, n_taps: int, loaded: str, added: Callable[[str, str, str], str]
) -> None:
    """Add to all weights of a node's edges what one tile of the maps at their ends contributes.

    Args:
        code: where it is written.
        program: the tile's.
        element: type of the weights and the sums.
        n_taps: weights of one edge.
        loaded: the type of the vectors in which the maps are read, as many lanes as the sums'.
        added: returns a sum to which the products of two such vectors are added: of the gradient and the operand.
    """
    scalar, suffix, size = ELEMENTS[element]
    vector = _vector(program, scalar)
    taps = sorted({tap for _, tap, _ in program.products})
    n_chains = max(1, CHAINS // len(taps))
    keys = sorted({(tap, accumulator % n_chains) for accumulator, tap, _ in program.products})
    with code.loop("%first", "%last") as edge:
        source = _operand_of(code, edge)

        def body(step: str, sums: Sums) -> Sums:
            result_of_step = code.address("%result", code.value(f"mul i64 {step}, %result_step"))
            source_of_step = code.address(source, code.value(f"mul i64 {step}, %operand_step"))
            gradients: dict[int, str] = {}
            operands: dict[int, str] = {}
            for accumulator, tap, offset in program.products:
                if accumulator not in gradients:
                    place = program.outputs[accumulator] * size
                    gradients[accumulator] = code.load_part(loaded, program.lanes, result_of_step, place, size)
                if offset not in operands:
                    operands[offset] = code.load_part(loaded, program.lanes, source_of_step, offset * size, size)
                key = (tap, accumulator % n_chains)
                sums[key] = added(sums[key], gradients[accumulator], operands[offset])
            return sums

        sums = summing_loop(code, vector, "0", "%n_steps", dict.fromkeys(keys, "zeroinitializer"), body)
        base = code.address("%weights", code.value(f"mul i64 {edge}, {n_taps * size}"))
        totals = [sum_of_chains(code, vector, [sums[key] for key in keys if key[0] == tap]) for tap in taps]
        for start, length in runs(taps, _width(program)):
            place = code.address(base, taps[start] * size)
            several = f"<{length} x {scalar}>"
            before = code.value(f"load {several}, ptr {place}, align {size}")
            of_lanes = lane_sums(code, scalar, suffix, _width(program), totals[start : start + length])
            code.do(f"store {several} {code.value(f'fadd {several} {before}, {of_lanes}')}, ptr {place}, align {size}")


def _width(program: TileProgram) -> int:
    """Return how many lanes vectors have: a power of two, of which the processor leaves out those beyond the tile's."""
    return 2 ** math.ceil(math.log2(program.lanes)) if can_mask() else program.lanes


def _vector(program: TileProgram, scalar: str) -> str:
    return f"<{_width(program)} x {scalar}>"


def _operand_of(code: Code, edge: str) -> str:
    """Return the address of the map that an edge reads; the one after the last edge may be anywhere."""
    return code.address("%operand", code.value(f"mul i64 {code.load_index('%indices', edge)}, %stride"))


def _fma(code: Code, program: TileProgram, element: Element, a: str, b: str, c: str) -> str:
    scalar, suffix, _ = ELEMENTS[element]
    vector = _vector(program, scalar)
    return code.value(f"call {vector} @llvm.fma.v{_width(program)}{suffix}({vector} {a}, {vector} {b}, {vector} {c})")


def summing_loop(
    code: Code, vector: str, begin: str, end: str, initial: Sums, body: Callable[[str, Sums], Sums], step: int = 1
) -> Sums:
    """Run `body` for each number of a range that is not empty, the sums in registers, and return the last ones."""
    name = code.name()
    code.label(f"{name}entry")
    code.label(f"{name}body")
    number = f"%{code.name()}"
    phis = {key: f"%{code.name()}" for key in initial}
    sums = body(number, dict(phis))
    following = code.value(f"add i64 {number}, {step}")
    more = code.value(f"icmp slt i64 {following}, {end}")
    code.do(f"br i1 {more}, label %{name}body, label %{name}end")
    entry, latch = f"%{name}entry", f"%{name}body"
    opening = code.lines.index(f"{name}body:") + 1  # the body may have declared something at the top
    code.lines[opening:opening] = [
        f"  {number} = phi i64 [ {begin}, {entry} ], [ {following}, {latch} ]",
        *(f"  {phis[k]} = phi {vector} [ {initial[k]}, {entry} ], [ {sums[k]}, {latch} ]" for k in initial),
    ]
    code.lines.append(f"{name}end:")
    return sums


def in_chains(program: TileProgram, n_chains: int) -> list[tuple[tuple[int, int], int, int]]:
    """Return for each product its accumulator with one of some chains, in turn, its tap and the operand's offset."""
    terms = []
    so_far = [0] * len(program.outputs)
    for accumulator, tap, offset in program.products:
        terms.append(((accumulator, so_far[accumulator] % n_chains), tap, offset))
        so_far[accumulator] += 1
    return terms


def sum_of_chains(code: Code, vector: str, chains: list[str]) -> str:
    """Return the sum of vectors."""
    total = chains[0]
    for other in chains[1:]:
        total = code.value(f"fadd {vector} {total}, {other}")
    return total


def run_function(kind: Pass, *, halves: bool = False) -> str:
    """Return a module with the function `run`, which works through a table with any programs' tiles.

    A task is a range of nodes at one step along the batch, for a range of links.

    Args:
        kind: the pass.
        halves: whether the programs are those of `swann.nn.kernels._half_assembly`, whose steps are of two blocks.
    """
    code = Code()
    code.lines += ["declare i64 @llvm.smin.i64(i64, i64)", "define void @run(ptr %table) {", "entry:"]
    table = row_of(code, TABLE, "%table")
    tasks, links = (code.value(f"inttoptr i64 {table[name]} to ptr") for name in ("tasks", "links"))
    with each_task(code, table["n_tasks"]) as number:
        task = row_of(code, TASK, row_address(code, TASK, tasks, number))
        with code.loop(task["first_link"], task["last_link"]) as position:
            link = row_of(code, LINK, row_address(code, LINK, links, position))
            pointers = {name: code.value(f"inttoptr i64 {link[name]} to ptr") for name in (*LINK[:6], "programs")}
            result, operand = (
                code.address(pointers[name], code.value(f"mul i64 {task['step']}, {link[f'{name}_step']}"))
                for name in ("result", "operand")
            )
            with code.loop("0", link["n_programs"]) as which:
                program = row_of(code, PROGRAM, row_address(code, PROGRAM, pointers["programs"], which))
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
                    of_block = code.value(f"sdiv i64 {link['result_step']}, 2") if halves else ""
                    more = f", i64 {of_block}" if halves else ""
                    _tile_loop(code, program, task, link, pointers, result, operand, more)
    return "\n".join(code.lines)


def _tile_loop(
    code: Code,
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
