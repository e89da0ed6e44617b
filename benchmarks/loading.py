"""Which share of a training step is spent on getting the batch ready: taking it from memory, augmenting, normalising.

    python benchmarks/loading.py [--threads N]

Prints a Markdown table, medians over steps.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from swann.data import ImageData, augment, batches
from swann.models import convnet_c, mnist5, resnet18
from swann.train import AugmentConfig

_STEPS, _WARM_UP = 30, 3
_CASES = {
    "MNIST-5, batch 256, nothing augmented": (mnist5, (1, 28, 28), 256, AugmentConfig()),
    "MNIST-5, batch 10, nothing augmented": (mnist5, (1, 28, 28), 10, AugmentConfig()),
    "ConvNet-C, batch 128, mirror, shift, rotation": (
        convnet_c,
        (3, 32, 32),
        128,
        AugmentConfig(mirror=True, shift=4, rotation=10),
    ),
    "ResNet-18 at 64 px, batch 64, crop, mirror": (
        lambda: resnet18(image_size=64, n_classes=10),
        (3, 64, 64),
        64,
        AugmentConfig(mirror=True, crop=(0.5, 1.0)),
    ),
}


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    torch.set_num_threads(parser.parse_args().threads)
    print("| network | getting a batch ready (ms) | step (ms) | share |\n| --- | ---: | ---: | ---: |")
    for name, (make, shape, batch_size, augmentation) in _CASES.items():
        ready, step = _measure(make(), shape, batch_size, augmentation)
        print(f"| {name} | {1e3 * ready:.2f} | {1e3 * step:.1f} | {ready / step:.1%} |")


def _measure(
    model: nn.Module, shape: tuple[int, int, int], batch_size: int, augmentation: AugmentConfig
) -> tuple[float, float]:
    """Return the median seconds of getting a batch ready, and of a whole step."""
    count = max(batch_size * (_STEPS + _WARM_UP), 2000)
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8)
    data = ImageData.from_tensors(
        "noise",
        tuple("abcdefghij"),
        images,
        torch.arange(count) % 10,
        images[:1],
        images.new_zeros(1, dtype=torch.int64),
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    generator = torch.Generator().manual_seed(0)
    source = batches(data.train_images, data.train_labels, batch_size, seed=0, epoch=0, drop_last=True)
    ready, whole = [], []
    for _ in range(_STEPS + _WARM_UP):
        start = time.perf_counter()
        found, labels = next(source)
        changes = vars(augmentation)
        inputs = data.normalise(augment(found, generator, **changes))
        ready.append(time.perf_counter() - start)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        whole.append(time.perf_counter() - start)
    return statistics.median(ready[_WARM_UP:]), statistics.median(whole[_WARM_UP:])


if __name__ == "__main__":
    main()
