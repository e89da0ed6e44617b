import pytest
from torch import nn

from swann import FileFormatError
from swann.trace import KINDS
from swann.trace._kinds import check_operation


def test_every_operation_is_a_module_of_torch():
    assert all(issubclass(getattr(nn, operation), nn.Module) for operation in KINDS)


def test_an_unknown_operation_is_refused():
    check_operation("ReLU", "a")
    with pytest.raises(FileFormatError, match="stage 'a' asks for 'Conv2d', which is not an operation we know"):
        check_operation("Conv2d", "a")
