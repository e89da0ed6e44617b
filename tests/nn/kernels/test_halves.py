import numpy as np
import pytest
import torch
from half_precision import needs_halves

from swann.nn.kernels import BlockMap, Given, ScriptBuilder, _halves, add_halves, has_halves, to_blocks, to_halves
from swann.nn.kernels._halves import halve_function
from swann.nn.kernels._script import block_of_memory


@pytest.mark.parametrize(
    ("samples", "dtype"), [((2, 8), torch.float32), ((3, 16), torch.float32), ((2, 16), torch.float64)]
)
def test_what_has_no_halves(samples, dtype):
    assert not has_halves(samples, dtype)


def test_another_processor_has_none(monkeypatch):
    monkeypatch.setattr(_halves, "can_halve", lambda: False)
    assert not has_halves((2, 16), torch.float32)


def test_only_whole_vectors_are_halved():
    with pytest.raises(ValueError, match="only whole vectors of 16 float32 are halved, got 8 float32 and 3"):
        halve_function("float32", 8, 3)


def parts(halves):
    """Return both numbers of each lane as float32, the first ones, then the others."""
    numbers = halves.numpy().view(np.uint32)
    return [torch.from_numpy((part << 16).view(np.float32).copy()) for part in (numbers & 0xFFFF, numbers >> 16)]


@needs_halves
def test_blocks_stand_beside_the_next_ones_rounded_to_the_nearest():
    maps = torch.randn(64, 3, 2, 5, generator=torch.Generator().manual_seed(0))
    maps[0, 0, 0], maps[17, 2, 1, 3] = torch.tensor([float("nan"), float("inf"), -0.0, 1 + 2**-8, 3e38]), -float("inf")
    blocks = to_blocks(maps)
    halves = to_halves(blocks)
    assert (halves.dtype, halves.shape) == (torch.int32, (2, 3, 2, 5, 16))
    for found, expected in zip(parts(halves), (blocks[::2], blocks[1::2]), strict=True):
        torch.testing.assert_close(found, expected.bfloat16().float(), rtol=0, atol=0, equal_nan=True)


@needs_halves
def test_a_step_of_a_script_makes_the_same():
    blocks = to_blocks(torch.randn(64, 3, 5, generator=torch.Generator().manual_seed(0)))
    source = BlockMap(Given(1), 3, (5,), 4, 16, "float32")
    builder = ScriptBuilder(1)
    halves = add_halves(builder, source)
    assert (halves.n_blocks, halves.is_halved, halves.nbytes) == (2, True, source.nbytes // 2)
    script, starts = builder.finished([halves.place])
    memory = block_of_memory(script.n_bytes)
    script.run([memory.data_ptr(), blocks.data_ptr()])
    start = starts[halves.place.buffer]
    found = memory[start : start + halves.nbytes].view(torch.int32).view(2, 3, 5, 16)
    assert torch.equal(found, to_halves(blocks))
