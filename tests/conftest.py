import signal

import pytest
import torch
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a script; tests send it
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("swann", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("swann")


@pytest.fixture(autouse=True)
def _seeded():
    """Tests that draw numbers draw the same ones in every run and in any order."""
    torch.manual_seed(0)
