import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .._errors import FileFormatError
from ._plan import VERSION, Plan


@dataclass(frozen=True)
class DenseNetPlan:
    """All that decides the small-world twin of a DenseNet but its weights.

    Args:
        parts: the plans of the dense blocks and of what stands between them, which is not rewired, in order.

    Raises:
        FileFormatError: no part is a dense block, or a part does not read what the one before it hands on.
    """

    parts: tuple[Plan, ...]

    def __post_init__(self) -> None:
        if not self.blocks:
            raise FileFormatError("the plan has no dense block")
        for number, (before, part) in enumerate(zip(self.parts, self.parts[1:], strict=False), start=2):
            if part.chain.input_shape != before.chain.output_shape:
                raise FileFormatError(
                    f"part {number} reads {part.chain.input_shape}; expected {before.chain.output_shape}, "
                    "which the part before it hands on"
                )

    @property
    def blocks(self) -> tuple[Plan, ...]:
        """The plans of the dense blocks."""
        return tuple(part for part in self.parts if part.chain.dense)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input without the batch."""
        return self.parts[0].chain.input_shape

    def n_weights(self) -> int:
        """Return the number of weights, without biases and norms."""
        return sum(part.chain.n_weights() for part in self.parts)

    def fingerprint(self) -> str:
        """Return the SHA-256 of the plan, by which two sides can tell that they hold the same one."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {"version": VERSION, "parts": [part.to_json() for part in self.parts]}

    @classmethod
    def from_json(cls, value: Any) -> "DenseNetPlan":
        """Return the plan of JSON values as `to_json` makes them.

        Raises:
            FileFormatError: the values are not such a plan's, or one of a newer version.
        """
        if not isinstance(value, dict) or not isinstance(value.get("parts"), list):
            raise FileFormatError("not a plan of a DenseNet: it has no parts")
        return cls(tuple(map(Plan.from_json, value["parts"])))

    def __str__(self) -> str:
        texts, number = [], 0
        for part in self.parts:
            number += part.chain.dense
            texts.append(f"dense block {number}: {part}" if part.chain.dense else str(part.chain))
        return "\n\n".join(texts)


def plan_from_json(value: Any) -> Plan | DenseNetPlan:
    """Return the plan of a network, or of a DenseNet, from JSON values as `to_json` of either makes them.

    Raises:
        FileFormatError: the values are not a plan's, or of one of a newer version.
    """
    is_dense_net = isinstance(value, dict) and "parts" in value
    return DenseNetPlan.from_json(value) if is_dense_net else Plan.from_json(value)
