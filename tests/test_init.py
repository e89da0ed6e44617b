import subprocess
import sys
from types import FunctionType, ModuleType

import pytest

import swann


def test_every_public_name_is_there():
    assert {name for name in swann.__all__ if isinstance(getattr(swann, name), ModuleType)} == {"models"}
    assert set(swann.__all__) <= set(dir(swann))
    with pytest.raises(AttributeError, match="no attribute 'rewir'"):
        _ = swann.rewir


@pytest.mark.parametrize("first", ["import swann.convert, swann.trace", "import swann.nn", "swann.models"])
def test_functions_named_as_their_packages_stay_functions(first):
    program = f"import swann\n{first}\nprint(type(swann.convert).__name__, type(swann.trace).__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["function", "function"]
    assert isinstance(swann.convert, FunctionType)


def test_the_package_alone_does_not_import_torch():
    program = (
        "import sys, swann; from swann import InvalidValueError; print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
