import pytest
import torch
from flwr.app import Context, RecordDict

import swann
from swann import FileFormatError
from swann._errors import InvalidValueError
from swann.federated import Architecture, ClientData, LocalGrid, make_client_app
from swann.federated._messages import OWN, Order


def test_a_plan_goes_through_json_and_builds_the_same_network(twin):
    found = Architecture.from_json(Architecture.of(twin).to_json())
    assert found == Architecture.of(twin)
    assert found.digest == Architecture.of(twin).digest
    built = found.build()
    built.load_state_dict(twin.state_dict())
    images = torch.rand(3, 1, 8, 8)
    assert torch.equal(built.eval()(images), twin.eval()(images))


def test_a_model_by_name_builds(architecture):
    named = Architecture.by_name("swann:mnist5", in_channels=1, n_classes=10, image_size=8, width=0.5)
    assert Architecture.from_json(named.to_json()).build()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert named.digest != architecture.digest


def test_another_rewiring_is_another_architecture(twin):
    other = swann.convert(swann.models.mnist5(image_size=8), torch.zeros(1, 1, 8, 8), 0.5, seed=1)
    again = swann.convert(swann.models.mnist5(image_size=8), torch.zeros(1, 1, 8, 8), 0.5, seed=2)
    assert Architecture.of(other).digest != Architecture.of(again).digest


def test_building_leaves_the_random_state_alone(architecture):
    before = torch.get_rng_state()
    architecture.build()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"plan": null, "model": null}', '{"plan": {}, "model": {}}'])
def test_another_text_is_refused(text):
    with pytest.raises(FileFormatError, match="not an architecture"):
        Architecture.from_json(text)


@pytest.mark.parametrize("values", [{"plan": {}, "model": None}, {"plan": None, "model": {"nme": "swann:mnist5"}}])
def test_a_damaged_architecture_does_not_build(values):
    with pytest.raises(FileFormatError):
        Architecture(**values).build()


def test_a_client_builds_no_model_of_a_package_that_a_server_names(data, make_config, monkeypatch):
    def never(*_, **__):
        raise AssertionError("imported what the server named")

    monkeypatch.setattr("swann.models._create._imported", never)
    foreign = Architecture.by_name("os.path:join", in_channels=1, n_classes=10, image_size=8)
    with pytest.raises(InvalidValueError, match="model 'os.path:join': nodes build swann: and torchvision: models"):
        foreign.check_ours()
    app = make_client_app(lambda _: ClientData(data))
    order = Order(foreign.digest, foreign.to_json(), make_config().local, "none", {}, 0)
    content = RecordDict({OWN: order.record()})
    message = LocalGrid(lambda: app, []).create_message(content, "train", 1, "1")
    with pytest.raises(InvalidValueError, match="import nothing for a server"):
        app(message, Context(1, 1, {}, RecordDict(), {}))
    Architecture.by_name("swann:mnist5", in_channels=1, n_classes=10, image_size=8).check_ours()
    Architecture.by_name("torchvision:resnet18", in_channels=3, n_classes=10, image_size=8).check_ours()
