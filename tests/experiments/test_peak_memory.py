import sys

import pytest
import torch
from torch import nn

from swann.experiments import _peak_memory
from swann.experiments._bench_steps import Candidate
from swann.experiments._peak_memory import PeakMemoryError, peak_memory

needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peak memory is measured on Linux alone")


@needs_linux
def test_a_wide_layer_takes_at_least_its_weights_gradients_momenta_and_maps():
    """64 MB of weights, as much of gradients and of momenta; 1 MB of maps."""
    wide = nn.Sequential(nn.Linear(16, 1_000_000), nn.Flatten(), nn.Unflatten(1, (10, 100_000)), nn.Flatten(2))
    model = nn.Sequential(wide, nn.AdaptiveAvgPool1d(1), nn.Flatten())
    found = peak_memory(Candidate(model), (16,), 10, batch=2, threads=1)
    weights = sum(parameter.nbytes for parameter in model.parameters())
    assert 3 * weights <= found <= 5 * weights


@needs_linux
def test_a_network_that_fails_in_its_process_is_named():
    with pytest.raises(PeakMemoryError, match=r"its process ended with code 1: .*shapes cannot be multiplied"):
        peak_memory(Candidate(nn.Linear(3, 2)), (4,), 2, batch=2, threads=1)


def test_a_network_that_cannot_be_sent_is_named(monkeypatch):
    monkeypatch.setattr(_peak_memory.os, "access", lambda *_: True)
    model = nn.Linear(3, 2)
    model.hook = lambda: None
    with pytest.raises(PeakMemoryError, match="the network cannot be sent to a process of its own"):
        peak_memory(Candidate(model), (3,), 2, batch=2, threads=1)


def test_elsewhere_than_on_linux_it_says_so(monkeypatch):
    monkeypatch.setattr(_peak_memory.os, "access", lambda *_: False)
    with pytest.raises(PeakMemoryError, match="which only Linux has"):
        peak_memory(Candidate(nn.Linear(3, 2), torch.contiguous_format), (3,), 2, batch=2, threads=1)
