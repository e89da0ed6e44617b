from ._code import ELEMENTS, Code, Element, each_task, row_address, row_of

GATHER_TABLE = ("next", "n_nodes", "source", "source_stride", "n_segments", "segments")
"""The number of the next node and their number; where the first node's map stands, and bytes between two of them."""

SEGMENT = ("result", "result_stride", "offsets", "bases", "n_full", "n_vectors")
"""Where a segment stands for the first node, and bytes between those of two nodes; what it consists of, see
`swann.nn.kernels._gather.Offsets`, and how many of its vectors are full.
"""

SCATTERED = -(2**31)
"""The base of a vector whose elements do not follow each other in the source."""

ZERO, NOTHING = -1, -2
"""The offsets of a zero, and of an element behind the last one."""


def gather_function(element: Element, lanes: int) -> str:
    """Return a module with the function `gather`, which copies elements of each node's map, or zeros, in any order.

    A task is a node. What follows each other in the source is loaded at once, all else by a gather.
    """
    scalar, suffix, size = ELEMENTS[element]
    code = Code()
    kinds = {name: f"<{lanes} x {name}>" for name in (scalar, "i32", "i1", "ptr")}
    vector, mask = kinds[scalar], kinds["i1"]
    masked_gather = f"@llvm.masked.gather.v{lanes}{suffix}.v{lanes}p0"
    code.lines += [
        f"declare {vector} {masked_gather}({kinds['ptr']}, i32, {mask}, {vector})",
        "define void @gather(ptr %table) {",
        "entry:",
    ]
    columns = row_of(code, GATHER_TABLE, "%table")
    source, segments = (code.value(f"inttoptr i64 {columns[name]} to ptr") for name in ("source", "segments"))
    with each_task(code, columns["n_nodes"]) as node:
        of_node = code.address(source, code.value(f"mul i64 {node}, {columns['source_stride']}"))
        with code.loop("0", columns["n_segments"]) as number:
            segment = row_of(code, SEGMENT, row_address(code, SEGMENT, segments, number))
            result, offsets, bases = (
                code.value(f"inttoptr i64 {segment[name]} to ptr") for name in ("result", "offsets", "bases")
            )
            of_result = code.address(result, code.value(f"mul i64 {node}, {segment['result_stride']}"))
            with code.loop("0", segment["n_vectors"]) as position:
                first = code.value(f"mul i64 {position}, {lanes * 4}")
                offset = code.load(kinds["i32"], offsets, first, 4)
                inside = code.value(f"icmp sge {kinds['i32']} {offset}, zeroinitializer")
                base = code.load("i32", bases, code.value(f"mul i64 {position}, 4"), 4)
                is_scattered = code.value(f"icmp eq i32 {base}, {SCATTERED}")
                code.do(f"br i1 {is_scattered}, label %scattered, label %together")
                code.lines.append("together:")
                begin = code.address(of_node, code.value(f"mul i64 {code.value(f'sext i32 {base} to i64')}, {size}"))
                loaded = code.masked_load(vector, inside, begin, size)
                code.do("br label %found")
                code.lines.append("scattered:")
                operands = code.value(f"getelementptr {scalar}, ptr {of_node}, {kinds['i32']} {offset}")
                arguments = f"{kinds['ptr']} {operands}, i32 {size}, {mask} {inside}, {vector} zeroinitializer"
                gathered = code.value(f"call {vector} {masked_gather}({arguments})")
                code.do("br label %found")
                code.lines.append("found:")
                value = code.value(f"phi {vector} [ {loaded}, %together ], [ {gathered}, %scattered ]")
                place = code.address(of_result, code.value(f"mul i64 {position}, {lanes * size}"))
                is_full = code.value(f"icmp slt i64 {position}, {segment['n_full']}")
                code.do(f"br i1 {is_full}, label %full, label %part")
                code.lines.append("full:")
                code.do(f"store {vector} {value}, ptr {place}, align {size}")
                code.do("br label %stored")
                code.lines.append("part:")
                splat = ", ".join([f"i32 {NOTHING}"] * lanes)
                counts = code.value(f"icmp sgt {kinds['i32']} {offset}, <{splat}>")
                code.masked_store(vector, counts, value, place, size)
                code.do("br label %stored")
                code.lines.append("stored:")
    return "\n".join(code.lines)
