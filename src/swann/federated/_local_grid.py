"""Clients of a simulation, as processes of this machine that Flower's messages are sent to."""

import contextlib
import multiprocessing
import pickle
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any

import torch
from flwr.app import Context, Message, RecordDict
from flwr.app.error import Error
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.proto.node_pb2 import NodeInfo
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from ._channel import Channel
from ._quiet import quiet

_START = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
"""How processes start: from one that has imported everything, where the system can do that."""

_PRELOAD = (__package__, "torch._dynamo")
"""What that one imports; `torch.optim` imports the latter, for seconds, when the first optimizer is made."""

MakeApp = Callable[[], ClientApp]
_RUN_ID = 1


class LocalGrid(Grid):
    """Runs the clients of a simulation in a few processes that stay, each one client at a time.

    A message goes to whichever process is free; what a client keeps in its context goes along. A process that ends is
    replaced, and its client counts as failed; one that is still at work when time is up is ended and replaced, and its
    client does not answer. Images are shared between the processes, not copied.

    Args:
        make_app: makes the app in each process; pickled, so a function of a module or a `functools.partial` of one.
        node_configs: of each client, what its context says about it.
        n_workers: processes; with 1 the clients run in this one, and cannot be timed out.
        states: what clients kept from an earlier run, by number.
    """

    def __init__(
        self,
        make_app: MakeApp,
        node_configs: Sequence[Mapping[str, Any]],
        n_workers: int = 1,
        states: Mapping[int, RecordDict] | None = None,
    ) -> None:
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, _RUN_ID, 0
        self._make_app = make_app
        self._contexts = {
            number: Context(_RUN_ID, number, dict(config), (states or {}).get(number, RecordDict()), {})
            for number, config in enumerate(node_configs, start=1)
        }
        self._workers = [_Worker(make_app) for _ in range(n_workers)] if n_workers > 1 else []
        self._app = None if self._workers else make_app()
        self._replies: dict[str, Message] = {}

    def __enter__(self) -> "LocalGrid":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.end()
        self._workers = []

    def set_run(self, run: Run) -> None:
        """Do nothing: a simulation is one run."""

    @property
    def run(self) -> Run:
        """An empty run."""
        return Run.create_empty(_RUN_ID)

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """Return a message to a client."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the numbers of the clients, from 1."""
        return list(self._contexts)

    def get_nodes(self) -> Iterable[NodeInfo]:
        """Return the clients."""
        return [NodeInfo(node_id=number) for number in self._contexts]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Have clients answer messages; return the messages' numbers, for `pull_messages`."""
        numbers = []
        for position, message in enumerate(messages, start=len(self._replies)):
            message.metadata.__dict__["_message_id"] = f"{message.metadata.dst_node_id}-{position}"
            numbers.append(message.metadata.message_id)
            self._replies |= {each.metadata.reply_to_message_id: each for each in self._run([message], None)}
        return numbers

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Return the answers to the messages of these numbers, each once."""
        return [self._replies.pop(number) for number in message_ids if number in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Return the answers of the clients that are ready in time, in no order.

        Args:
            messages: one a client.
            timeout: seconds; None waits for all.
        """
        return self._run(list(messages), timeout)

    def _run(self, waiting: list[Message], timeout: float | None) -> list[Message]:
        if self._app is not None:
            copies = [pickle.loads(pickle.dumps(message)) for message in waiting]  # apps may change what they get
            with _one_thread():
                return [_answer(self._app, message, self._context(message)) for message in copies]
        end = None if timeout is None else time.monotonic() + timeout
        replies: list[Message] = []
        waiting.reverse()
        try:
            while waiting or any(worker.message for worker in self._workers):
                for worker in self._workers:
                    if waiting and worker.message is None:
                        message = waiting.pop()
                        worker.give(message, self._context(message))
                left = None if end is None else max(0.0, end - time.monotonic())
                busy = {worker.connection: worker for worker in self._workers if worker.message}
                ready = wait(list(busy), left)
                replies += [self._take(busy[connection]) for connection in ready]
                if not ready and left is not None:
                    break
        finally:
            for worker in self._workers:
                if worker.message is not None:  # late, or stopped by Ctrl-C
                    worker.restart()
        return replies

    def _take(self, worker: "_Worker") -> Message:
        message = worker.message
        assert message is not None  # noqa: S101
        try:
            reply, state = worker.take()
        except (EOFError, OSError):
            worker.restart()
            return _failed(message, ErrorCode.CLIENT_APP_CRASHED, "the client's process ended")
        self._context(message).state = state
        return reply

    def _context(self, message: Message) -> Context:
        return self._contexts[message.metadata.dst_node_id]


def process_context() -> Any:
    """Return what starts processes that have imported what clients need."""
    context: Any = multiprocessing.get_context(_START)
    if _START == "forkserver":
        context.set_forkserver_preload(list(_PRELOAD))
    return context


class _Worker:
    """A process that answers one message after another."""

    def __init__(self, make_app: MakeApp) -> None:
        self._make_app = make_app
        self.message: Message | None = None
        self._start()

    def _start(self) -> None:
        context = process_context()
        self.connection, other = context.Pipe()
        self.channel = Channel(self.connection)
        self.process: BaseProcess = context.Process(target=_work, args=(other, self._make_app), daemon=True)
        self.process.start()
        other.close()

    def give(self, message: Message, context: Context) -> None:
        self.message = message
        try:
            self.channel.send((message, context))
        except OSError:  # it ended while idle
            self.restart()
            self.message = message
            self.channel.send((message, context))

    def take(self) -> tuple[Message, RecordDict]:
        found: tuple[Message, RecordDict] = self.channel.receive()
        self.message = None
        return found

    def restart(self) -> None:
        self.end()
        self.message = None
        self._start()

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _work(connection: Connection, make_app: MakeApp) -> None:
    """Answer messages until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    torch.set_num_threads(1)
    app, channel = make_app(), Channel(connection)
    while True:
        try:
            message, context = channel.receive()
        except EOFError:
            return
        with quiet():
            reply = _answer(app, message, context)
        channel.send((reply, context.state))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let PyTorch compute on one thread, as in the processes: sums depend on how they are shared out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _answer(app: ClientApp, message: Message, context: Context) -> Message:
    """Return the app's answer, or as Flower's SuperNodes do the error in its place."""
    try:
        return app(message, context)
    except Exception as error:
        return _failed(message, ErrorCode.CLIENT_APP_RAISED_EXCEPTION, f"{type(error).__name__}: {error}")


def _failed(message: Message, code: int, reason: str) -> Message:
    return Message(Error(code=code, reason=reason), reply_to=message)
