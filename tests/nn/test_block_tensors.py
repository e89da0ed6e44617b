import torch
from block_passes import pair
from torch import nn

from swann.nn._block_tensors import INPUTS, OF_INPUTS, OF_TENSORS, PassTensors, add_links
from swann.nn.kernels import BlockMap, Given, ScriptBuilder


def test_each_tensor_has_one_address_and_its_gradient_a_place():
    tensors = PassTensors(torch.float64)
    linear, frozen = nn.Linear(3, 2), nn.Linear(3, 4).requires_grad_(False)
    first = OF_INPUTS + 1
    assert tensors.parameter(linear, "weight") == Given(first)
    assert tensors.parameter(frozen, "weight") == Given(first + 1)
    assert tensors.parameter(linear, "bias") == Given(first + 2)
    assert tensors.parameter(linear, "weight") == Given(first)
    assert [each.of_module[each.name] is linear.bias for each in tensors.given] == [False, False, True]
    assert tensors.starts == [0, None, 6]
    assert tensors.n_numbers == 8
    assert tensors.gradient(linear, "bias") == Given(OF_TENSORS, 6 * 8)
    assert tensors.gradient(frozen, "weight") is None
    assert tensors.gradient(nn.Linear(2, 2, bias=False), "bias") is None


def test_buffers_have_types_of_their_own_and_no_gradients():
    tensors = PassTensors(torch.float32)
    norm, link = nn.BatchNorm1d(2), nn.Module()
    link.register_buffer("wiring", torch.zeros(3, dtype=torch.int32))
    tensors.buffer(norm, "running_mean")
    tensors.buffer(link, "wiring", torch.int32)
    tensors.parameter(norm, "weight")
    assert tensors.parameters == [2]
    tensors.given.pop(), tensors.starts.pop()
    assert [each.dtype for each in tensors.given] == [torch.float32, torch.int32]
    assert tensors.starts == [None, None]
    assert tensors.n_numbers == 2


def test_links_of_one_layer_add_up_in_its_map():
    """The sum over links, from dense weights."""
    _, sparse = pair("neurons", p=0.6)
    layer = sparse.each_layer()[-1]
    sources = [torch.randn(1, link.mask.shape[1], 5, dtype=torch.float64) for _, link in layer.each_link()]
    result = torch.zeros(1, layer.n_nodes, 5, dtype=torch.float64)
    builder, tensors = ScriptBuilder(1), PassTensors(torch.float64)
    target = BlockMap(Given(INPUTS), layer.n_nodes, (), 1, 5, "float64")
    operands = [
        BlockMap(Given(INPUTS + 1 + number), source.shape[1], (), 1, 5, "float64")
        for number, source in enumerate(sources)
    ]
    assert len(sources) <= OF_INPUTS - INPUTS
    add_links(builder, "forward", tensors, [(layer, number) for number in range(len(sources))], target, operands)
    script, _ = builder.finished()
    given = [result, *sources, *[torch.empty(0)] * (OF_INPUTS - INPUTS - len(sources))]
    found = [each.of_module[each.name] for each in tensors.given]
    script.run([0, *(tensor.data_ptr() for tensor in (*given, *found))])
    expected = sum(link.dense_weight() @ each for (_, link), each in zip(layer.each_link(), sources, strict=True))
    torch.testing.assert_close(result, expected.detach())
