import copy

import pytest
import torch
from dense_nets import IMAGES, dense_net, dense_twin, reference
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from swann import InvalidValueError, UnknownNameError
from swann.nn import Link, SmallWorldNetwork

BACKENDS = ("masked", "sparse", "auto")


def with_own_norms(twin):
    """Return a network whose norms have weights of their own, so that their places show."""
    generator = torch.Generator().manual_seed(3)
    for module in twin.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(module.bias, -0.5, 0.5, generator=generator)
    return twin.double()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("p", "order"), [(0.0, "keep"), (0.6, "paper"), (0.6, "keep"), ((1.0, 0.3), "paper")])
def test_outputs_and_gradients_are_those_of_dense_convolutions(backend, p, order):
    twin = with_own_norms(dense_twin(p, order=order)).use_backend(backend)
    inputs = IMAGES.double().requires_grad_()
    expected, found = reference(twin, inputs), twin(inputs)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    direction = torch.randn(expected.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    wanted = [inputs, *twin.parameters()]
    gradients = (torch.autograd.grad(output, wanted, direction) for output in (found, expected))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(
    growth_rate=st.integers(1, 5),
    n_layers=st.integers(2, 5),
    p=st.floats(0, 1),
    seed=st.integers(0, 1000),
    repair=st.booleans(),
)
def test_the_blocks_have_exactly_the_weights_of_their_chains(growth_rate, n_layers, p, seed, repair):
    twin = dense_twin(p, seed=seed, repair=repair, growth_rate=growth_rate, n_layers=n_layers)
    for part, n_inputs in ((twin.parts[1], 4), (twin.parts[3], 4 + n_layers * growth_rate)):
        weights = sum(module.weight.numel() for module in part.modules() if isinstance(module, Link))
        assert weights == 9 * (n_inputs * growth_rate + (n_layers - 1) * growth_rate**2)
    inputs = IMAGES.double()
    torch.testing.assert_close(twin.double()(inputs), reference(twin, inputs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("batch", [1, 5, 33])
def test_the_backends_agree_on_any_batch_without_gradients(batch):
    twin = dense_twin(0.7).eval()
    images = torch.randn(batch, 2, 6, 7, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        expected = twin.use_backend("masked")(images)
        for backend in BACKENDS[1:]:
            torch.testing.assert_close(twin.use_backend(backend)(images), expected, rtol=1e-4, atol=1e-5)


def test_a_backend_is_chosen_for_all_parts():
    twin = dense_twin().use_backend("masked")
    assert {twin.backend, *(part.backend for part in twin.each_part())} == {"masked"}
    with pytest.raises(UnknownNameError, match="unknown backend 'dense'"):
        twin.use_backend("dense")
    assert twin.backend == "masked"


def test_inputs_of_another_shape_are_refused():
    with pytest.raises(InvalidValueError, match=r"reads inputs of shape \[batch, 2, 6, 7\], got \[3, 2, 7, 6\]"):
        dense_twin()(IMAGES.transpose(2, 3))


def test_the_parts_that_are_no_blocks_keep_their_links():
    twin, model = dense_twin(1.0), dense_net()
    kept = [part for part in twin.each_part() if not part.plan.chain.dense]
    shapes = [link.dense_weight().shape for part in kept for _, link in part.each_layer()[0].each_link()]
    modules = [model[0], model[7], model[-1]]
    assert [module.weight.shape for module in modules] == [torch.Size(shape) for shape in shapes]
    assert all(link.mask.all() for part in kept for _, link in part.each_layer()[0].each_link())


def test_state_and_copies():
    twin, other = dense_twin(seed=1).eval(), dense_twin(seed=1)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    other.load_state_dict(twin.state_dict())
    assert torch.equal(other.eval()(IMAGES), twin(IMAGES))
    assert torch.equal(copy.deepcopy(twin)(IMAGES), twin(IMAGES))
    assert "p=0.6, 0.6" in str(twin)
    assert all(isinstance(part, SmallWorldNetwork) for part in twin.parts)


def test_it_runs_in_lower_precision_and_can_be_exported():
    twin = dense_twin().eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halved = twin(IMAGES)
    torch.testing.assert_close(halved.float(), twin(IMAGES), rtol=0.1, atol=0.1)
    exported = torch.export.export(twin.use_backend("masked"), (IMAGES,)).module()
    torch.testing.assert_close(exported(IMAGES), twin(IMAGES))


def test_distributed_training_leaves_the_wiring_alone(tmp_path):
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        twin = dense_twin()
        wrapped = nn.parallel.DistributedDataParallel(twin)
        wrapped(IMAGES).sum().backward()
        assert all(parameter.grad is not None for parameter in twin.parameters())
        assert not any(name.endswith(("mask", "index", "wiring")) for name, _ in wrapped.named_module_buffers.items())
    finally:
        torch.distributed.destroy_process_group()
