from multiprocessing import Pipe
from threading import Thread

import numpy as np
import pytest

from swann.federated._channel import Channel


@pytest.fixture
def pipe():
    ends = Pipe()
    yield ends
    for end in ends:
        end.close()


@pytest.fixture
def counted(pipe, monkeypatch):
    """Return what sends an object to the other end and returns what came out there, and the bytes of each message."""
    one, other = map(Channel, pipe)
    sizes = []
    plain = pipe[1].recv_bytes
    other.connection = type("Counting", (), {"recv_bytes": lambda _: sizes.append(found := plain()) or found})()

    def through(value):
        sizes.clear()
        sender = Thread(target=one.send, args=(value,))  # more than a pipe holds waits for its reader
        sender.start()
        found = other.receive()
        sender.join()
        return found, [len(each) for each in sizes]

    return through


def test_what_goes_in_comes_out(counted):
    large, another = bytes(300_000), np.random.default_rng(0).bytes(300_000)
    value = {"a": [large, b"small", another], "b": (large, None, 3.5), "c": np.arange(3)}
    found, _ = counted(value)
    assert found.pop("c").tolist() == value.pop("c").tolist() == [0, 1, 2]
    assert found == value


def test_the_same_weights_go_once(counted):
    weights, others = b"w" * 100_000, b"o" * 100_000
    for value, alone in ((1, [100_000]), (2, []), ("a longer text", [])):
        found, sizes = counted([weights, value])
        assert found == [weights, value]
        assert sizes[0] < 100
        assert sizes[1:] == alone
    found, sizes = counted([others, weights, weights])
    assert found == [others, weights, weights]
    assert sizes[1:] == [100_000, 100_000]


def test_the_same_values_in_another_string_are_sent(counted):
    for _ in range(2):
        found, sizes = counted(bytes(bytearray(b"w" * 100_000)))
        assert found == b"w" * 100_000
        assert sizes[1:] == [100_000]


def test_a_closed_end_is_told(pipe):
    one, other = map(Channel, pipe)
    pipe[1].close()
    with pytest.raises(OSError, match="pipe"):
        one.send("anything")
    with pytest.raises(OSError, match="closed"):
        other.receive()
