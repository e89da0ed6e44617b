import httpx
import pytest
from flwr.app import Context, RecordDict
from flwr.common.constant import ErrorCode

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
