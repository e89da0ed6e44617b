import torch

from swann.nn.kernels import BlockMap
from swann.nn.kernels._average_assembly import average_function
from swann.nn.kernels._block_assembly import drop_function, fill_function
from swann.nn.kernels._channel_calls import element_call, pool_call, run_on_channels


def test_one_function_serves_maps_whose_rest_is_equal():
    lanes = BlockMap(0, 3, (), 1, 1, "float32").lanes
    calls = [
        element_call(fill_function, BlockMap(0, 3, size, 2, 1, "float32")) for size in ((1,), (1, lanes + 1), (2,))
    ]
    assert [sizes for _, sizes in calls] == [(1, 1, 1, 1, 1), (1, 1, 1, 1, lanes + 1), (1, 1, 1, 1, 2)]
    assert calls[0][0] == calls[1][0] != calls[2][0]


def test_options_make_other_functions():
    source = BlockMap(0, 3, (4,), 1, 5, "float64")
    functions = {element_call(drop_function, source, threshold=2**15, adds=adds)[0] for adds in (True, False, True)}
    assert len(functions) == 2


def test_sizes_of_a_pooling():
    source, pooled = BlockMap(0, 3, (6,), 1, 5, "float32"), BlockMap(0, 3, (2,), 1, 5, "float32")
    assert pool_call(average_function, source, pooled)[1] == (1, 6, 1, 2, 5)


def test_parts_of_tensors():
    """Some channels of some blocks, which do not follow each other."""
    whole = torch.zeros(2, 3, 4, 5)
    part = whole[:, 1:]
    run_on_channels(element_call(fill_function, BlockMap.of(part)), part, part, scales=torch.tensor([2.0, 3.0]))
    assert whole[..., 0, 0].tolist() == [[0, 2, 3], [0, 2, 3]]
    assert torch.equal(whole, whole[..., :1, :1].expand_as(whole))
    run_on_channels(element_call(fill_function, BlockMap.of(whole[:0])), whole[:0], whole[:0])
