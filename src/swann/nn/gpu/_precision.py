from typing import Any

import torch

from ._layout import LayerLayout


def precision(layout: LayerLayout) -> str:
    """Return how the kernels multiply single precision: `"tf32"` where PyTorch's own operator may, else `"ieee"`.

    Where all links into a layer have their kernels in one place, as those of linear layers have, that is what is set
    for matrix products.
    """
    one_place = all(
        link.target == (1, 1) and link.source == link.kernel and link.before == (0, 0) for link in layout.links
    )
    return product_precision() if one_place else convolution_precision()


def convolution_precision() -> str:
    """Return what PyTorch's convolutions on CUDA do: `"tf32"`, which is allowed unless forbidden, or `"ieee"`."""
    cudnn: Any = torch.backends.cudnn
    return _first(cudnn.conv.fp32_precision, cudnn.fp32_precision)


def product_precision() -> str:
    """Return what PyTorch's matrix products on CUDA do: `"tf32"`, which is forbidden unless allowed, or `"ieee"`."""
    return _first(torch.backends.cuda.matmul.fp32_precision)


def _first(*levels: str) -> str:
    """Return the first setting that does not leave the matter to the next one, the general one being the last."""
    general: Any = torch.backends
    for level in (*levels, general.fp32_precision):
        if level != "none":
            return "tf32" if level == "tf32" else "ieee"
    return "ieee"
