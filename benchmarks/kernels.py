"""One layer of existing edges alone: this package's kernels, SparseProp's and dense convolutions, in turn.

SparseProp stores single weights, this package whole kernels; so the rows with 3×3 kernels that exist or do not are this
package's case, and the 1×1 rows are equal for both. The last rows have single weights left out of 3×3 kernels, which is
SparseProp's case: this package then stores every kernel that has a weight.
"""

import argparse
import statistics
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _timing import alternate, machine

from swann.nn.kernels import LinkShape, from_blocks, sparse_layer, to_blocks, wiring

# name, sources, targets, size, kernel, stride, density of kernels, density of weights in a kernel
LAYERS = (
    ("64 at 32×32, 15 %", 64, 64, 32, 3, 1, 0.15, 1.0),
    ("128 at 16×16, 12 %", 128, 128, 16, 3, 1, 0.12, 1.0),
    ("256 at 8×8, 12 %", 256, 256, 8, 3, 1, 0.12, 1.0),
    ("512 at 4×4, 12 %", 512, 512, 4, 3, 1, 0.12, 1.0),
    ("512 at 2×2, 12 %", 512, 512, 2, 3, 1, 0.12, 1.0),
    ("256 8×8 → 512 4×4, 12 %", 256, 512, 8, 3, 2, 0.12, 1.0),
    ("512 at 4×4, 5 %", 512, 512, 4, 3, 1, 0.05, 1.0),
    ("1×1, 256 → 512 at 8×8, 10 %", 256, 512, 8, 1, 1, 0.10, 1.0),
    ("1×1, 256 → 512 at 8×8, 5 %", 256, 512, 8, 1, 1, 0.05, 1.0),
    ("weights, 256 at 8×8, 5 %", 256, 256, 8, 3, 1, 1.0, 0.05),
    ("weights, 256 at 8×8, 1 %", 256, 256, 8, 3, 1, 1.0, 0.01),
)


def jobs(layer: tuple, batch: int, training: bool) -> dict[str, Callable[[], object]]:
    """Return one pass of each candidate over the same weights, after checking that they agree."""
    _, n_sources, n_targets, size, k, stride, kernels, weights = layer
    generator = torch.Generator().manual_seed(0)
    dense = torch.randn(n_targets, n_sources, k, k, generator=generator)
    dense *= torch.rand(n_targets, n_sources, 1, 1, generator=generator) < kernels
    dense *= torch.rand(dense.shape, generator=generator) < weights
    mask = dense.flatten(2).abs().sum(2) > 0
    images = torch.randn(batch, n_sources, size, size, generator=generator)
    target = (size + 2 * (k // 2) - k) // stride + 1
    shape = LinkShape((size,) * 2, (target,) * 2, (k,) * 2, (stride,) * 2, (k // 2,) * 2, (1, 1))
    blocks, edges, packed = to_blocks(images), dense[mask].clone(), wiring(mask)
    out = [blocks.shape[0], n_targets, target, target, blocks.shape[-1]]
    last = images.to(memory_format=torch.channels_last)
    dense_last = dense.to(memory_format=torch.channels_last)
    runs: dict[str, tuple[Callable[..., torch.Tensor], list[torch.Tensor]]] = {
        "swann": (lambda x, w: sparse_layer([x], [w], [packed], None, shape.flat(), out), [blocks, edges]),
        "dense": (lambda x, w: F.conv2d(x, w, None, stride, k // 2), [images, dense.clone()]),
        "dense, channels last": (lambda x, w: F.conv2d(x, w, None, stride, k // 2), [last, dense_last]),
    }
    try:
        from sparseprop.modules import SparseConv2d
    except ImportError:
        print("SparseProp is not installed: `uv pip install pybind11; uv pip install --no-build-isolation sparseprop`")
    else:
        for over_outputs in (False, True):
            module = SparseConv2d(dense.clone(), None, k // 2, stride, over_outputs)
            name = f"SparseProp, over {'outputs' if over_outputs else 'inputs'}"
            runs[name] = (lambda x, module=module: module(x), [images])
    reference = F.conv2d(images, dense, None, stride, k // 2)
    result = {}
    for name, (function, operands) in runs.items():
        found = function(*operands)
        found = from_blocks(found) if name == "swann" else found
        assert torch.allclose(found, reference, rtol=1e-3, atol=1e-3), name

        def run(function=function, operands=operands) -> None:
            if not training:
                with torch.no_grad():
                    function(*operands)
                return
            leaves = [operand.detach().requires_grad_() for operand in operands]
            function(*leaves).sum().backward()

        result[name] = run
    return result


def main() -> None:
    """Time all layers and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--training", action="store_true", help="forward and backward in place of forward alone")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    machine("torch", "llvmlite")
    print(f"batch {arguments.batch}, {arguments.threads} threads, median of {arguments.rounds} runs, ms")
    for number, layer in enumerate(LAYERS):
        candidates = jobs(layer, arguments.batch, arguments.training)
        for run in candidates.values():
            run()
        seconds = alternate(candidates, arguments.rounds)
        if number == 0:
            print("| layer | " + " | ".join(seconds) + " | dense / swann | SparseProp / swann |")
            print("| --- " * (len(seconds) + 3) + "|")
        medians = {name: 1e3 * statistics.median(values) for name, values in seconds.items()}
        dense = min(value for name, value in medians.items() if name.startswith("dense")) / medians["swann"]
        theirs = [value for name, value in medians.items() if name.startswith("SparseProp")]
        rival = f"{min(theirs) / medians['swann']:.2f}" if theirs else ""
        values = " | ".join(
            f"{median:.2f} ({1e3 * min(seconds[name]):.2f}–{1e3 * max(seconds[name]):.2f})"
            for name, median in medians.items()
        )
        print(f"| {layer[0]} | {values} | {dense:.2f} | {rival} |", flush=True)


if __name__ == "__main__":
    main()
