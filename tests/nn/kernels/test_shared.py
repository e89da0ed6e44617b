import pytest
import torch
from links import random_mask, shape_of

from swann import InvalidValueError
from swann.nn.kernels import SharedGradients, shared_layer, shared_pool, sparse_layer, wiring

SHAPE = shape_of(5, 5, 3, before=1)
MASKS = [random_mask(3, 3, 0.6, seed=seed) for seed in range(3)]
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = [torch.randn(int(mask.sum()), 3, generator=GENERATOR, dtype=torch.float64) for mask in MASKS]
MAP = torch.randn(1, 3, 5, 16, generator=GENERATOR, dtype=torch.float64)
SIZE = [1, 3, 5, 16]


def network(first, weights, shared):
    """Return the sum of two layers: one reads the first map, the other one that map and the first layer's map."""
    packed = [wiring(mask) for mask in MASKS]

    def layer(numbers, is_first, sources, links):
        chosen = [weights[link] for link in links], [packed[link] for link in links]
        shapes = SHAPE.flat() * len(links)
        if shared is None:
            return sparse_layer(sources, *chosen, None, shapes, SIZE)
        return shared_layer(shared, numbers, is_first, sources, *chosen, None, shapes, SIZE)

    first = first.tanh()
    middle = layer([0], [True], [first], [0]).tanh()
    return layer([1, 0], [True, False], [middle, first], [1, 2]).square()


def leaves():
    return MAP.clone().requires_grad_(), [weight.clone().requires_grad_() for weight in WEIGHTS]


def gradients(shared, wanted=slice(None), retain=False):
    first, weights = leaves()
    result = network(first, weights, shared)
    chosen = [first, *weights][wanted]
    return torch.autograd.grad(result.sum(), chosen, retain_graph=retain)


def test_gradients_are_those_of_the_operator():
    for left, right in zip(gradients(SharedGradients()), gradients(None), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-13, atol=1e-13)


def test_nothing_is_kept_after_a_backward_pass():
    shared = SharedGradients()
    gradients(shared)
    assert not shared._readers
    assert not shared._sums
    assert not shared._pools


def test_a_pass_for_some_gradients_leaves_nothing_for_the_next():
    first, weights = leaves()
    result = network(first, weights, SharedGradients()).sum()
    for wanted in ([weights[2]], [weights[1]], [weights[0]], [first], [first, *weights], [first, *weights]):
        found = torch.autograd.grad(result, wanted, retain_graph=True)
        other_first, other_weights = leaves()
        names = dict(zip(map(id, [first, *weights]), [other_first, *other_weights], strict=True))
        expected = torch.autograd.grad(
            network(other_first, other_weights, None).sum(), [names[id(tensor)] for tensor in wanted]
        )
        for left, right in zip(found, expected, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-13, atol=1e-13)


def test_an_error_in_a_backward_pass_leaves_nothing_for_the_next():
    first, weights = leaves()
    broken = []

    def fail(gradient):
        if not broken:
            broken.append(gradient)
            raise RuntimeError("a mistake elsewhere")

    middle = first.tanh()
    middle.register_hook(fail)
    shared = SharedGradients()
    packed = wiring(MASKS[0])
    once = shared_layer(shared, [0], [True], [middle], weights[:1], [packed], None, SHAPE.flat(), SIZE).tanh()
    both = [middle, once], weights[1:], [wiring(mask) for mask in MASKS[1:]]
    result = shared_layer(shared, [0, 1], [False, True], *both, None, SHAPE.flat() * 2, SIZE).square().sum()
    with pytest.raises(RuntimeError, match="a mistake elsewhere"):
        torch.autograd.grad(result, [first], retain_graph=True)
    (found,) = torch.autograd.grad(result, [first], retain_graph=True)
    (again,) = torch.autograd.grad(result, [first])
    assert torch.equal(found, again)


def test_a_second_derivative_is_refused():
    first, weights = leaves()
    result = network(first, weights, SharedGradients()).sum()
    with pytest.raises(InvalidValueError, match="no second derivatives .*create_graph=True.*use_backend.'masked'"):
        torch.autograd.grad(result, first, create_graph=True)


@pytest.mark.parametrize("pool_is_first", [False, True])
@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_a_pooled_map_hands_its_gradient_on_with_the_others(pool_is_first, kind):
    """The same map is read as it is and pooled; sums of half precision are of single precision."""
    shared, packed = SharedGradients(), [wiring(mask) for mask in MASKS]
    single = torch.float32 if kind == torch.bfloat16 else kind
    weights = [weight.to(single) for weight in WEIGHTS]

    def halve(source):
        return source.unflatten(2, (1, 5)).mean(3)

    def outputs(first, shared):
        def pooled():
            return halve(first) if shared is None else shared_pool(shared, 0, pool_is_first, (1,), first)

        def layer():
            operands = [first.to(single)], weights[:1], packed[:1], None, SHAPE.flat(), SIZE
            return (
                sparse_layer(*operands) if shared is None else shared_layer(shared, [0], [not pool_is_first], *operands)
            )

        return (pooled(), layer()) if pool_is_first else (layer(), pooled())[::-1]

    first = MAP.to(kind).requires_grad_()
    found, expected = (
        torch.autograd.grad(sum(each.double().square().sum() for each in outputs(first.tanh(), of)), first)[0]
        for of in (shared, None)
    )
    assert found.dtype == kind
    torch.testing.assert_close(found, expected, rtol=1e-13 if kind == torch.float64 else 0.02, atol=1e-13)
    assert not shared._pools
