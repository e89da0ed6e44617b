import logging
import sys

import pytest

from swann._errors import MissingExtraError
from swann.train import launch
from swann.train._fabric import quiet


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
