import json
import signal
import subprocess
import sys

import pytest

import swann

COMMANDS = ("demo", "analyze", "search", "convert", "train", "compare", "reproduce")


def test_the_version_and_the_list_of_commands(run):
    assert run("--version")[1] == f"swann {swann.__version__}\n"
    code, out, _ = run("--help")
    assert code == 0
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"swann {command}" in out.replace("\n", " ")
    assert "--seed" in out


def test_an_unknown_option_is_a_usage_error(run):
    code, _, err = run("search", "--probability", "0.5")
    assert code == 2
    assert "No such option" in err


def test_ctrl_c_is_a_line_and_exit_code_130(run, monkeypatch):
    def press(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("swann.cli._analyze.trace_parts", press)
    assert run("analyze", "--model", "swann:mnist5", "--out", "found") == (130, "", "swann: stopped\n")


def test_help_and_analysis_load_neither_lightning_nor_matplotlib():
    program = (
        "import sys; sys.argv = ['swann', 'analyze', '--model', 'swann:mnist5', '--json']\n"
        "from swann.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('lightning', 'matplotlib', 'sklearn') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines()[-1] == "[]"
    assert json.loads(done.stdout)["n_nodes"] == 237
