import threading

import httpx
import pytest
from flwr.app import Context, RecordDict
from flwr.common.constant import ErrorCode
from flwr.proto.runtime_pb2 import AcquireTaskResponse, SendTaskHeartbeatResponse
from flwr.proto.task_pb2 import Task

from swann._errors import DataError
from swann.deployment import Executor
from swann.federated import LocalGrid

_CONTEXT = Context(1, 1, {}, RecordDict(), {})


@pytest.fixture
def message():
    found = LocalGrid(lambda: None, []).create_message(RecordDict(), "train", 1, "1")
    found.metadata.__dict__["_message_id"] = "message"
    return found


def test_an_error_of_the_app_is_an_answer_with_its_reason(message):
    def app(message, context):
        raise DataError("no images today")

    reply, details = Executor("127.0.0.1:1", b"secret", app)._reply(message, _CONTEXT)
    assert reply.error.code == ErrorCode.CLIENT_APP_RAISED_EXCEPTION
    assert reply.error.reason == details == "DataError: no images today"


def test_the_apps_answer_is_passed_on(message):
    answer = object()
    executor = Executor("127.0.0.1:1", b"secret", lambda *_: answer)
    assert executor._reply(message, _CONTEXT) == (answer, "")


def test_it_waits_for_a_supernode_that_is_not_there_yet():
    questions = iter([True, True, False])
    Executor("127.0.0.1:1", b"secret", None).run(lambda: next(questions))


def test_it_waits_where_a_supernode_refuses_it(monkeypatch):
    class Refuses:
        def AcquireTask(self, request):
            request = httpx.Request("POST", "http://127.0.0.1")
            raise httpx.HTTPStatusError("401", request=request, response=httpx.Response(401, request=request))

    monkeypatch.setattr("swann.deployment._executor.time.sleep", lambda _: None)
    assert Executor._acquire(Refuses()) == ""


class Supernode:
    """The Runtime API of a SuperNode with messages by their tokens; of a lost one the contents never come."""

    def __init__(self, messages, monkeypatch):
        self.waiting, self.messages, self.outcomes = list(messages), messages, {}
        self.end_of_test, self.lost_has_failed = threading.Event(), threading.Event()
        for name in ("pull_task_input", "push_message", "push_task_output"):
            monkeypatch.setattr(f"swann.deployment._executor.{name}", getattr(self, name))
        monkeypatch.setattr(Executor, "_client", lambda _, __, identity, **___: Client(self, identity))

    def pull_task_input(self, client):
        if self.messages[client.token] is None:
            self.end_of_test.wait()
            raise OSError("the contents did not come")
        return self.messages[client.token], _CONTEXT, None, None

    def push_message(self, client, reply, context):
        client.reply = reply

    def push_task_output(self, client, context, status, details):
        self.outcomes[client.token] = client.reply, status, details
        if self.messages[client.token] is None:
            self.lost_has_failed.set()


class Client:
    """What speaks to it for one message, or, without a token, for the node."""

    def __init__(self, supernode, identity):
        self.supernode, self.token, self.reply = supernode, getattr(identity, "_token", None), None

    def AcquireTask(self, request):
        token = self.supernode.waiting.pop(0) if self.supernode.waiting else ""
        return AcquireTaskResponse(token=token, task=Task() if token else None)

    def SendTaskHeartbeat(self, request):
        return SendTaskHeartbeatResponse(success=True)

    def close(self):
        pass


def test_a_message_whose_contents_never_come_does_not_hold_up_the_others(message, monkeypatch):
    supernode = Supernode({"lost": None, "first": message, "second": message}, monkeypatch)
    executor = Executor("127.0.0.1:1", b"secret", lambda *_: "answer")
    executor.run(lambda: len(supernode.outcomes) < 2)
    assert supernode.outcomes == {"first": ("answer", "completed", ""), "second": ("answer", "completed", "")}
    supernode.end_of_test.set()
    assert supernode.lost_has_failed.wait(60)  # by what stands in the SuperNode's place until this test ends


def test_a_message_that_is_not_received_has_failed(message, monkeypatch):
    supernode = Supernode({"lost": None, "first": message}, monkeypatch)
    supernode.end_of_test.set()
    Executor("127.0.0.1:1", b"secret", lambda *_: "answer").run(lambda: len(supernode.outcomes) < 2)
    assert supernode.outcomes["lost"] == (None, "failed", "the contents did not come")
