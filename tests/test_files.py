import os
import resource

import pytest
import safetensors.torch
import torch

from swann import OutputError
from swann._files import replacing, write_text


def test_a_file_appears_whole_with_the_usual_rights(tmp_path):
    write_text(tmp_path / "a.txt", "über")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "über"
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o666 & ~mask
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_a_library_makes_for_its_owner_alone_has_the_usual_rights(tmp_path):
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "twin.safetensors") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    assert (tmp_path / "twin.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


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


@pytest.mark.parametrize("save", [torch.save, safetensors.torch.save_file])
def test_a_disk_that_fills_up_while_a_library_writes_is_named(tmp_path, save):
    """torch and safetensors have errors of their own for that; a limit on the size of files brings them about."""
    (tmp_path / "a.pt").write_text("old")

    def write():
        with replacing(tmp_path / "a.pt") as temporary:
            save({"weights": torch.zeros(500_000)}, temporary)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(
            OutputError, match=r"cannot write .*a\.pt: not all of it could be written; is the disk full"
        ):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.pt": "old"}


def test_an_error_that_is_not_of_the_disk_comes_through(tmp_path):
    def fail():
        with replacing(tmp_path / "a.txt"):
            raise RuntimeError("a mistake elsewhere")

    with pytest.raises(RuntimeError, match="^a mistake elsewhere$"):
        fail()
    assert not list(tmp_path.iterdir())
