import struct
from dataclasses import replace

import pytest

from swann.train import TensorBoardLogs, fit


def _scalars(folder):
    """Read event files back: records of length, checksum, content, checksum."""
    events = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, start = file.read_bytes(), 0
        while start < len(content):
            (length,) = struct.unpack_from("<Q", content, start)
            event = events.Event.FromString(content[start + 12 : start + 12 + length])
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
            start += 16 + length
    return found


def test_every_evaluation_is_in_the_logs(data, make_model, make_config, tmp_path):
    pytest.importorskip("tensorboardX")
    with TensorBoardLogs(tmp_path) as logs:
        history = fit(
            make_model(), data, make_config(), on_evaluation=lambda so_far: logs.write(so_far.evaluations[-1])
        )
    scalars = _scalars(tmp_path)
    for evaluation in history.evaluations:
        for name in ("test_error", "test_loss", "train_loss", "learning_rate", "training_seconds"):
            assert scalars[name, evaluation.iteration] == pytest.approx(getattr(evaluation, name), rel=1e-6)
    assert len(scalars) == 7 * len(history.evaluations)
    with TensorBoardLogs(tmp_path) as resumed:
        resumed.write(replace(history.evaluations[-1], iteration=13))
    assert _scalars(tmp_path).keys() == scalars.keys() | {(name, 13) for name, _ in scalars}
