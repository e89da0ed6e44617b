import io

from rich.console import Console

from swann.experiments import Bench, Case, PeakMemory, bench_markdown, bench_table

ENVIRONMENT = {
    "command": "swann bench",
    "commit": "abc",
    "date": "2026-01-01",
    "machine": {"processor": "a processor", "cores": 2},
    "versions": {"python": "3.11"},
}
CASE = Case("training step", 128, 2, {"a [b]": (2.0, 2.0), "last": (1.0, 1.0)}, {"twin sparse": (0.5, 0.7)})
MEMORY = PeakMemory(128, 2, {"a [b]": 3_000_000, "last": 2_000_000}, {"twin sparse": 2_500_000})
BENCH = Bench("net|work", (CASE,), MEMORY, 0.41, {"compiled": "no compiler"})


def test_the_table_fits_80_columns():
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(bench_table(BENCH))
    text = console.export_text()
    assert "…" not in text
    assert "a [b]" in text
    assert "★ last" in text
    assert "600 ms" in text
    assert "0.60×" in text
    assert "1.25×" in text
    assert "0.41 times the baseline's multiplications" in text


def test_the_page_says_what_it_was_measured_with():
    lines = bench_markdown(BENCH, ENVIRONMENT).splitlines()
    assert lines[0] == "# net|work"
    assert "- Commit: abc" in lines
    assert "| training step, batch 128, 2 threads | a [b] | 2.00 s | 2.00–2.00 | 2.00× | 2.00–2.00 |" in lines
    assert "|  | last ★ | 1.00 s | 1.00–1.00 | 1.00× |  |" in lines
    assert "|  | twin sparse | 600 ms | 550–650 | 0.60× | 0.55–0.65 |" in lines
    assert "|  | twin sparse | 2.50 MB |  | 1.25× |  |" in lines
    assert "- Left out: compiled: no compiler" in lines
