import torch


def summed_as(kind: torch.dtype) -> tuple[torch.dtype, bool]:
    """Return the type of a sparse layer's result, and whether its operands are taken as single precision.

    Sums of half-precision products are kept in single precision, and autocast lowers the result alone.

    Args:
        kind: the type of the maps that the layer reads.
    """
    is_lowered = torch.is_autocast_enabled("cpu") and kind != torch.float64
    lower = torch.get_autocast_dtype("cpu") if is_lowered else kind
    return lower, kind not in (torch.float32, torch.float64) or lower != kind
