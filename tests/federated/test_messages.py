import json

import numpy as np
import pytest
from flwr.app import RecordDict
from flwr.common.serde import recorddict_to_proto

from swann import FileFormatError
from swann.federated import LocalTraining
from swann.federated._compression import encode_weights, n_bytes
from swann.federated._messages import Answer, Order
from swann.federated._state import weights_of


def order(**changes):
    values = {"digest": "d", "architecture": "", "local": LocalTraining(epochs=3), "compression": "int8"}
    return Order(**(values | {"counters": {"a": 2**40}, "seed": 7} | changes))


def answer():
    arrays = encode_weights({"a": np.arange(3, dtype=np.float32)}, "none")
    return Answer(arrays, "d", [0.5], {"a": 3}, n_examples=10, train_loss=0.25, steps=2, seconds=1.5)


def test_what_is_asked_and_answered_is_understood():
    assert Order.of(RecordDict({"swann": order().record()})) == order()
    assert Answer.of(answer().content()) == answer()


@pytest.mark.parametrize("kind", ["none", "fp16"])
def test_bytes_that_are_counted_are_nearly_all_that_flower_sends(twin, architecture, kind):
    arrays, text = encode_weights(weights_of(twin), kind), architecture.to_json()
    content = RecordDict({"arrays": arrays, "swann": order(architecture=text).record()})
    sent = recorddict_to_proto(content).ByteSize()
    counted = n_bytes(arrays) + len(text.encode())
    assert counted < sent < counted + 100 * len(arrays) + 1000


@pytest.mark.parametrize(
    ("record", "name", "value", "message"),
    [
        ("swann", "counters", json.dumps({"a": -1}), "expected a count, found -1"),
        ("swann", "counters", json.dumps({"a": 1.5}), "expected a whole number, found 1.5"),
        ("swann", "steps", -1, "expected a count, found -1"),
        ("swann", "seconds", float("inf"), "inf seconds"),
        ("metrics", "num-examples", 1.0, "expected a whole number, found 1.0"),
    ],
)
def test_figures_that_cannot_be_are_refused(record, name, value, message):
    content = answer().content()
    content[record][name] = value
    with pytest.raises(FileFormatError, match=message):
        Answer.of(content)
