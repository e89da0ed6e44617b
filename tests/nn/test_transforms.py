import copy
from functools import partial

import pytest
import torch
from networks import plan_of
from test_sparse import normal
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils.flop_counter import FlopCounterMode

from swann import InvalidValueError
from swann.nn import build
from swann.nn._transforms import is_transformed

IMAGES = normal(3, 2, 6, 6)


@pytest.fixture(scope="module")
def masked():
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2)),
        *(nn.Conv2d(4, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Dropout(0.5)),
        *(nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, 4)),
    )
    return build(plan_of(model, torch.zeros(1, 2, 6, 6), 0.6)).double().eval().use_backend("masked")


def loss(network, parameters, image):
    return functional_call(network, parameters, (image[None],)).square().sum()


def parameters_of(network):
    return {name: parameter.detach() for name, parameter in network.named_parameters()}


def one_by_one(network):
    return vmap(lambda image: network(image[None]))(IMAGES)


def gradients_of_samples(network):
    return vmap(grad(partial(loss, network)), (None, 0))(parameters_of(network), IMAGES)


def ensemble(network):
    state = stack_module_state([network, copy.deepcopy(network)])
    return vmap(lambda *state: functional_call(network, state, (IMAGES,)))(*state)


def dual(network):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(network(forward_ad.make_dual(IMAGES, 2 * IMAGES))).tangent


def dual_weights(network):
    with forward_ad.dual_level():
        weights = {name: forward_ad.make_dual(each, each) for name, each in parameters_of(network).items()}
        return forward_ad.unpack_dual(functional_call(network, weights, (IMAGES,))).tangent


def recorded(network, **options):
    return make_fx(network, **options)(IMAGES[:1].expand(3, -1, -1, -1))(IMAGES)


def fake(network):
    mode = FakeTensorMode()
    state = {name: mode.from_tensor(each) for name, each in [*network.named_parameters(), *network.named_buffers()]}
    with mode:
        return functional_call(network, state, (mode.from_tensor(IMAGES),)).shape


def fake_inputs(network):
    return network(FakeTensorMode(allow_non_fake_inputs=True).from_tensor(IMAGES)).shape


class Subclass(torch.Tensor):
    pass


def counted(network):
    with FlopCounterMode(display=False) as counter:
        network(IMAGES)
    return counter.get_total_flops()


TRANSFORMS = {
    "vmap": one_by_one,
    "jvp": lambda network: jvp(network, (IMAGES,), (2 * IMAGES,)),
    "jacrev": lambda network: jacrev(network)(IMAGES[:1]),
    "hessian": lambda network: hessian(lambda images: network(images).square().sum())(IMAGES[:1]),
    "other weights": lambda network: functional_call(
        network, {name: 2 * each for name, each in parameters_of(network).items()}, (IMAGES,)
    ),
    "gradients of samples": gradients_of_samples,
    "an ensemble": ensemble,
    "dual inputs": dual,
    "dual weights": dual_weights,
    "make_fx": recorded,
    "make_fx with symbols": partial(recorded, tracing_mode="symbolic", _allow_non_fake_inputs=True),
    "fake tensors": fake,
    "fake inputs": fake_inputs,
    "the meta device": lambda network: copy.deepcopy(network).to("meta")(IMAGES.to("meta")).shape,
    "a subclass": lambda network: network(IMAGES.as_subclass(Subclass)).as_subclass(torch.Tensor),
    "counts of operations": counted,
}


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning")  # by PyTorch's own jvp
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")  # and by its fake tensors
@pytest.mark.parametrize(
    ("name", "backend"),
    [*((name, "sparse") for name in TRANSFORMS), *((name, "joined") for name in ("vmap", "hessian", "dual weights"))],
)
def test_transforms_are_those_of_a_masked_network(masked, name, backend):
    expected = TRANSFORMS[name](copy.deepcopy(masked))
    network = copy.deepcopy(masked).use_backend(backend)
    for with_gradients in (True, False) if "symbols" not in name else (False,):
        with torch.set_grad_enabled(with_gradients):
            torch.testing.assert_close(TRANSFORMS[name](network), expected)
    with torch.no_grad():  # nothing of it is left in the network
        torch.testing.assert_close(network(IMAGES), masked(IMAGES))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("with_gradients", [True, False])
def test_traced_it_computes_any_batch(masked, with_gradients):
    network = copy.deepcopy(masked).use_backend("sparse")
    with torch.set_grad_enabled(with_gradients):
        traced = torch.jit.trace(network, IMAGES)
        for images in (IMAGES, normal(9, 2, 6, 6, seed=1)):
            torch.testing.assert_close(traced(images), masked(images))
        torch.testing.assert_close(network(IMAGES), masked(IMAGES))


@pytest.mark.parametrize("n_samples", [3, 16])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"create_graph": True}, "no second derivatives .*use_backend.'masked'"),
        ({"is_grads_batched": True}, "one gradient at a time .*use_backend.'masked'"),
    ],
)
def test_gradients_of_another_kind_are_refused(masked, n_samples, options, message):
    network, images = copy.deepcopy(masked).use_backend("sparse"), normal(n_samples, 2, 6, 6).requires_grad_()
    direction = torch.eye(4, dtype=torch.float64)[: None if "is_grads_batched" in options else 1].squeeze(0)
    for each, expects in ((masked, False), (network, True)):
        output = each(images).sum(0)
        if not expects:
            torch.autograd.grad(output, images, direction, **options)
            continue
        with pytest.raises(InvalidValueError, match=message):
            torch.autograd.grad(output, images, direction, **options)


def test_a_symbolic_trace_is_refused(masked):
    with pytest.raises(InvalidValueError, match="cannot be traced symbolically .*; use torch.export.export"):
        torch.fx.symbolic_trace(masked)


def test_what_a_transform_is():
    assert not is_transformed(IMAGES, nn.Parameter(IMAGES))
    assert is_transformed(IMAGES, IMAGES.as_subclass(Subclass))
    found = []
    vmap(lambda image: found.append(is_transformed(IMAGES)) or image)(IMAGES)
    with forward_ad.dual_level():
        found.append(is_transformed(IMAGES))
    with FakeTensorMode():
        found.append(is_transformed(IMAGES))
    assert found == [True] * 3
    assert not is_transformed(IMAGES)


def test_onnx_knows_the_network_whatever_its_backend(masked, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network = copy.deepcopy(masked).float().use_backend("auto")
    images = IMAGES.float()
    batch = torch.export.Dim("batch")
    torch.onnx.export(network, (images,), tmp_path / "twin.onnx", dynamic_shapes=({0: batch},), verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "twin.onnx")
    for n_samples in (1, 3, 5):
        given = images.repeat(2, 1, 1, 1)[:n_samples]
        (found,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
        torch.testing.assert_close(torch.from_numpy(found), network(given), rtol=1e-4, atol=1e-5)
