import os

import pytest

from swann import OutputError
from swann._files import replacing, write_text


def test_a_file_appears_whole_with_the_usual_rights(tmp_path):
    write_text(tmp_path / "a.txt", "über")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "über"
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~mask
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "old")

    def fail():
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_missing_folder_and_a_full_disk_are_named(tmp_path, monkeypatch):
    with pytest.raises(OutputError, match=r"cannot write .*none/a\.txt: No such file or directory"):
        write_text(tmp_path / "none" / "a.txt", "text")

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*a\.txt: No space left on device"):
        write_text(tmp_path / "a.txt", "text")
    assert not list(tmp_path.iterdir())
