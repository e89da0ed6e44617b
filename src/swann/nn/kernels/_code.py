"""LLVM assembly: lines of code, and what several modules write alike."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

Element = Literal["float32", "float64"]

ELEMENTS: dict[str, tuple[str, str, int]] = {"float32": ("float", "f32", 4), "float64": ("double", "f64", 8)}
"""The name of each type, its suffix in the names of LLVM's own functions, and its bytes."""

Stored = Literal["float32", "float64", "bfloat16", "float16"]

STORED: dict[str, tuple[str, str, int]] = ELEMENTS | {"bfloat16": ("bfloat", "bf16", 2), "float16": ("half", "f16", 2)}
"""The same of what weights may be stored in; half precision is widened when it is loaded."""

_SUFFIXES = {name: suffix for name, suffix, _ in STORED.values()} | {"i32": "i32"}

TILE_ARGUMENTS = (
    "ptr noalias %result, ptr noalias %operand, i64 %stride, ptr noalias %indices, ptr noalias %weights, "
    "ptr noalias %order, i64 %first, i64 %last"
)
"""What a function `tile` is given, see `swann.nn.kernels._assembly.tile_function`."""

TILE = f"define void @tile({TILE_ARGUMENTS}) {{"
"""The line with which it begins."""


class Code:
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

    def load_part(self, vector: str, n_read: int, base: str, offset: int, align: int) -> str:
        """Return a vector whose first lanes are read, the others zero and their places not touched."""
        lanes, _ = _parts(vector)
        if n_read == lanes:
            return self.load(vector, base, offset, align)
        return self.masked_load(vector, first_lanes(lanes, n_read), self.address(base, offset), align)

    def store_part(self, vector: str, n_written: int, value: str, place: str, align: int) -> None:
        """Write the first lanes of a vector alone."""
        lanes, _ = _parts(vector)
        if n_written == lanes:
            self.do(f"store {vector} {value}, ptr {place}, align {align}")
        else:
            self.masked_store(vector, first_lanes(lanes, n_written), value, place, align)

    def masked_load(self, vector: str, mask: str, place: str, align: int, otherwise: str = "zeroinitializer") -> str:
        """Return a vector of the lanes of a mask; those of `otherwise` beyond it, where nothing is read."""
        lanes, scalar = _parts(vector)
        name, kind = f"@llvm.masked.load.v{lanes}{_SUFFIXES[scalar]}.p0", f"<{lanes} x i1>"
        self.declare(f"declare {vector} {name}(ptr, i32, {kind}, {vector})")
        return self.value(f"call {vector} {name}(ptr {place}, i32 {align}, {kind} {mask}, {vector} {otherwise})")

    def masked_store(self, vector: str, mask: str, value: str, place: str, align: int) -> None:
        """Write the lanes of a mask alone."""
        lanes, scalar = _parts(vector)
        name, kind = f"@llvm.masked.store.v{lanes}{_SUFFIXES[scalar]}.p0", f"<{lanes} x i1>"
        self.declare(f"declare void {name}({vector}, ptr, i32, {kind})")
        self.do(f"call void {name}({vector} {value}, ptr {place}, i32 {align}, {kind} {mask})")

    def rectified(self, vector: str, value: str) -> str:
        """Return a vector with zeros for negative numbers; NaN stays NaN."""
        lanes, _ = _parts(vector)
        is_negative = self.value(f"fcmp olt {vector} {value}, zeroinitializer")
        return self.value(f"select <{lanes} x i1> {is_negative}, {vector} zeroinitializer, {vector} {value}")

    def rectified_gradient(self, vector: str, value: str, gradient: str) -> str:
        """Return a gradient with zeros where a ReLU's value, before or after it, is not positive; NaN lets it pass."""
        lanes, _ = _parts(vector)
        is_zero = self.value(f"fcmp ole {vector} {value}, zeroinitializer")
        return self.value(f"select <{lanes} x i1> {is_zero}, {vector} zeroinitializer, {vector} {gradient}")

    def load_index(self, base: str, position: str) -> str:
        place = self.value(f"getelementptr i32, ptr {base}, i64 {position}")
        return self.value(f"zext i32 {self.value(f'load i32, ptr {place}, align 4')} to i64")

    def widened(self, value: str, stored: str, kind: str) -> str:
        """Return numbers of a type, or vectors of them, in another type that holds them exactly."""
        return value if stored == kind else self.value(f"fpext {stored} {value} to {kind}")

    def splat(self, vector: str, number: str) -> str:
        """Return a vector that has a number in all lanes."""
        lanes, scalar = _parts(vector)
        first = self.value(f"insertelement {vector} poison, {scalar} {number}, i64 0")
        return self.value(f"shufflevector {vector} {first}, {vector} poison, <{lanes} x i32> zeroinitializer")

    def picked(self, vector: str, source: str, numbers: Sequence[int | None]) -> str:
        """Return a vector of some lanes of a vector, zeros where a number is None."""
        lanes, _ = _parts(vector)
        places = ", ".join(f"i32 {lanes if number is None else number}" for number in numbers)
        return self.value(f"shufflevector {vector} {source}, {vector} zeroinitializer, <{lanes} x i32> <{places}>")

    def sum_of(self, vector: str, places: Sequence[str]) -> str:
        """Return the sum of the vectors at some addresses."""
        total = self.value(f"load {vector}, ptr {places[0]}")
        for place in places[1:]:
            total = self.value(f"fadd {vector} {total}, {self.value(f'load {vector}, ptr {place}')}")
        return total

    def variable(self, kind: str) -> str:
        """Return the address of a variable."""
        name = f"%{self.name()}"
        entry = self.lines.index("entry:") + 1  # room for it is made once, not in each turn of a loop around it
        self.lines.insert(entry, f"  {name} = alloca {kind}")
        return name

    def label(self, name: str) -> None:
        self.do(f"br label %{name}")
        self.lines.append(f"{name}:")

    @contextmanager
    def loop(self, begin: str, end: str) -> Iterator[str]:
        """Run the lines inside for each number from `begin` up to, but without, `end`."""
        name = self.name()
        counter = self.variable("i64")
        self.do(f"store i64 {begin}, ptr {counter}")
        self.label(f"{name}test")
        number = self.value(f"load i64, ptr {counter}")
        self.do(f"br i1 {self.value(f'icmp slt i64 {number}, {end}')}, label %{name}body, label %{name}end")
        self.lines.append(f"{name}body:")
        yield number
        self.do(f"store i64 {self.value(f'add i64 {number}, 1')}, ptr {counter}")
        self.do(f"br label %{name}test")
        self.lines.append(f"{name}end:")


@contextmanager
def each_task(code: Code, n_tasks: str) -> Iterator[str]:
    """Run the lines inside for one task after another, until threads have taken all; then the function returns.

    The number of the next task stands where `%table` begins.
    """
    code.label("take")
    number = code.value("atomicrmw add ptr %table, i64 1 monotonic")
    is_left = code.value(f"icmp slt i64 {number}, {n_tasks}")
    code.do(f"br i1 {is_left}, label %work, label %finish")
    code.lines.append("work:")
    yield number
    code.do("br label %take")
    code.lines += ["finish:", "  ret void", "}"]


def _parts(vector: str) -> tuple[int, str]:
    """Return the number of lanes and the type of a vector's elements."""
    lanes, scalar = vector.strip("<>").split(" x ")
    return int(lanes), scalar


def first_lanes(lanes: int, number: int) -> str:
    """Return the mask of a vector's first lanes."""
    return f"<{', '.join(f'i1 {int(lane < number)}' for lane in range(lanes))}>"


def row_of(code: Code, columns: tuple[str, ...], row: str) -> dict[str, str]:
    """Load the numbers of a row by their names, but for the one that other threads change."""
    return {name: code.load("i64", row, 8 * number, 8) for number, name in enumerate(columns) if name != "next"}


def row_address(code: Code, columns: tuple[str, ...], rows: str, number: str) -> str:
    return code.address(rows, code.value(f"mul i64 {number}, {8 * len(columns)}"))


def runs(taps: list[int], lanes: int) -> Iterator[tuple[int, int]]:
    """Cut taps into runs of neighbours whose sums can be made together, see `lane_sums`; yield `(start, length)`."""
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


def lane_sums(code: Code, scalar: str, suffix: str, lanes: int, vectors: list[str]) -> str:
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


def _neighbour_sums(code: Code, scalar: str, lanes: int, first: str, second: str | None = None) -> str:
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


_AHEAD = 8192


def fetch_ahead(code: Code, place: str) -> None:
    """Bring what stands some way behind a place nearer: weights are read once, and faster than processors foresee."""
    code.declare("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    code.do(f"call void @llvm.prefetch.p0(ptr {code.address(place, _AHEAD)}, i32 0, i32 1, i32 1)")
