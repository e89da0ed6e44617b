from rich.console import Console

from swann.cli._console import console, notes, progress_bar, search_table
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


def test_a_pipe_sees_no_progress_bar(capsys):
    assert not notes.is_terminal
    with progress_bar("work", "steps") as move:
        move(1, 2, "half")
    assert capsys.readouterr().err.strip() == ""
    assert console.width >= 80
