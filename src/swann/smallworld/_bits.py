"""Operations on rows of 64-bit words that numba's own loops do not turn into vector instructions."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

WORDS = 8
"""The number of 64-bit words in a row of the breadth-first search: 512 sources at once."""

_STRIDE = 16


@intrinsic
def count_bits(_context: Any, _word: Any) -> Any:
    """Return the number of bits set in a 64-bit word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def gather(
    _context: Any, frontier: Any, indices: Any, begin: Any, end: Any, wanted: Any, wanted_row: Any, seen: Any, new: Any,
    row: Any,
) -> Any:  # fmt: skip
    """Join the frontier rows of a node's neighbours and return how many bits are new to the node.

    In terms of sets, with `neighbours = indices[begin:end]`:
    `new[row] = (union of frontier[neighbours]) - seen[row]`, then `seen[row] |= new[row]`. The union ends early once
    it holds all of `wanted[wanted_row]`. Rows have `WORDS` words.
    """
    signature = types.int64(frontier, indices, begin, end, wanted, wanted_row, seen, new, row)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        vector = ir.VectorType(word, WORDS)

        def data(position: int) -> Any:
            return context.make_array(signature.args[position])(context, builder, arguments[position]).data

        def address(pointer: Any, number: Any) -> Any:
            first = builder.gep(pointer, [builder.mul(number, ir.Constant(word, WORDS))])
            return builder.bitcast(first, vector.as_pointer())

        def load(pointer: Any, number: Any) -> Any:
            return builder.load(address(pointer, number), align=8)

        def vector_function(name: str, result: Any) -> Any:
            function = ir.FunctionType(result, [vector])
            return cgutils.get_or_insert_function(builder.module, function, f"llvm.{name}.v{WORDS}i64")

        frontier_data, indices_data, wanted_data, seen_data, new_data = map(data, (0, 1, 4, 6, 7))
        begin, end, wanted_row, row = (arguments[position] for position in (2, 3, 5, 8))
        before = load(seen_data, row)
        target = load(wanted_data, wanted_row)
        union = cgutils.alloca_once_value(builder, before)
        position = cgutils.alloca_once_value(builder, begin)
        stride_end = cgutils.alloca_once(builder, word)
        blocks = {
            name: builder.append_basic_block(name) for name in ("more", "stride", "test", "join", "check", "done")
        }
        builder.branch(blocks["more"])

        builder.position_at_end(blocks["more"])
        builder.cbranch(builder.icmp_signed("<", builder.load(position), end), blocks["stride"], blocks["done"])

        builder.position_at_end(blocks["stride"])
        stop = builder.add(builder.load(position), ir.Constant(word, _STRIDE))
        builder.store(builder.select(builder.icmp_signed("<", stop, end), stop, end), stride_end)
        builder.branch(blocks["test"])

        builder.position_at_end(blocks["test"])
        inside = builder.icmp_signed("<", builder.load(position), builder.load(stride_end))
        builder.cbranch(inside, blocks["join"], blocks["check"])

        builder.position_at_end(blocks["join"])
        neighbour = builder.sext(builder.load(builder.gep(indices_data, [builder.load(position)])), word)
        builder.store(builder.or_(builder.load(union), load(frontier_data, neighbour)), union)
        builder.store(builder.add(builder.load(position), ir.Constant(word, 1)), position)
        builder.branch(blocks["test"])

        builder.position_at_end(blocks["check"])
        missing = builder.and_(target, builder.not_(builder.load(union)))
        any_missing = builder.call(vector_function("vector.reduce.or", word), [missing])
        complete = builder.icmp_unsigned("==", any_missing, ir.Constant(word, 0))
        builder.cbranch(complete, blocks["done"], blocks["more"])

        builder.position_at_end(blocks["done"])
        after = builder.load(union)
        added = builder.and_(after, builder.not_(before))
        builder.store(added, address(new_data, row), align=8)
        builder.store(after, address(seen_data, row), align=8)
        counts = builder.call(vector_function("ctpop", vector), [added])
        return builder.call(vector_function("vector.reduce.add", word), [counts])

    return signature, generate
