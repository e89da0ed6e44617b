"""Networks on CUDA tensors without data, which need no GPU: what computes them there."""

import pytest
import torch
from networks import IMAGES, twin
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from swann import InvalidValueError
from swann.nn.gpu import _inflow, prepare


def on_cuda(network):
    """Put CUDA tensors without data in the place of all parameters and buffers."""
    for name, parameter in list(network.named_parameters()):
        owner, _, own = name.rpartition(".")
        empty = torch.empty(parameter.shape, dtype=parameter.dtype, device="cuda")
        setattr(network.get_submodule(owner), own, nn.Parameter(empty))
    for name, buffer in list(network.named_buffers()):
        owner, _, own = name.rpartition(".")
        setattr(network.get_submodule(owner), own, torch.empty(buffer.shape, dtype=buffer.dtype, device="cuda"))


@pytest.fixture
def computed(monkeypatch):
    """Return the forms that layers are computed in, as they are computed."""
    found = []
    for form, function in list(_inflow.FORMS.items()):

        def note(*given, form=form, function=function):
            found.append(form)
            return function(*given)

        monkeypatch.setitem(_inflow.FORMS, form, note)
    return found


@pytest.mark.parametrize(("backend", "form"), [("sparse", "blocks"), ("joined", "joined"), ("masked", "masked")])
def test_each_backend_has_its_form(backend, form, computed, monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)  # elsewhere tensors without data are masked
    network = twin(0.6).use_backend(backend).eval()
    for layer in network.each_layer():
        prepare(layer, form)
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_cuda(network)
        output = network(torch.empty(IMAGES.shape, device="cuda"))
        assert output.device.type == "cuda"
        assert output.shape == (3, 4)
        assert computed == [form] * 8


def test_double_precision_is_masked(computed):
    network = twin(0.6).use_backend("sparse").double().eval()
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_cuda(network)
        network(torch.empty(IMAGES.shape, dtype=torch.float64, device="cuda"))
    assert computed == ["masked"] * 8


def test_automatically_nothing_that_was_not_measured_is_chosen_under_compilation(computed, monkeypatch):
    network = twin(0.6).use_backend("auto").eval()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_cuda(network)
        network(torch.empty(IMAGES.shape, device="cuda"))
    assert computed == ["masked"] * 8


def test_on_other_devices_existing_edges_alone_are_not_computed():
    network = twin(0.6).use_backend("sparse")
    with (
        FakeTensorMode(allow_non_fake_inputs=True),
        pytest.raises(InvalidValueError, match="runs on the CPU and on CUDA, the inputs are on xpu:0; use"),
    ):
        network(torch.empty(IMAGES.shape, device="xpu"))


@pytest.mark.parametrize("listened_to", ["layers.1.links.0", "layers.1"])
@pytest.mark.filterwarnings("ignore:module layers.1.links.0 has a hook")
def test_links_with_hooks_make_a_network_masked_and_layers_do_not(listened_to, computed, monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    network, calls = twin(0.6).use_backend("sparse").eval(), []
    for layer in network.each_layer():
        prepare(layer, "blocks")
    network.get_submodule(listened_to).register_forward_hook(lambda *_: calls.append(1))
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_cuda(network)
        network(torch.empty(IMAGES.shape, device="cuda"))
    assert calls == [1]
    assert computed == ["masked" if "links" in listened_to else "blocks"] * 8
