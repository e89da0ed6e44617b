"""What a batch norm and its gradient need of the maps of single channels, as LLVM assembly."""

from ._code import ELEMENTS, Code, Element
from ._finish_code import each_channel, each_vector, opened


def sums_function(element: Element, lanes: int, rest: int, rectified: tuple[str, ...] = ()) -> str:
    """Return a module with the function `run`, which sums each channel's map, and its products with another map.

    A channel's source and other are maps, its result two float64, in which all is summed.

    Args:
        element: type of the maps.
        lanes: elements of a vector.
        rest: elements of a map that fill no vector.
        rectified: those of `"source"` and `"other"` whose negative elements count as zeros.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with each_channel(code) as (table, channel):
        sums: dict[int, tuple[str, str]] = {}
        for width in sorted({lanes, rest} - {0}):
            kind = f"<{width} x double>"
            code.declare(f"declare double @llvm.vector.reduce.fadd.v{width}f64(double, {kind})")
            sums[width] = code.variable(kind), code.variable(kind)
            for total in sums[width]:
                code.do(f"store {kind} zeroinitializer, ptr {total}")

        def each(offset: str, width: int) -> None:
            kind, at = f"<{width} x double>", code.value(f"mul i64 {offset}, {size}")
            first, second = (
                _widened(code, channel[name], at, width, scalar, size, rectified=name in rectified)
                for name in ("source", "other")
            )
            product = code.value(f"fmul {kind} {first}, {second}")
            for total, value in zip(sums[width], (first, product), strict=True):
                added = code.value(f"fadd {kind} {code.value(f'load {kind}, ptr {total}')}, {value}")
                code.do(f"store {kind} {added}, ptr {total}")

        each_vector(code, table["place"], lanes, rest, each)
        for number in range(2):
            found = "0.0"
            for width, totals in sums.items():
                vector = code.value(f"load <{width} x double>, ptr {totals[number]}")
                reduce = f"@llvm.vector.reduce.fadd.v{width}f64"
                found = code.value(f"call reassoc double {reduce}(double {found}, <{width} x double> {vector})")
            code.do(f"store double {found}, ptr {code.address(channel['result'], 8 * number)}, align 8")
    return "\n".join(code.lines)


def combination_function(element: Element, lanes: int, rest: int, rectified: tuple[str, ...] = ()) -> str:
    """Return a module with the function `run`, which adds multiples of two maps and a number, others for each channel.

    A channel's scales are that of its source, that of its other, and the number. Where `"other"` is rectified the
    result is zero at each of its elements that are not positive; NaN counts as positive, as for PyTorch.
    """
    scalar, _, size = ELEMENTS[element]
    code = opened()
    with each_channel(code) as (table, channel):
        scales = [code.load(scalar, channel["scales"], number * size, size) for number in range(3)]

        def each(offset: str, width: int) -> None:
            vector, at = f"<{width} x {scalar}>", code.value(f"mul i64 {offset}, {size}")
            total = code.splat(vector, scales[2])
            other, source = (code.load(vector, channel[name], at, size) for name in ("other", "source"))
            for value, scale in ((other, scales[1]), (source, scales[0])):
                product = code.value(f"fmul {vector} {value}, {code.splat(vector, scale)}")
                total = code.value(f"fadd {vector} {total}, {product}")
            if "other" in rectified:
                total = code.rectified_gradient(vector, other, total)
            code.do(f"store {vector} {total}, ptr {code.address(channel['result'], at)}, align {size}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)


def _widened(code: Code, base: str, at: str, width: int, scalar: str, size: int, *, rectified: bool) -> str:
    value = code.load(f"<{width} x {scalar}>", base, at, size)
    if rectified:
        value = code.rectified(f"<{width} x {scalar}>", value)
    return code.widened(value, f"<{width} x {scalar}>", f"<{width} x double>")
