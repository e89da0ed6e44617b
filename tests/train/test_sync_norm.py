import copy

import pytest
import torch
from torch import nn

from swann.train._sync_norm import normalise, norms_over_processes


@pytest.fixture
def alone(monkeypatch):
    """The sum over all processes is that of one; two that talk are in test_distributed.py."""
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda _: None)


NORMS = {
    "plain": (lambda: nn.BatchNorm1d(3), (5, 3)),
    "images": (lambda: nn.BatchNorm2d(3), (4, 3, 2, 5)),
    "not affine": (lambda: nn.BatchNorm2d(3, affine=False), (4, 3, 2, 2)),
    "mean of all": (lambda: nn.BatchNorm1d(3, momentum=None), (6, 3)),
    "no statistics": (lambda: nn.BatchNorm1d(3, track_running_stats=False), (6, 3)),
}


@pytest.mark.parametrize("name", NORMS)
def test_one_process_has_torchs_batch_norm(alone, name):
    make, shape = NORMS[name]
    norm, generator = make().double(), torch.Generator().manual_seed(0)
    if norm.affine:
        nn.init.uniform_(norm.weight)
        nn.init.uniform_(norm.bias)
    oracle = copy.deepcopy(norm)
    for _ in range(2):
        values = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
        twice, weights = values.detach().clone().requires_grad_(), torch.randn(shape, generator=generator)
        found, expected = normalise(norm, 1, values), oracle(twice)
        torch.testing.assert_close(found, expected)
        (found * weights).sum().backward()
        (expected * weights).sum().backward()
        torch.testing.assert_close(values.grad, twice.grad)
        for one, other in zip(norm.parameters(), oracle.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)
        for buffer, other in zip(norm.buffers(), oracle.buffers(), strict=True):
            torch.testing.assert_close(buffer, other)
    torch.testing.assert_close(normalise(norm.eval(), 1, values), oracle.eval()(values))


def test_half_precision_is_normalised_in_single(alone):
    values = (1000 + torch.randn(64, 2)).bfloat16()
    found = normalise(nn.BatchNorm1d(2), 1, values)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), nn.BatchNorm1d(2)(values.float()), atol=0.02, rtol=0.02)


def test_modules_are_as_before_after_the_block(monkeypatch):
    model, calls = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), []
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda tensor: calls.append(tensor))
    with norms_over_processes(model, 1):
        model(torch.randn(4, 3))
    assert calls == []
    with norms_over_processes(model, 2):
        model(torch.randn(4, 3))
    assert len(calls) == 2
    assert "forward" not in vars(model[1])
    model(torch.randn(4, 3))
    assert len(calls) == 2
