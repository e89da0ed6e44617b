import logging
import sys

import pytest

from swann._errors import InvalidValueError, MissingExtraError
from swann.train import launch
from swann.train._fabric import _placement, quiet


def test_launches_what_the_settings_ask_for(make_config, capfd):
    fabric = launch(make_config(precision="bf16-mixed"))
    assert (fabric.device.type, fabric.world_size) == ("cpu", 1)
    assert capfd.readouterr() == ("", "")


def test_quiet_for_a_while_only():
    logger = logging.getLogger("lightning.fabric")
    level = logger.level
    with quiet():
        assert not logger.isEnabledFor(logging.INFO)
        assert logger.isEnabledFor(logging.WARNING)
    assert logger.level == level


def test_a_missing_extra_is_named(make_config, monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning.fabric", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'swann\[train\]'"):
        launch(make_config())


def test_under_torchrun_the_processes_are_its_own(make_config, monkeypatch):
    config = make_config(devices=2, strategy="ddp")
    assert _placement(config) == (2, 1, "ddp")
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    assert _placement(make_config()) == (4, 2, "ddp")
    with pytest.raises(InvalidValueError, match="^devices: torchrun started 4 on this machine, found 2$"):
        launch(config)
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    assert _placement(make_config()) == (1, 1, "auto")
