import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from .._errors import FileFormatError
from .._files import replacing
from ..nn import Backend, Plan, SmallWorldDenseNet, SmallWorldNetwork, plan_from_json
from ._check_network import check_network

_FORMAT = "swann"
_NEAR = 3
"""Files named in the place of one that is not there."""


def save(network: SmallWorldNetwork | SmallWorldDenseNet, path: str | os.PathLike[str]) -> None:
    """Write a small-world network to a safetensors file: its weights, and its plan as JSON in the metadata.

    The file appears whole or not at all. The masks are left out: the plan holds them.

    Args:
        network: the network, on any device.
        path: where to write; a file there is replaced.

    Raises:
        InvalidValueError: this is no small-world network.
        OutputError: the file cannot be written.
    """
    check_network(network)
    tensors = _tensors(network)
    plan = json.dumps(network.plan.to_json())
    metadata = {"format": _FORMAT, "plan": plan, "sha256": _digest(plan, tensors)}
    with replacing(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, metadata)


def load(path: str | os.PathLike[str], *, backend: Backend = "auto") -> SmallWorldNetwork | SmallWorldDenseNet:
    """Read a network that `save` wrote, on the CPU and in evaluation mode; nothing in the file is run as code.

    Args:
        path: the file.
        backend: how the network is computed, as in `SmallWorldNetwork.use_backend`.

    Raises:
        FileNotFoundError: there is no such file; files of networks nearby are named.
        FileFormatError: the file is truncated, was changed, is of a newer version or is not ours.
        UnknownNameError: the backend is not known.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(_missing(path))
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (safetensors.SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} is truncated or not a safetensors file: {error}") from error
    if metadata.get("format") != _FORMAT:
        raise FileFormatError(f"{path} was not written by swann.save: its metadata names no swann plan")
    if metadata.get("sha256") != _digest(metadata.get("plan", ""), tensors):
        raise FileFormatError(f"{path} was changed after it was written: its checksum does not match")
    try:
        network = _network(json.loads(metadata["plan"]), tensors)
    except (FileFormatError, json.JSONDecodeError, RecursionError) as error:
        raise FileFormatError(f"{path}: {error}") from error
    return network.use_backend(backend)


def _missing(path: Path) -> str:
    """Say what is at a path that is no file, and which networks are near it."""
    what = f"{path} is a directory; name the file of a network in it" if path.is_dir() else f"there is no file {path}"
    folder = next((each for each in (path, path.parent, path.parent.parent) if each.is_dir()), Path())
    try:
        found = [each for pattern in ("*.safetensors", "*/*.safetensors") for each in folder.glob(pattern)]
        near = sorted(str(each) for each in found if each.is_file())[:_NEAR]
    except OSError:
        near = []
    if near:
        return f"{what}; networks near it: {', '.join(near)}"
    return f"{what}, which swann convert and swann train write" if path.is_dir() else what


def _network(value: Any, tensors: Mapping[str, Tensor]) -> SmallWorldNetwork | SmallWorldDenseNet:
    plan = plan_from_json(value)
    expected_weights = plan.n_weights()
    n_weights = sum(tensor.numel() for name, tensor in tensors.items() if ".links." in name)
    if n_weights != expected_weights:
        raise FileFormatError(f"the plan has {expected_weights:,} weights, the file {n_weights:,}")
    with torch.random.fork_rng(devices=[]):
        network = SmallWorldNetwork(plan) if isinstance(plan, Plan) else SmallWorldDenseNet(plan)
    expected = _tensors(network)
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            raise FileFormatError(f"tensor {name} is {'missing' if name in expected else 'not part of the network'}")
        if tensors[name].shape != expected[name].shape:
            raise FileFormatError(
                f"tensor {name} has shape {list(tensors[name].shape)}, expected {list(expected[name].shape)}"
            )
    network.load_state_dict(tensors, strict=False, assign=True)
    return network.eval()


def _tensors(network: SmallWorldNetwork | SmallWorldDenseNet) -> dict[str, Tensor]:
    """Return the tensors that a file holds: the state without the masks."""
    state = network.state_dict()
    return {name: tensor.cpu().contiguous() for name, tensor in state.items() if not name.endswith(".mask")}


def _digest(plan: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(plan.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if math.prod(tensor.shape):
            digest.update(tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
