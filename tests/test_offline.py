import os
import subprocess
import sys

import pytest

NAMES = ("FLWR_TELEMETRY_ENABLED", "FLWR_DISABLE_UPDATE_CHECK")
PROGRAM = f"import os, {{}}; print(*(os.environ[name] for name in {NAMES}))"


@pytest.mark.parametrize("module", ["swann.federated", "swann.deployment"])
def test_what_imports_flower_has_switched_off_what_it_reports(module):
    environment = {name: value for name, value in os.environ.items() if name not in NAMES}
    command = [sys.executable, "-c", PROGRAM.format(module)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "1"]


def test_what_somebody_has_set_stays():
    environment = os.environ | dict.fromkeys(NAMES, "mine")
    command = [sys.executable, "-c", PROGRAM.format("swann._offline")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["mine", "mine"]
