"""A connection between processes over which the same weights go once, however many clients get them."""

import io
import pickle
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

_LARGE = 1 << 14
"""Bytes from which a byte string travels by itself."""


class Channel:
    """Sends objects to the other end of a connection, where the same class receives them.

    Large byte strings in them, such as weights, travel by themselves, so that pickling does not copy them; one that is
    the last that was sent, such as the weights that all clients of a round get, is not sent again.

    Args:
        connection: one end of a pipe.

    >>> from multiprocessing import Pipe
    >>> one, other = map(Channel, Pipe())
    >>> one.send(["anything", 3])
    >>> other.receive()
    ['anything', 3]
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._sent = self._received = b""

    def send(self, value: object) -> None:
        """Send an object.

        Raises:
            OSError: the other end is closed.
        """
        file, alone = io.BytesIO(), [self._sent]
        _Pickler(file, alone).dump(value)
        self.connection.send_bytes(file.getbuffer())
        for each in alone[1:]:
            self.connection.send_bytes(each)
        self._sent = alone[-1]

    def receive(self) -> Any:
        """Wait for an object and return it.

        Raises:
            EOFError: the other end is closed.
        """
        return _Unpickler(io.BytesIO(self.connection.recv_bytes()), self).load()

    def received(self, is_new: bool) -> bytes:
        """Return the large byte string that comes next, or the last one."""
        if is_new:
            self._received = self.connection.recv_bytes()
        return self._received


class _Pickler(ForkingPickler):
    """Leaves large byte strings out.

    Args:
        file: of what is left.
        alone: those that were left out are added to it, unless they are its last.
    """

    def __init__(self, file: io.BytesIO, alone: list[bytes]) -> None:
        super().__init__(file)
        self._alone = alone

    def persistent_id(self, value: object) -> bool | None:
        """Return whether a large byte string is another one than the last, None for anything else."""
        if type(value) is not bytes or len(value) < _LARGE:
            return None
        if is_new := value is not self._alone[-1]:
            self._alone.append(value)
        return is_new


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, channel: Channel) -> None:
        super().__init__(file)
        self._channel = channel

    def persistent_load(self, number: bool) -> bytes:
        """Return the byte string that `persistent_id` is of."""
        return self._channel.received(number)
