import pytest
import torch
import torch.nn.functional as F
from torch import nn

import swann
from swann.experiments._bench_steps import Candidate, dense_candidates, random_data, training_step, twin_candidates


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))


def test_data_are_those_of_the_seed():
    inputs, labels = random_data((2, 4, 4), 3, 50, seed=1)
    assert inputs.shape == (50, 2, 4, 4)
    assert set(labels.tolist()) == {0, 1, 2}
    again = random_data((2, 4, 4), 3, 50, seed=1)
    assert torch.equal(inputs, again[0])
    assert not torch.equal(inputs, random_data((2, 4, 4), 3, 50, seed=2)[0])


def test_a_training_step_is_sgd_with_momentum_on_cross_entropy():
    model, reference = network(), network()
    inputs, labels = random_data((2, 4, 4), 3, 6, seed=0)
    step = training_step(model, inputs, labels)
    optimizer = torch.optim.SGD(reference.train().parameters(), lr=1e-4, momentum=0.9)
    for _ in range(3):
        loss = F.cross_entropy(reference(inputs), labels)
        torch.testing.assert_close(step(), loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for own, expected in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(own.detach(), expected.detach())


def test_steps_leave_the_network_as_it_is():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inputs, labels = random_data((2, 4, 4), 3, 6, seed=0)
    candidate = Candidate(model, torch.channels_last)
    candidate.training(inputs, labels)()
    outputs = candidate.inference(inputs)()
    assert outputs.is_inference()
    torch.testing.assert_close(outputs, model.eval()(inputs).detach())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(("n_dimensions", "names"), [(4, ["baseline", "baseline channels_last"]), (3, ["baseline"])])
def test_the_dense_forms_fit_the_inputs(n_dimensions, names):
    assert list(dense_candidates(network(), n_dimensions, compiled=False)) == names
    compiled = dense_candidates(network(), n_dimensions, compiled=True)
    assert list(compiled) == names + [f"{name} compiled" for name in names]


def test_twins_run_on_the_backends_that_their_names_say():
    twin = swann.convert(network(), torch.zeros(1, 2, 4, 4), p=0.5).use_backend("auto")
    found = twin_candidates(twin, ("masked", "sparse"))
    assert {name: each.network.backend for name, each in found.items()} == {
        "twin masked": "masked",
        "twin sparse": "sparse",
    }
    assert twin.backend == "auto"


def test_lowered_candidates_compute_in_bfloat16():
    inputs, labels = random_data((2, 4, 4), 3, 6, seed=0)
    twin = swann.convert(network(), torch.zeros(1, 2, 4, 4), p=0.5)
    found = dense_candidates(network(), 4, compiled=False, lowers=True) | twin_candidates(
        twin, ("sparse",), lowers=True
    )
    assert len(found) == 3
    for candidate in found.values():
        assert candidate.inference(inputs)().dtype == torch.bfloat16
        assert candidate.training(inputs, labels)().isfinite()
    assert Candidate(network()).inference(inputs)().dtype == torch.float32
