import gc

import pytest
import torch
from torch import nn

import swann
from swann._errors import InvalidValueError
from swann.experiments import BenchSettings, UnequalOutputsError, _bench, bench
from swann.experiments._bench import check_equal

SETTINGS = BenchSettings(
    batches=(1, 3), train_batch=2, threads=(1,), rounds=3, sample_seconds=1e-4, memory=False, seed=0
)


@pytest.fixture
def pair():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    return model, swann.convert(model, torch.zeros(1, 2, 4, 4), p=0.5)


def test_each_case_has_each_network_in_each_round(pair):
    calls = []
    result = bench(*pair, SETTINGS, name="net", on_progress=lambda *call: calls.append(call))
    labels = ["inference, batch 1, 1 thread", "inference, batch 3, 1 thread", "training step, batch 2, 1 thread"]
    assert [case.label for case in result.cases] == labels
    for case in result.cases:
        assert list(case.seconds) == ["baseline", "baseline channels_last", "twin masked", "twin sparse"]
        assert {len(seconds) for seconds in case.seconds.values()} == {3}
    assert [done for done, _, _ in calls] == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]
    assert {total for _, total, _ in calls} == {9}
    assert (result.name, result.memory, result.left_out) == ("net", None, {})
    assert 0 < result.multiplications < 2


def test_networks_take_turns(pair, monkeypatch):
    turns = []
    monkeypatch.setattr(_bench, "_repeats", lambda *_: 1)
    monkeypatch.setattr(_bench, "_seconds", lambda step, _: turns.append(step) or 1.0)
    bench(*pair, SETTINGS)
    for case in range(3):
        rounds = [turns[12 * case + 4 * number :][:4] for number in range(3)]
        assert rounds[0] == rounds[1] == rounds[2]
        assert len(set(rounds[0])) == 4


def test_the_state_of_the_process_is_left_alone(pair):
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    bench(*pair, SETTINGS)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert gc.isenabled()


def test_a_twin_whose_backends_disagree_is_not_timed(pair, monkeypatch):
    model, twin = pair
    forward = swann.SmallWorldNetwork.forward
    monkeypatch.setattr(
        swann.SmallWorldNetwork, "forward", lambda self, x: forward(self, x) + (self.backend == "sparse")
    )
    with pytest.raises(UnequalOutputsError, match="twin sparse: its outputs differ from those of 'twin masked' by"):
        bench(model, twin, SETTINGS)


def test_outputs_may_differ_by_rounding_alone():
    one = torch.tensor([100.0, 1.0])
    check_equal({"a": one, "b": one + torch.tensor([0.0, 9e-4])}, 1e-5)
    for other in (one + torch.tensor([0.0, 2e-3]), torch.tensor([float("nan"), 1.0])):
        with pytest.raises(UnequalOutputsError, match="b: its outputs differ from those of 'a'"):
            check_equal({"a": one, "b": other}, 1e-5)


def test_what_cannot_be_compiled_is_left_out_and_named(pair, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no compiler\nat all")

    monkeypatch.setattr(torch, "compile", fail)
    settings = BenchSettings(batches=(1,), train_batch=2, threads=(1,), rounds=1, compile=True, memory=False)
    result = bench(*pair, settings)
    assert set(result.left_out) == {"baseline compiled", "baseline channels_last compiled"}
    assert result.left_out["baseline compiled"] == "torch.compile fails here: RuntimeError: no compiler"
    assert set(result.cases[0].baselines) == {"baseline", "baseline channels_last"}


def test_outputs_of_another_shape_are_refused(pair):
    _, twin = pair
    with pytest.raises(InvalidValueError, match=r"expected outputs of shape \[batch, classes\], found \[1, 2, 4, 4\]"):
        bench(nn.Identity(), twin, SETTINGS)
