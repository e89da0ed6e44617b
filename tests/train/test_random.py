import torch

from swann.train._random import Stream, derive_seed, random_state_kept, seed_model

_CPU = torch.device("cpu")


def test_seeds_differ_in_every_argument():
    seeds = {
        derive_seed(seed, stream, iteration, rank)
        for seed in (0, 1)
        for stream in Stream
        for iteration in range(50)
        for rank in (0, 1)
    }
    assert len(seeds) == 2 * len(Stream) * 50 * 2
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_the_state_is_as_before_after_the_block():
    before = torch.get_rng_state()
    with random_state_kept(_CPU):
        seed_model(5, _CPU)
        first = torch.rand(3)
        seed_model(5, _CPU)
        assert torch.equal(first, torch.rand(3))
    assert torch.equal(before, torch.get_rng_state())
