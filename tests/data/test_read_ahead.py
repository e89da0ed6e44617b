import pytest
import torch

from swann.data import read_ahead


class Watched(list):
    """Images that say when their decoding starts and when it is waited for."""

    def __init__(self, log, number):
        self.log, self.number = log, number

    def start_decoding(self, crops):
        self.log.append(f"start {self.number}")

        def wait():
            self.log.append(f"wait {self.number}")
            return torch.full((1,), self.number) if crops is None else crops

        return wait


@pytest.mark.parametrize("depth", [0, 2, 9])
def test_batches_come_in_their_order_and_are_started_in_advance(depth):
    log = []
    source = ((Watched(log, number), torch.tensor([number]), None) for number in range(5))
    for number, (images, labels) in enumerate(read_ahead(source, depth)):
        assert images.item() == labels.item() == number
        assert log.count(f"wait {number}") == 1
        assert sum(entry.startswith("start") for entry in log) == min(number + depth + 1, 5)


def test_images_in_memory_are_handed_on():
    images, labels = torch.zeros(2, 1, 1, 1), torch.zeros(2)
    assert next(read_ahead([(images, labels, None)])) == (images, labels)


def test_crops_are_handed_on():
    crops = torch.rand(1, 3)
    (found, _), *_ = read_ahead([(Watched([], 0), torch.zeros(1), crops)])
    assert found is crops
