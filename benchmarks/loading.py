"""Which share of a training step is spent on getting the batch ready: taking it from memory, augmenting, normalising.

    python benchmarks/loading.py [--threads N] [--folder PATH]

With a folder of images (train/<class>/, val/<class>/) also how long a step waits for images decoded ahead of it.
Prints a Markdown table, medians over steps.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from swann.data import ImageData, augment, batches, draw_crops, load, read_ahead
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
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| network | getting a batch ready (ms) | step (ms) | share |\n| --- | ---: | ---: | ---: |")
    for name, (make, shape, batch_size, augmentation) in _CASES.items():
        _report(name, *_in_memory(make(), shape, batch_size, augmentation))
    if arguments.folder:
        _report("ResNet-18 at 160 px, batch 32, decoded ahead, crop, mirror", *_in_files(arguments.folder, 160, 32))


def _report(name: str, ready: float, step: float) -> None:
    print(f"| {name} | {1e3 * ready:.2f} | {1e3 * step:.1f} | {ready / step:.1%} |")


def _in_memory(
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
    generator = torch.Generator().manual_seed(0)
    source = batches(data.train_images, data.train_labels, batch_size, seed=0, epoch=0, drop_last=True)

    def prepare() -> tuple[Tensor, Tensor]:
        found, labels = next(source)
        return data.normalise(augment(found, generator, **vars(augmentation))), labels

    return _measure(model, prepare)


def _in_files(folder: str, image_size: int, batch_size: int) -> tuple[float, float]:
    data = load(f"folder:{folder}", image_size=image_size, stream=True)
    generator = torch.Generator().manual_seed(0)

    def shares() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        for images, labels in batches(data.train_images, data.train_labels, batch_size, drop_last=True):
            yield images, labels, draw_crops(batch_size, generator, (0.4667, 0.875))

    source = read_ahead(shares())

    def prepare() -> tuple[Tensor, Tensor]:
        found, labels = next(source)
        return data.normalise(augment(found, generator, mirror=True)), labels

    return _measure(resnet18(image_size=image_size, n_classes=data.n_classes), prepare)


def _measure(model: nn.Module, prepare: Callable[[], tuple[Tensor, Tensor]]) -> tuple[float, float]:
    """Return the median seconds of getting a batch ready, and of a whole step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    ready, whole = [], []
    for _ in range(_STEPS + _WARM_UP):
        start = time.perf_counter()
        inputs, labels = prepare()
        ready.append(time.perf_counter() - start)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        whole.append(time.perf_counter() - start)
    return statistics.median(ready[_WARM_UP:]), statistics.median(whole[_WARM_UP:])


if __name__ == "__main__":
    main()
