"""Imported before anything of Flower: switches its telemetry and its search for updates off."""

import os

from ._errors import require_extra

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("FLWR_DISABLE_UPDATE_CHECK", "1")
require_extra("flwr", "federated")
