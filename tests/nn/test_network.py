import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import IMAGES, n_parameters, plan_of, twin
from torch import nn

from swann import InvalidValueError
from swann.nn import build, strided


def edge_by_edge(network, images):
    """Compute a network in evaluation mode edge by edge, each edge's map on its own (Eq. 4 written out)."""
    chain = network.plan.chain
    maps = [images]
    for number, (spec, layer) in enumerate(zip(chain.layers, network.each_layer(), strict=True), start=1):
        total = images.new_zeros(len(images), spec.n_outputs, *spec.size)
        if layer.bias is not None:
            total = total + layer.bias.view(-1, *(1,) * len(spec.size))
        for source, link in layer.each_link():
            for edge, (target, channel) in enumerate(link.mask.nonzero().tolist()):
                one = maps[source][:, channel : channel + 1]
                weight = link.weight[edge]
                if spec.kind == "linear":
                    pooled = F.adaptive_avg_pool2d(one, weight.shape).flatten(1) if one.ndim == 4 else one
                    value = pooled @ weight.reshape(-1, 1)
                elif source == number - 1:
                    mode = "constant" if spec.padding_mode == "zeros" else spec.padding_mode
                    padded = F.pad(one, [*spec.padding[1], *spec.padding[0]], mode=mode)
                    value = F.conv2d(padded, weight[None, None], None, spec.stride, 0, spec.dilation)
                else:
                    reader = chain.layers[source]
                    geometry = strided(one.shape[2:], spec.size, reader.kernel, reader.dilation)
                    padded = F.pad(one, [*geometry.padding[1], *geometry.padding[0]])
                    value = F.conv2d(padded, weight[None, None], None, geometry.stride, 0, geometry.dilation)
                total = torch.cat([total[:, :target], total[:, target : target + 1] + value, total[:, target + 1 :]], 1)
        maps.append(layer.stages(total))
        if number < len(chain.layers):
            maps[-1] = maps[-1].reshape(len(images), *spec.map_shape)
    return maps[-1]


@pytest.mark.parametrize(("p", "repair"), [(0.0, True), (0.4, True), (0.8, False), (1.0, True)])
def test_output_and_gradients_equal_those_computed_edge_by_edge(p, repair):
    network = twin(p, repair=repair).double().eval()
    images = IMAGES.double().requires_grad_()
    found, expected = network(images), edge_by_edge(network, images)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    wanted = [images, *network.parameters()]
    direction = torch.randn_like(found)
    for left, right in zip(
        torch.autograd.grad(found, wanted, direction, allow_unused=True),
        torch.autograd.grad(expected, wanted, direction, allow_unused=True),
        strict=True,
    ):
        assert (left is None) == (right is None)
        if left is not None:
            torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9)


@st.composite
def networks(draw):
    """Draw a chain of convolutions and linear layers with example inputs."""
    n_dims, size = draw(st.integers(1, 3)), draw(st.integers(4, 9))
    convolution = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[n_dims - 1]
    pool = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[n_dims - 1]
    norm = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[n_dims - 1]
    channels = draw(st.integers(1, 4))
    example = torch.zeros(1, channels, *(size,) * n_dims)
    modules, side = [], size
    for _ in range(draw(st.integers(1, 4))):
        groups = draw(st.sampled_from([1, channels]))
        outputs = groups * draw(st.integers(1, 3))
        kernel = draw(st.sampled_from([1, 3]))
        modules += [
            convolution(channels, outputs, kernel, padding=kernel // 2, groups=groups, bias=draw(st.booleans()))
        ]
        modules += [norm(outputs)] * draw(st.booleans()) + [nn.ReLU()]
        channels = outputs
        if side >= 4 and draw(st.booleans()):
            modules.append(pool(2))
            side //= 2
    modules += [nn.Flatten(), nn.Linear(channels * side**n_dims, 7), nn.ReLU()]
    modules += [nn.Linear(7, 6), nn.ReLU()] * draw(st.booleans()) if draw(st.booleans()) else []
    width = 6 if isinstance(modules[-2], nn.Linear) and modules[-2].out_features == 6 else 7
    return nn.Sequential(*modules, nn.Linear(width, 3)), example


@settings(max_examples=60)
@given(networks(), st.floats(0, 1), st.integers(0, 99), st.booleans(), st.sampled_from(["nodes", "layers"]))
def test_the_twin_has_exactly_as_many_parameters(network, p, seed, repair, draw):
    model, example = network
    rewired = build(plan_of(model, example, p, seed=seed, repair=repair, draw=draw))
    assert n_parameters(rewired) == n_parameters(model)
    assert rewired(example.expand(2, *example.shape[1:])).shape == (2, 3)


OPTIMIZERS = [
    lambda parameters: torch.optim.SGD(parameters, 0.1, momentum=0.9, weight_decay=0.1, nesterov=True),
    lambda parameters: torch.optim.AdamW(parameters, 0.01, weight_decay=0.5),
    lambda parameters: torch.optim.Adadelta(parameters, 1.0),
]


@pytest.mark.parametrize("create", OPTIMIZERS, ids=["sgd", "adamw", "adadelta"])
def test_weights_that_do_not_exist_stay_zero_through_training(create):
    network = twin(0.6)
    optimizer = create(network.parameters())
    before = [link.dense_weight().detach().clone() for layer in network.each_layer() for _, link in layer.each_link()]
    for _ in range(5):
        optimizer.zero_grad()
        network(IMAGES).square().sum().backward()
        optimizer.step()
    links = [link for layer in network.each_layer() for _, link in layer.each_link()]
    for link, start in zip(links, before, strict=True):
        dense = link.dense_weight()
        assert not dense[~link.mask].any()
        assert not torch.equal(dense, start)


def test_dropout_before_a_layer_acts_on_all_that_flows_into_it():
    """With everything dropped before the last layer, its output is its bias, whatever links go round the dropout."""
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(1.0), nn.Linear(8, 4))
    network = build(plan_of(model, torch.ones(1, 6), 0.7))
    assert len(network.each_layer()[-1].sources) == 3
    assert not network(torch.randn(5, 6)).any()
    assert network.eval()(torch.randn(5, 6)).any()


def test_a_layer_without_any_input_is_constant():
    model = nn.Sequential(
        nn.Linear(1, 3), nn.ReLU(), nn.Linear(3, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 3)
    )
    network = build(plan_of(model, torch.ones(1, 1), 1, repair=False))
    assert network.each_layer()[0].sources == []
    assert network(torch.randn(4, 1)).shape == (4, 3)


def test_inputs_of_another_size_are_refused():
    with pytest.raises(InvalidValueError, match=r"reads inputs of shape \[batch, 2, 27, 27\], got \[3, 2, 28, 28\]"):
        twin()(torch.zeros(3, 2, 28, 28))


def test_a_network_that_ends_in_a_convolution_returns_what_the_model_returns():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert build(plan_of(model, IMAGES, 0.5))(IMAGES).shape == (3, 4)
    assert build(plan_of(model[:3], IMAGES, 0.5))(IMAGES).shape == (3, 4, 23, 23)


def test_copies_and_pickles_compute_the_same():
    network = twin().eval()
    expected = network(IMAGES)
    assert torch.equal(copy.deepcopy(network)(IMAGES), expected)
    again = pickle.loads(pickle.dumps(network))
    assert torch.equal(again(IMAGES), expected)
    assert again.plan == network.plan


def test_the_state_holds_the_masks_and_gives_the_network_back():
    network, other = twin(), twin(seed=3)
    assert any(name.endswith("mask") for name in network.state_dict())
    again = build(network.plan, seed=5)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(IMAGES), network.eval()(IMAGES))
    with pytest.raises((RuntimeError, InvalidValueError), match="size mismatch|Missing key|the mask has"):
        other.load_state_dict(network.state_dict())


def test_compiled_it_computes_the_same():
    network = twin(0.3).eval()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(IMAGES), network(IMAGES))


def test_other_devices_and_types():
    assert twin().to("meta")(IMAGES.to("meta")).device.type == "meta"
    network = twin().eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halved = network(IMAGES)
    assert halved.dtype == torch.bfloat16
    torch.testing.assert_close(halved.float(), network(IMAGES), rtol=0.1, atol=0.1)


def test_distributed_training_wraps_it(tmp_path):
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        network = twin()
        wrapped = nn.parallel.DistributedDataParallel(network)
        wrapped(IMAGES).sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        assert not any(name.endswith(("mask", "index")) for name, _ in wrapped.named_module_buffers.items())
    finally:
        torch.distributed.destroy_process_group()
