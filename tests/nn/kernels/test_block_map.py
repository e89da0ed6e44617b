import torch

from swann.nn.kernels import BlockMap, Given


def test_the_sizes_of_a_map():
    found = BlockMap(0, 3, (4, 5), 2, 16, "float64")
    assert (found.n_elements, found.numel, found.nbytes) == (320, 1920, 15360)
    assert found.samples == (2, 3)
    assert [BlockMap(0, 3, size, 1, 1, "float32").axes for size in ((4, 5), (7,))] == [(4, 5), (1, 7)]
    maps = found.maps()
    assert (maps.of_channel, maps.of_block) == (320 * 8, 3 * 320 * 8)
    draws = found.beside(Given(2), 2)
    assert (draws.place, draws.of_channel, draws.of_block) == (Given(2), 320 * 2, 3 * 320 * 2)


def test_a_tensor_as_a_map():
    blocks = torch.zeros(2, 3, 4, 5, 16, dtype=torch.float64)
    assert BlockMap.of(blocks) == BlockMap(blocks.data_ptr(), 3, (4, 5), 2, 16, "float64")
    assert BlockMap.of(torch.zeros(1, 3, 7)).size == ()
