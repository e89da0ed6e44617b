"""A process that stays and runs our `ClientApp` for each message that a SuperNode gets.

Flower's SuperExec starts a process for each message, and each imports torch again. This one is in its place, for a
SuperNode with `--isolation process`. It runs one app, the one that it was given: code that a run brings along is
neither installed nor imported. It speaks Flower 1.41's Runtime API, of which all that is used is imported here.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from logging import ERROR, INFO
from queue import Empty, SimpleQueue
from threading import Thread

import httpx
from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode, SubStatus
from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore import log
from flwr.supercore.constant import TaskType
from flwr.supercore.heartbeat import HeartbeatSender, make_task_heartbeat_fn_http
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.protobuf.client import ProtobufClientInterceptor
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supernode.runtime.run_clientapp import pull_task_input, push_message, push_task_output

_PAUSE = 0.1
"""Seconds between two questions for a message."""

_PROTECTED = frozenset({"/flwr.proto.Runtime/AcquireTask"})
_TRIES = 5


@dataclass
class _Task:
    """The answering of a message: by whom the SuperNode is spoken to, and what tells it that we are at it."""

    client: RuntimeHttpClient
    heartbeat: HeartbeatSender

    def end(self, context: Context | None, status: str, details: str) -> None:
        """Tell the SuperNode how it ended."""
        push_task_output(self.client, context, status, details)
        if self.heartbeat.is_running:
            self.heartbeat.stop()
        self.client.close()


_Received = tuple[_Task, Message, Context]


@dataclass
class Executor:
    """Runs an app for each message of a SuperNode on this machine, in this process.

    Args:
        address: of the SuperNode's Runtime API, as host:port.
        secret: that the SuperNode was started with, so that no other process gets its messages.
        app: what is run.
    """

    address: str
    secret: bytes
    app: ClientApp

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Wait for messages and answer them, until `goes_on` returns false.

        Each is received in a thread of its own: one whose run ended on the way stays without its contents, for which
        Flower would wait for up to two hours.
        """
        identity = SuperExecAuthHttpInterceptor(master_secret=self.secret, protected_methods=_PROTECTED)
        client = self._client("SuperExec", identity)
        received: SimpleQueue[_Received] = SimpleQueue()
        try:
            while goes_on():
                if token := self._acquire(client):
                    Thread(target=self._receive, args=(token, received), daemon=True).start()
                with suppress(Empty):
                    self._answer(*received.get(timeout=_PAUSE))
        finally:
            client.close()

    def _receive(self, token: str, received: SimpleQueue[_Received]) -> None:
        """Fetch the message that a token stands for."""
        client = self._client("flwr-clientapp", RuntimeTokenHttpInterceptor(token), tries=_TRIES)
        task = _Task(client, HeartbeatSender(make_task_heartbeat_fn_http(client)))
        task.heartbeat.start()
        try:
            message, context, _, _ = pull_task_input(client)
        except Exception as error:
            log(ERROR, "a message was not received: %s", error)
            task.end(None, SubStatus.FAILED, str(error))
        else:
            received.put((task, message, context))

    def _answer(self, task: _Task, message: Message, context: Context) -> None:
        """Answer a message; an error of the app is an answer too."""
        status, details = SubStatus.FAILED, "no answer"
        try:
            reply, details = self._reply(message, context)
            push_message(task.client, reply, context)
            status = SubStatus.FAILED if details else SubStatus.COMPLETED
        except Exception as error:
            log(ERROR, "a message was not answered: %s", error)
            details = str(error)
        finally:
            task.end(context, status, details)

    def _reply(self, message: Message, context: Context) -> tuple[Message, str]:
        """Return the app's answer, or one with its error, and what went wrong."""
        try:
            return self.app(message, context), ""
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            log(ERROR, "the app failed: %s", reason)
            return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, reason), reply_to=message), reason

    @staticmethod
    def _acquire(client: RuntimeHttpClient) -> str:
        """Return the token of the next message; an empty one if there is none or the SuperNode does not answer."""
        try:
            found = client.AcquireTask(AcquireTaskRequest(supported_task_types=[TaskType.CLIENT_APP]))
        except httpx.TransportError:
            return ""
        except httpx.HTTPStatusError as error:
            log(INFO, "the SuperNode refuses: %s", error)
            time.sleep(1)
            return ""
        return found.token if found.HasField("task") else ""

    def _client(self, name: str, identity: ProtobufClientInterceptor, tries: int = 0) -> RuntimeHttpClient:
        invoker = make_simple_http_retry_invoker() if tries else None
        if invoker is not None:
            invoker.max_tries = tries
        return RuntimeHttpClient.from_server_address(
            server_address=self.address,
            insecure=True,  # it is this machine
            root_certificates=None,
            interceptors=[RuntimeVersionHttpInterceptor(component_name=name), identity],
            retry_invoker=invoker,
        )
