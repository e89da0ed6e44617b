import copy
import io

import pytest
import torch
from networks import IMAGES, plan_of, twin
from tiles import needs_interpreter
from torch import nn

from swann.nn import build
from swann.nn.gpu import FORMS, block_tables, can_use_blocks, prepare

pytest.importorskip("triton")


def maps_of(network, images=IMAGES):
    """Return the maps of all layers, computed by masked convolutions."""
    network.use_backend("masked")
    maps = [images]
    for layer in network.each_layer():
        maps.append(layer(maps).detach().reshape(-1, *layer.map_shape))
    return maps


def flows(layer, maps, form):
    """Return what flows into a layer, and the gradients of its maps and weights."""
    if form == "blocks":
        needs_interpreter()
    prepare(layer, form)
    given = [None if number not in layer.sources else map_.clone().requires_grad_() for number, map_ in enumerate(maps)]
    result = FORMS[form](layer, list(given), layer.dropout)
    operands = [*(map_ for map_ in given if map_ is not None), *layer.links.parameters()]
    direction = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result)
    return result.detach(), *torch.autograd.grad(result, operands, direction)


def assert_near(found, expected):
    for left, right in zip(found, expected, strict=True):
        assert left.shape == right.shape
        assert (left - right).abs().max() <= 1e-5 * right.abs().max().clamp(min=1e-3)


@pytest.mark.parametrize("number", range(1, 9))
def test_forms_of_a_layer_are_the_same(number):
    """Strides, odd sizes, dilation, groups, reflected borders, maps that end in neurons, neurons."""
    network = twin(0.6).eval()
    maps, layer = maps_of(network), network.each_layer()[number - 1]
    expected = flows(layer, maps, "masked")
    assert_near(flows(layer, maps, "joined"), expected)
    if number in (4, 6, 8):  # the others take the interpreter long
        assert can_use_blocks(layer, maps)
        assert_near(flows(layer, maps, "blocks"), expected)


def test_links_of_one_dimension_are_computed_by_tiles():
    model = nn.Sequential(
        nn.Conv1d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv1d(6, 6, 3, 2), nn.ReLU(), nn.Conv1d(6, 4, 3), nn.Flatten(),
        nn.Linear(4 * 3, 5),
    )  # fmt: skip
    example = torch.randn(2, 3, 11, generator=torch.Generator().manual_seed(0))
    network = build(plan_of(model, example, 0.7))
    maps = maps_of(network, example)
    for layer in network.each_layer()[1:]:
        assert_near(flows(layer, maps, "blocks"), flows(layer, maps, "masked"))


def test_what_block_kernels_cannot_compute_is_said_so():
    model = nn.Sequential(nn.Conv3d(1, 3, 3), nn.ReLU(), nn.Conv3d(3, 3, 3), nn.Flatten(), nn.Linear(3, 2))
    example = torch.zeros(1, 1, 5, 5, 5)
    deep = build(plan_of(model, example, 0.5))
    assert not any(can_use_blocks(layer, maps_of(deep, example)) for layer in deep.each_layer())
    prepare(deep.each_layer()[0], "blocks")
    assert deep.each_layer()[0].tables is None
    network = twin().double().eval()
    assert not can_use_blocks(network.each_layer()[0], maps_of(network, IMAGES.double()))


@pytest.mark.parametrize("form", ["joined", "blocks"])
def test_weights_from_a_file_bring_their_masks_along(form):
    """What was made of the masks before is made again, and none of it is in the file."""
    network, other = twin(0.6).eval(), twin(0.6).eval()
    for layer in network.each_layer():
        prepare(layer, form)
    layer = network.each_layer()[3]
    before = [link.mask.clone() for _, link in layer.each_link()]
    for link in (link for _, link in other.each_layer()[3].each_link()):
        state = link.state_dict()
        link.load_state_dict({**state, "mask": state["mask"].flip(1)})
    network.load_state_dict(other.state_dict())
    assert any(not torch.equal(link.mask, mask) for (_, link), mask in zip(layer.each_link(), before, strict=True))
    maps = maps_of(network)
    assert_near(flows(layer, maps, form), flows(layer, maps, "masked"))


def test_prepared_layers_are_copied_and_saved():
    network = twin(0.6).use_backend("joined").eval()
    expected = network(IMAGES)
    assert torch.equal(copy.deepcopy(network)(IMAGES), expected)
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    assert torch.equal(torch.load(file, weights_only=False)(IMAGES), expected)
    assert not any("joined" in name or "tables" in name for name in network.state_dict())


def test_what_is_prepared_in_inference_mode_serves_training_too():
    network = twin(0.6).use_backend("masked")
    with torch.inference_mode():
        for layer in network.each_layer():
            prepare(layer, "joined")
            prepare(layer, "blocks")
    assert not any(layer.tables.is_inference() or layer.joined_index.is_inference() for layer in network.each_layer())


def test_tables_are_made_for_the_masks_of_the_layer():
    layer = twin(0.6).each_layer()[3]
    prepare(layer, "blocks")
    masks = [link.mask for _, link in layer.each_link()]
    layout, tables = block_tables(masks, layer.link_shapes, layer.layout[0])
    assert layer.layout == layout.flat()
    assert torch.equal(layer.tables, tables)


def test_under_autocast_tiles_are_multiplied_in_its_type():
    network = twin(0.6).eval()
    maps, layer = maps_of(network), network.each_layer()[-1]
    expected = flows(layer, maps, "masked")
    with torch.autocast("cpu", torch.float16):
        found = flows(layer, maps, "blocks")
    assert [each.dtype for each in found] == [torch.float16, *[torch.float32] * (len(found) - 1)]
    for left, right in zip(found, expected, strict=True):
        assert (left - right).abs().max() <= 5e-3 * right.abs().max()
