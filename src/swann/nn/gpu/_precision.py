import torch

from ._layout import LayerLayout


def precision(layout: LayerLayout) -> str:
    """Return how single-precision numbers are multiplied: `"tf32"` where PyTorch's own operator may, else `"ieee"`.

    It is what is set for convolutions (allowed unless forbidden), or for matrix products where all links into a layer
    have their kernels in one place (forbidden unless allowed), as those of linear layers have.
    """
    one_place = all(
        link.target == (1, 1) and link.source == link.kernel and link.before == (0, 0) for link in layout.links
    )
    cuda, cudnn = torch.backends.cuda, torch.backends.cudnn
    levels = (cuda.matmul.fp32_precision,) if one_place else (cudnn.conv.fp32_precision, cudnn.fp32_precision)
    for level in (*levels, torch.backends.fp32_precision):
        if level != "none":  # it leaves the matter to the next one
            return "tf32" if level == "tf32" else "ieee"
    return "ieee"
