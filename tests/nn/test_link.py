import pytest
import torch
import torch.nn.functional as F
from torch import nn

from swann.nn import Geometry, Link

MASK = torch.tensor([[True, False, True], [False, False, True]])
GEOMETRY = Geometry((1, 1), ((0, 0), (0, 0)), (1, 1))


def link_of(mask=MASK, kernel=(2, 2), geometry=GEOMETRY):
    link = Link(mask, kernel, geometry)
    with torch.no_grad():
        link.weight.copy_(torch.arange(link.weight.numel()).view_as(link.weight) + 1)
    return link


def test_only_existing_edges_have_weights():
    link = link_of()
    assert link.weight.shape == (3, 2, 2)
    dense = link.dense_weight()
    assert dense.shape == (2, 3, 2, 2)
    assert dense[0, 0].tolist() == [[1, 2], [3, 4]]
    assert dense[0, 2].tolist() == [[5, 6], [7, 8]]
    assert dense[1, 2].tolist() == [[9, 10], [11, 12]]
    assert not dense[~MASK].any()


def test_a_full_link_needs_no_copy():
    link = link_of(torch.ones(2, 3, dtype=torch.bool))
    assert link.index is None
    assert link.dense_weight().data_ptr() == link.weight.data_ptr()


def test_a_link_into_a_linear_layer_pools_the_map_to_the_kernel():
    link = link_of(geometry=None)
    source = torch.rand(5, 3, 6, 4, generator=torch.Generator().manual_seed(0))
    pooled = source.unflatten(2, (2, 3)).unflatten(4, (2, 2)).mean((3, 5))
    expected = F.linear(pooled.flatten(1), link.dense_weight().flatten(1))
    torch.testing.assert_close(link(source, nn.Identity()), expected)


def test_a_state_with_another_mask_moves_the_weights_with_it():
    link, other = link_of(), link_of(MASK.flip(0))
    link.load_state_dict(other.state_dict())
    assert torch.equal(link.dense_weight(), other.dense_weight())


def test_a_state_whose_mask_has_another_number_of_edges_is_refused():
    link = link_of()
    state = link.state_dict() | {"mask": torch.ones_like(MASK), "weight": torch.ones(3, 2, 2)}
    before = link.dense_weight().clone()
    with pytest.raises(
        RuntimeError, match="mask has 6 edges, the network's link 3: the state is of another plan; .*load"
    ):
        link.load_state_dict(state)
    assert torch.equal(link.mask, MASK)
    assert torch.equal(link.dense_weight(), before)


def test_the_printed_form_names_the_size():
    assert repr(link_of()) == "Link(3 → 2, 3 edges of 2×2)"


def test_an_index_that_was_made_without_gradients_serves_with_them():
    link = Link(torch.eye(3, dtype=torch.bool), (), None)
    torch.nn.init.ones_(link.weight)
    with torch.inference_mode():
        link.dense_weight()
    (gradient,) = torch.autograd.grad(link.dense_weight().sum(), link.weight)
    assert torch.equal(gradient, torch.ones(3))


def test_without_an_index_the_dense_weight_is_the_same():
    mask = torch.tensor([[True, False], [True, True]])
    link = Link(mask, (2,), None)
    torch.nn.init.normal_(link.weight, generator=torch.Generator().manual_seed(0))
    expected = link.dense_weight()
    link.index = None
    compiled = torch.compile(link.dense_weight, backend="eager", fullgraph=True)
    assert torch.equal(compiled(), expected)
    assert link.index is None
