import io
import re

from rich.console import Console

from swann import MissingExtraError
from swann.cli._console import console, draw_picture, note, notes, progress_bar, search_table, show
from swann.graph import LayerGraph
from swann.smallworld import search


def test_the_table_marks_the_chosen_p_and_fits_80_columns():
    result = search(LayerGraph.chain([3, 10, 10, 10, 4]), n_seeds=2, probabilities=(0, 0.5, 0.9))
    recorder = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    recorder.print(search_table(result))
    text = recorder.export_text()
    recorder.file.close()
    assert f"{result.best_p:g} ★" in text
    assert max(map(len, text.splitlines())) <= 80
    assert f"{result.best_S:.3f}" in text


def test_a_pipe_sees_lines_in_the_place_of_a_bar(capsys, monkeypatch):
    assert not notes.is_terminal
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with progress_bar("work", "steps") as move:
        for seconds, done in ((9, 1), (11, 2000), (20, 2001), (21, 2002), (200, 2003), (215, 2004), (221, 2005)):
            now[0] = 100.0 + seconds
            move(done, 3000, "half" if seconds > 20 else "")
    assert capsys.readouterr().err.splitlines() == [
        "work: 2,000 of 3,000 steps in 11 s",
        "work: 2,002 of 3,000 steps in 21 s, half",
        "work: 2,003 of 3,000 steps in 200 s, half",
        "work: 2,005 of 3,000 steps in 221 s, half",
    ]
    assert console.width >= 80


def test_text_is_printed_as_it_is(capsys):
    show("[bold] 1,000 [/x] " + "long " * 50)
    note("runs/[a] " + "long " * 50)
    captured = capsys.readouterr()
    assert captured.out == "[bold] 1,000 [/x] " + "long " * 50 + "\n"
    assert captured.err == "runs/[a] " + "long " * 50 + "\n"


def test_the_progress_bar_cuts_the_remark_and_nothing_else(monkeypatch):
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr("swann.cli._console.notes", terminal)
    with progress_bar("train", "iterations") as move:
        move(1234, 5678, "run 1 of 6: " + "a very long remark " * 10)
    text = terminal.file.getvalue()
    assert "1234/5678 iterations" in text
    assert re.search(r"run 1 of 6: a very.*…", text)


def test_a_picture_is_left_out_without_matplotlib(tmp_path, capsys):
    def picture(path):
        raise MissingExtraError("matplotlib is not installed")

    draw_picture(picture, tmp_path / "curves.png")
    assert capsys.readouterr().err == "curves.png is left out: matplotlib is not installed\n"
