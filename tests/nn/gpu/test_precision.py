import pytest
import torch
from tiles import PLANE

from swann.nn.gpu import block_tables
from swann.nn.gpu._precision import convolution_precision, precision, product_precision
from swann.nn.kernels import LinkShape

MASK = torch.ones(1, 1, dtype=torch.bool)
IN_ONE_PLACE = LinkShape((3, 3), (1, 1), (3, 3), (1, 1), (0, 0), (1, 1))


@pytest.fixture(autouse=True)
def unchanged():
    """Leave PyTorch's settings as they were."""
    parts = torch.backends, torch.backends.cudnn, torch.backends.cudnn.conv, torch.backends.cuda.matmul
    before = [part.fp32_precision for part in parts]
    yield
    for part, value in zip(parts, before, strict=True):
        part.fp32_precision = value


def test_it_is_what_pytorch_allows():
    torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision = "ieee", "tf32"
    assert (convolution_precision(), product_precision()) == ("ieee", "tf32")
    torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision = "tf32", "ieee"
    assert (convolution_precision(), product_precision()) == ("tf32", "ieee")


def test_what_is_not_set_is_what_is_set_above_it():
    torch.backends.cudnn.conv.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "none"
    torch.backends.cudnn.fp32_precision = torch.backends.fp32_precision = "none"
    assert (convolution_precision(), product_precision()) == ("ieee", "ieee")
    torch.backends.fp32_precision = "tf32"
    assert (convolution_precision(), product_precision()) == ("tf32", "tf32")


def test_links_in_one_place_are_matrix_products():
    torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision = "tf32", "ieee"
    assert precision(block_tables([MASK], [PLANE], 16)[0]) == "tf32"
    assert precision(block_tables([MASK], [IN_ONE_PLACE], 16)[0]) == "ieee"
