import sys

import pytest

from swann._errors import MissingExtraError
from swann.nn.gpu import _compiled
from swann.nn.gpu._weight_kernels import pack, write_addresses


def test_without_triton_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton", None)
    assert not _compiled.has_triton()
    with pytest.raises(MissingExtraError, match="Triton is not installed: .*pip install triton, or use backend"):
        _compiled.kernel.__wrapped__("pack", interpreted=False)


def test_whole_numbers_are_told_from_pointers_and_constants():
    assert _compiled.numbers_of(pack) == ["entries", "links", "taps", "edges"]
    assert _compiled.numbers_of(write_addresses) == [f"a{number}" for number in range(8)]
