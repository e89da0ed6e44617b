"""The half of the app that runs on the nodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from flwr.app import Context

from .._errors import InvalidValueError, near_matches
from ..data import load
from ..federated import ClientData, make_client_app, split
from ..train._check import check_integer


@dataclass(frozen=True)
class NodeSettings:
    """What the one who runs a node decides: Flower's node config as a record.

    Args:
        data: the node's images: folder:PATH, or a dataset's name.
        data_dir: folder with the datasets.
        image_size: pixels to resize images to.
        partition_id: which share of the training images the node has, from 0; for trials.
        num_partitions: into how many equal shares they are dealt at random, the same on all nodes.

    Raises:
        InvalidValueError: a share that there is not.
    """

    data: str
    data_dir: str | None = None
    image_size: int | None = None
    partition_id: int | None = None
    num_partitions: int | None = None

    def __post_init__(self) -> None:
        if (self.partition_id is None) != (self.num_partitions is None):
            raise InvalidValueError("node config: partition-id and num-partitions go together; give both or neither")
        for name in ("data", "data_dir"):
            value = getattr(self, name)
            if not isinstance(value, str | None) or '"' in (value or ""):
                raise InvalidValueError(
                    f"node config: {_dashed(name)}: expected a text without quotes, found {value!r}"
                )
        for name in ("image_size", "partition_id", "num_partitions"):
            if getattr(self, name) is not None:
                check_integer(f"node config: {_dashed(name)}", getattr(self, name), int(name != "partition_id"))
        if self.partition_id is not None and self.num_partitions and self.partition_id >= self.num_partitions:
            raise InvalidValueError(
                f"node config: partition-id: expected 0 to {self.num_partitions - 1}, found {self.partition_id}"
            )

    @classmethod
    def of(cls, node_config: Mapping[str, Any]) -> "NodeSettings":
        """Return the settings that a node config holds.

        Raises:
            InvalidValueError: an unknown key, a value that does not fit, or no data.
        """
        known = {_dashed(name): name for name in cls.__dataclass_fields__}
        for name in node_config:
            if name not in known:
                raise InvalidValueError(f"node config: unknown key {name!r}: {near_matches(name, known)}")
        if "data" not in node_config:
            raise InvalidValueError('node config: expected data, such as data="folder:/path"; found none')
        return cls(**{known[name]: value for name, value in node_config.items()})

    def __str__(self) -> str:
        """Return it as Flower's `--node-config` has it."""
        values = {_dashed(name): getattr(self, name) for name in self.__dataclass_fields__}
        quoted = {name: f'"{value}"' if isinstance(value, str) else value for name, value in values.items()}
        return " ".join(f"{name}={value}" for name, value in quoted.items() if value is not None)


@lru_cache(maxsize=1)
def load_own_data(settings: NodeSettings) -> ClientData:
    """Return a node's images; they are read once.

    Raises:
        SwannError: the dataset is not there or damaged.
    """
    data = load(settings.data, data_dir=settings.data_dir, image_size=settings.image_size)
    if settings.partition_id is None or settings.num_partitions is None:
        return ClientData(data)
    dealt = split("iid", data.train_labels.numpy(), settings.num_partitions, seed=0)
    return ClientData(data, torch.from_numpy(dealt.rows[settings.partition_id]))


def _open(context: Context) -> ClientData:
    return load_own_data(NodeSettings.of(context.node_config))


def _dashed(name: str) -> str:
    return name.replace("_", "-")


client = make_client_app(_open)
"""Trains on the images that the node config names."""
