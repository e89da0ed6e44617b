import json

import pytest
import torch
from networks import IMAGES, twin
from tiles import needs_interpreter

from swann.nn.gpu import _choice, _kept, fastest_form, prepare

SECONDS = {"masked": 3.0, "joined": 2.0, "blocks": 1.0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_kept, "_found", {})
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    """Time nothing: each form takes the seconds that are given for it, and the ones taken are counted."""
    monkeypatch.setattr(_choice, "has_triton", lambda: False)

    class Clock:
        def __init__(self):
            self.seconds = [SECONDS["masked"], SECONDS["joined"]]
            self.calls = 0

        def __call__(self, step):
            step()
            self.calls += 1
            return self.seconds[(self.calls - 1) % len(self.seconds)]

    return Clock()


def layer_and_maps(number=2):
    network = twin(0.6).eval()
    maps = [IMAGES]
    for layer in network.each_layer()[: number - 1]:
        maps.append(layer(maps).detach().reshape(-1, *layer.map_shape))
    return network.each_layer()[number - 1], maps


def test_the_fastest_form_is_measured_once(clock):
    layer, maps = layer_and_maps()
    assert fastest_form(layer, maps, clock) == "joined"
    assert clock.calls == 2 * (_choice._WARM_UP + _choice._ROUNDS)
    assert fastest_form(layer, maps, clock) == "joined"
    layer.forget_forms()
    assert fastest_form(layer, maps, clock) == "joined"  # from the file
    assert clock.calls == 2 * (_choice._WARM_UP + _choice._ROUNDS)


@pytest.mark.parametrize("change", ["batch", "pass", "type"])
def test_another_batch_or_pass_or_type_is_another_case(clock, change):
    layer, maps = layer_and_maps()
    fastest_form(layer, maps, clock)
    clock.seconds.reverse()
    clock.calls = 0
    if change == "pass":
        with torch.no_grad():
            assert fastest_form(layer, maps, clock) == "masked"
    elif change == "batch":
        assert fastest_form(layer, [map_[:2] for map_ in maps], clock) == "masked"
    else:
        assert fastest_form(layer.double(), [map_.double() for map_ in maps], clock) == "masked"
    assert clock.calls


def test_another_process_finds_what_was_kept(clock, cache, monkeypatch):
    layer, maps = layer_and_maps()
    fastest_form(layer, maps, clock)
    (file,) = (cache / "calibration").iterdir()
    assert list(json.loads(file.read_text()).values()) == ["joined"]
    monkeypatch.setattr(_kept, "_found", {})
    layer.forget_forms()
    clock.calls = 0
    assert fastest_form(layer, maps, clock) == "joined"
    assert not clock.calls


@pytest.mark.parametrize("content", ["", "[1]", "{", "[" * 100_000, '{"a": "unknown"}'])
def test_a_damaged_file_is_not_trusted(clock, cache, content, monkeypatch):
    layer, maps = layer_and_maps()
    fastest_form(layer, maps, clock)
    (file,) = (cache / "calibration").iterdir()
    file.write_text(content)
    monkeypatch.setattr(_kept, "_found", {})
    layer.forget_forms()
    clock.calls = 0
    assert fastest_form(layer, maps, clock) == "joined"
    assert clock.calls


def test_a_form_with_other_results_is_left_out(clock, monkeypatch):
    layer, maps = layer_and_maps()
    forms = dict(_choice.FORMS)
    monkeypatch.setitem(_choice.FORMS, "joined", lambda *given: forms["joined"](*given) * 1.1)
    with pytest.warns(UserWarning, match="form 'joined' of a small-world layer is left out on cpu: its result is"):
        assert fastest_form(layer, maps, clock) == "masked"


def test_a_form_with_other_gradients_is_left_out(clock, monkeypatch):
    layer, maps = layer_and_maps()
    forms = dict(_choice.FORMS)

    def compute(*given):
        result = forms["joined"](*given)
        result.register_hook(lambda gradient: gradient * 1.1)
        return result

    monkeypatch.setitem(_choice.FORMS, "joined", compute)
    with pytest.warns(UserWarning, match="form 'joined' of a small-world layer is left out on cpu: a gradient is"):
        assert fastest_form(layer, maps, clock) == "masked"


def test_a_form_that_fails_is_left_out(clock, monkeypatch):
    def fail(*_):
        raise RuntimeError("no kernel image\nmore")

    layer, maps = layer_and_maps()
    monkeypatch.setitem(_choice.FORMS, "joined", fail)
    with pytest.warns(UserWarning, match="left out on cpu: RuntimeError: no kernel image$"):
        assert fastest_form(layer, maps, clock) == "masked"


def test_where_memory_does_not_suffice_nothing_is_kept(clock, cache, monkeypatch):
    def fail(*_):
        raise torch.OutOfMemoryError

    layer, maps = layer_and_maps()
    monkeypatch.setitem(_choice.FORMS, "joined", fail)
    assert fastest_form(layer, maps, clock) == "masked"
    assert not (cache / "calibration").exists() or not [*(cache / "calibration").iterdir()]


def test_measuring_changes_nothing(clock):
    """Neither gradients nor random numbers nor statistics; dropouts are left out."""
    layer, maps = layer_and_maps(7)
    layer.train()
    state = torch.get_rng_state()
    fastest_form(layer, maps, clock)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None for parameter in layer.parameters())


def test_an_empty_batch_is_not_measured(clock):
    layer, maps = layer_and_maps()
    assert fastest_form(layer, [map_[:0] for map_ in maps], clock) == "masked"
    assert not clock.calls


def test_the_block_kernels_are_among_the_forms(monkeypatch):
    needs_interpreter()
    monkeypatch.setattr(_choice, "_WARM_UP", 0)
    monkeypatch.setattr(_choice, "_ROUNDS", 1)
    layer, maps = layer_and_maps(8)
    left = ["masked", "joined", "blocks"]
    with torch.no_grad():
        assert fastest_form(layer, maps, lambda step: step() is not None and SECONDS[left.pop(0)]) == "blocks"
    prepare(layer, "blocks")
