"""What scripts do to the maps of single channels around links, norms and pooling, as LLVM assembly."""

from ._code import ELEMENTS, Code, Element
from ._finish_code import each_channel, each_vector, opened
from ._node_assembly import literal

NORM_TABLE = ("next", "n_tasks", "tasks", "n_blocks", "block", "n_elements", "epsilon", "momentum")
"""As `swann.nn.kernels._finish_code.FINISH_TABLE`; then blocks, bytes between their sums, elements of a channel; and in
the bits of float64 what is added to variances, and the share of the batch in the running statistics.
"""

NORM_TASK = ("sums", "numbers", "kept", "weight", "bias", "mean", "variance")
"""Of one channel: the first block's sums, from `swann.nn.kernels._norm_assembly.sums_function`; the numbers that scale
and shift the map, or combine it with its gradient; what is kept for the backward pass, the mean and the inverse of the
standard deviation in float64; weight and bias, or where their gradients go; the running mean and variance, or, in the
backward pass, the weight in the place of the mean.
"""


def fill_function(element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`, which sets each channel's result to the number at its scales.

    Args:
        element: type of the maps.
        lanes: elements of a vector.
        rest: elements of a channel's map that fill no vector.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with each_channel(code) as (table, channel):
        number = code.load(scalar, channel["scales"], 0, size)

        def each(offset: str, width: int) -> None:
            vector = f"<{width} x {scalar}>"
            place = code.address(channel["result"], code.value(f"mul i64 {offset}, {size}"))
            code.do(f"store {vector} {code.splat(vector, number)}, ptr {place}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def rectify_gradient_function(element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`: the gradient of a ReLU.

    A channel's source is the gradient of what the ReLU returned, its other is that map, its result the gradient of the
    map before; the arguments are as for `fill_function`.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with each_channel(code) as (table, channel):

        def each(offset: str, width: int) -> None:
            vector, at = f"<{width} x {scalar}>", code.value(f"mul i64 {offset}, {size}")
            gradient, after = (code.load(vector, channel[name], at, size) for name in ("source", "other"))
            value = code.rectified_gradient(vector, after, gradient)
            code.do(f"store {vector} {value}, ptr {code.address(channel['result'], at)}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def drop_function(element: Element, lanes: int, rest: int, *, threshold: int, adds: bool) -> str:
    """Return a module with the function `run`: a dropout, or its gradient.

    A channel's other are random int16; where one is less than `threshold` - 2¹⁵ the source is dropped, elsewhere it is
    scaled so that the mean stays.

    Args:
        element: type of the maps.
        lanes: elements of a vector.
        rest: elements of a channel's map that fill no vector.
        threshold: how many of 2¹⁶ draws drop.
        adds: whether the result is added to what is there.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    scale = literal(2**16 / (2**16 - threshold), element)
    with each_channel(code) as (table, channel):

        def each(offset: str, width: int) -> None:
            vector, draws, at = f"<{width} x {scalar}>", f"<{width} x i16>", code.value(f"mul i64 {offset}, {size}")
            draw = code.load(draws, channel["other"], code.value(f"mul i64 {offset}, 2"), 2)
            limit = ", ".join([f"i16 {threshold - 2**15}"] * width)
            is_kept = code.value(f"icmp sge {draws} {draw}, <{limit}>")
            chosen = f"{vector} {code.splat(vector, scale)}, {vector} zeroinitializer"
            factor = code.value(f"select <{width} x i1> {is_kept}, {chosen}")
            value = code.value(f"fmul {vector} {code.load(vector, channel['source'], at, size)}, {factor}")
            place = code.address(channel["result"], at)
            if adds:
                before = code.value(f"load {vector}, ptr {place}, align {size}")
                value = code.value(f"fadd {vector} {before}, {value}")
            code.do(f"store {vector} {value}, ptr {place}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def statistics_function(element: Element, *, moves: bool) -> str:
    """Return a module with the function `run`: what a batch norm in training mode makes of its channels' sums.

    Args:
        element: type of maps and weights.
        moves: whether it moves running statistics.
    """
    scalar, _, size = ELEMENTS[element]
    code = _opened()
    with each_channel(code, NORM_TABLE, NORM_TASK) as (table, channel):
        total, of_squares = _totals(code, table, channel["sums"])
        n_elements = code.value(f"sitofp i64 {table['n_elements']} to double")
        mean = code.value(f"fdiv double {total}, {n_elements}")
        square = code.value(f"fmul double {mean}, {mean}")
        variance = code.value(f"fsub double {code.value(f'fdiv double {of_squares}, {n_elements}')}, {square}")
        is_negative = code.value(f"fcmp olt double {variance}, 0.0")
        variance = code.value(f"select i1 {is_negative}, double 0.0, double {variance}")
        added = code.value(f"fadd double {variance}, {_number(code, table['epsilon'])}")
        inverse = code.value(f"fdiv double 1.0, {code.value(f'call double @llvm.sqrt.f64(double {added})')}")
        _store_numbers(code, channel, mean, inverse, scalar, size)
        if moves:
            share = _number(code, table["momentum"])
            rest = code.value(f"fsub double 1.0, {share}")
            others = code.value(f"fsub double {n_elements}, 1.0")
            unbiased = code.value(f"fmul double {variance}, {code.value(f'fdiv double {n_elements}, {others}')}")
            for name, value in (("mean", mean), ("variance", unbiased)):
                before = _double(code, channel[name], scalar, size)
                old = code.value(f"fmul double {before}, {rest}")
                new = code.value(f"fmul double {value}, {share}")
                _store(code, channel[name], 0, code.value(f"fadd double {old}, {new}"), scalar, size)
    return "\n".join(code.lines)


def fixed_statistics_function(element: Element) -> str:
    """Return a module with the function `run`: what a batch norm makes of its running statistics.

    The arguments are as for `statistics_function`; the sums are not read.
    """
    scalar, _, size = ELEMENTS[element]
    code = _opened()
    with each_channel(code, NORM_TABLE, NORM_TASK) as (table, channel):
        mean, variance = (_double(code, channel[name], scalar, size) for name in ("mean", "variance"))
        added = code.value(f"fadd double {variance}, {_number(code, table['epsilon'])}")
        inverse = code.value(f"fdiv double 1.0, {code.value(f'call double @llvm.sqrt.f64(double {added})')}")
        _store_numbers(code, channel, mean, inverse, scalar, size)
    return "\n".join(code.lines)


def norm_gradient_function(element: Element, *, is_fixed: bool) -> str:
    """Return a module with the function `run`: the gradients of a batch norm's weights and biases.

    A channel's sums are those of the gradient, and of its products with the map; its numbers what the gradient is
    multiplied by, what the map is multiplied by, and what is added, for the gradient of the map.

    Args:
        element: type of maps and weights.
        is_fixed: whether the statistics do not depend on the batch.
    """
    scalar, _, size = ELEMENTS[element]
    code = _opened()
    with each_channel(code, NORM_TABLE, NORM_TASK) as (table, channel):
        of_bias, of_products = _totals(code, table, channel["sums"])
        mean, inverse = (code.load("double", channel["kept"], 8 * number, 8) for number in range(2))
        centred = code.value(f"fsub double {of_products}, {code.value(f'fmul double {mean}, {of_bias}')}")
        of_weight = code.value(f"fmul double {centred}, {inverse}")
        scale = code.value(f"fmul double {inverse}, {_double(code, channel['mean'], scalar, size)}")
        slope, shift = "0.0", "0.0"
        if not is_fixed:
            slope, shift = _corrections(code, table, scale, inverse, mean, of_weight, of_bias)
        for number, value in enumerate((scale, slope, shift)):
            _store(code, channel["numbers"], number, value, scalar, size)
        for name, value in (("weight", of_weight), ("bias", of_bias)):
            _store(code, channel[name], 0, value, scalar, size)
    return "\n".join(code.lines)


def total_function(element: Element) -> str:
    """Return a module with the function `run`, which stores the sum of each channel's first sums as its bias."""
    scalar, _, size = ELEMENTS[element]
    code = _opened()
    with each_channel(code, NORM_TABLE, NORM_TASK) as (table, channel):
        total, _ = _totals(code, table, channel["sums"])
        _store(code, channel["bias"], 0, total, scalar, size)
    return "\n".join(code.lines)


def _opened() -> Code:
    code = opened()
    code.declare("declare double @llvm.sqrt.f64(double)")
    return code


def _totals(code: Code, table: dict[str, str], sums: str) -> tuple[str, str]:
    """Return both sums of a channel over all blocks."""
    totals = code.variable("double"), code.variable("double")
    for total in totals:
        code.do(f"store double 0.0, ptr {total}")
    with code.loop("0", table["n_blocks"]) as number:
        of_block = code.address(sums, code.value(f"mul i64 {number}, {table['block']}"))
        for place, total in enumerate(totals):
            value = code.load("double", of_block, 8 * place, 8)
            added = code.value(f"fadd double {code.value(f'load double, ptr {total}')}, {value}")
            code.do(f"store double {added}, ptr {total}")
    first, second = (code.value(f"load double, ptr {total}") for total in totals)
    return first, second


def _store_numbers(code: Code, channel: dict[str, str], mean: str, inverse: str, scalar: str, size: int) -> None:
    """Store what a map is scaled and shifted by, and what is kept for the backward pass."""
    weight, bias = (_double(code, channel[name], scalar, size) for name in ("weight", "bias"))
    scale = code.value(f"fmul double {inverse}, {weight}")
    shift = code.value(f"fsub double {bias}, {code.value(f'fmul double {mean}, {scale}')}")
    for number, value in enumerate((scale, shift)):
        _store(code, channel["numbers"], number, value, scalar, size)
    for number, value in enumerate((mean, inverse)):
        code.do(f"store double {value}, ptr {code.address(channel['kept'], 8 * number)}, align 8")


def _corrections(
    code: Code, table: dict[str, str], scale: str, inverse: str, mean: str, of_weight: str, of_bias: str
) -> tuple[str, str]:
    """Return what a map is multiplied by, and what is added, because its statistics depend on it."""
    n_elements = code.value(f"sitofp i64 {table['n_elements']} to double")
    product = code.value(f"fmul double {code.value(f'fmul double {scale}, {inverse}')}, {of_weight}")
    slope = code.value(f"fneg double {code.value(f'fdiv double {product}, {n_elements}')}")
    share = code.value(f"fdiv double {code.value(f'fmul double {scale}, {of_bias}')}, {n_elements}")
    total = code.value(f"fadd double {share}, {code.value(f'fmul double {slope}, {mean}')}")
    return slope, code.value(f"fneg double {total}")


def _number(code: Code, bits: str) -> str:
    return code.value(f"bitcast i64 {bits} to double")


def _double(code: Code, place: str, scalar: str, size: int) -> str:
    return code.widened(code.load(scalar, place, 0, size), scalar, "double")


def _store(code: Code, base: str, number: int, value: str, scalar: str, size: int) -> None:
    narrow = value if scalar == "double" else code.value(f"fptrunc double {value} to {scalar}")
    code.do(f"store {scalar} {narrow}, ptr {code.address(base, number * size)}, align {size}")
