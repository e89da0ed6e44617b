import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict

from swann import FileFormatError
from swann.federated import Architecture, ClientData, LocalGrid, LocalTraining, make_client_app
from swann.federated._client import NoArchitectureError, client_seed, remember
from swann.federated._compression import encode_weights
from swann.federated._messages import ARRAYS, CONFIG, OWN, Answer, Order
from swann.federated._state import counters_of, weights_of


@pytest.fixture
def asked(twin, architecture, data):
    """Return what a client's app answers, given the text of an architecture and what the client has kept."""
    app = make_client_app(lambda _: ClientData(data.subset(20, 10)))
    LocalGrid(lambda: app, [{}]).close()  # tells Flower that messages belong to a run

    def ask(text, context):
        order = Order(
            digest=architecture.digest,
            architecture=text,
            local=LocalTraining(epochs=None, steps=1),
            compression="none",
            counters=counters_of(twin),
            seed=0,
        )
        records = {ARRAYS: encode_weights(weights_of(twin), "none"), CONFIG: ConfigRecord({"server-round": 1})}
        return Answer.of(app(Message(RecordDict({**records, OWN: order.record()}), 1, "train"), context).content)

    return ask


@pytest.fixture
def context():
    return Context(1, 1, {"partition-id": 0}, RecordDict(), {})


def test_an_architecture_is_built_once_for_all_clients_and_kept_by_each(asked, architecture, context, monkeypatch):
    built = []
    plain = Architecture.build
    monkeypatch.setattr(Architecture, "build", lambda self: built.append(self) or plain(self))
    first = asked(architecture.to_json(), context)
    assert asked("", context).arrays == first.arrays
    other = Context(1, 2, {"partition-id": 1}, RecordDict(), {})
    assert asked(architecture.to_json(), other).digest == architecture.digest
    assert built == [architecture]


def test_a_client_that_kept_no_architecture_or_another_says_so(asked, architecture, context):
    asked(architecture.to_json(), Context(1, 2, {}, RecordDict(), {}))  # the process has built it
    expected = f"no architecture {architecture.digest[:8]}… is kept here; send it again"
    with pytest.raises(NoArchitectureError, match=expected):
        asked("", context)
    remember(context, Architecture(model={"name": "swann:mnist5"}).to_json())
    with pytest.raises(NoArchitectureError, match=expected):
        asked("", context)
    remember(context, architecture.to_json())
    assert asked("", context).digest == architecture.digest


def test_an_architecture_by_the_digest_of_another_is_refused_and_not_kept(asked, architecture, context):
    other = Architecture(model={"name": "swann:mnist5"})
    expected = f"the architecture's SHA-256 is {other.digest[:8]}…, not {architecture.digest[:8]}…"
    with pytest.raises(FileFormatError, match=expected):
        asked(other.to_json(), context)
    assert not context.state


def test_seeds_are_of_the_client_and_the_round(context):
    other = Context(1, 2**40 + 3, {}, RecordDict(), {})
    seeds = {client_seed(seed, number, each) for seed in (0, 1) for number in (1, 2) for each in (context, other)}
    assert len(seeds) == 8
    assert client_seed(0, 1, Context(1, 77, {"partition-id": 0}, RecordDict(), {})) == client_seed(0, 1, context)
