import pytest
import torch
from hypothesis import settings

settings.register_profile("swann", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("swann")


@pytest.fixture(autouse=True)
def _seeded():
    """Tests that draw numbers draw the same ones in every run and in any order."""
    torch.manual_seed(0)
