import sys

import pytest

from swann.cli import main


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in this process, in an empty folder; return its exit code, output and remarks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("SWANN_DATA_DIR", raising=False)
    monkeypatch.setattr("swann.cli._console._SECONDS", float("inf"))  # lines on progress depend on the machine

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["swann", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as error:
            code = error.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def refused(run, tmp_path):
    """Run a command that must be refused in one line, with exit code 2 and nothing written; return the line."""

    def call(*arguments):
        before = sorted(tmp_path.rglob("*"))
        code, out, err = run(*arguments)
        assert code == 2, (out, err)
        assert not out
        assert err.count("\n") == 1
        assert sorted(tmp_path.rglob("*")) == before
        return err

    return call
