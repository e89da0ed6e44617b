import json

import pytest
import torch

from swann.nn.gpu import _kept

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_kept, "_found", {})
    return tmp_path


def test_each_case_has_its_form(cache):
    assert _kept.kept_form(CPU, (1, "a")) is None
    _kept.keep_form(CPU, (1, "a"), "joined")
    _kept.keep_form(CPU, (2, "a"), "blocks")
    assert [_kept.kept_form(CPU, (number, "a")) for number in (1, 2, 3)] == ["joined", "blocks", None]
    (file,) = (cache / "calibration").iterdir()
    assert sorted(json.loads(file.read_text()).values()) == ["blocks", "joined"]


def test_what_another_process_kept_meanwhile_stays(monkeypatch):
    _kept.keep_form(CPU, (1,), "joined")
    monkeypatch.setattr(_kept, "_found", {})
    _kept.keep_form(CPU, (2,), "blocks")
    assert _kept.kept_form(CPU, (1,)) == "joined"


def test_without_a_place_to_keep_them_they_are_remembered(monkeypatch):
    monkeypatch.setattr(_kept, "cache_folder", lambda _: None)
    _kept.keep_form(CPU, (1,), "joined")
    assert _kept.kept_form(CPU, (1,)) == "joined"


def test_another_version_has_another_file():
    assert _kept.forms_path(("gpu", "2.11")) != _kept.forms_path(("gpu", "2.15"))
