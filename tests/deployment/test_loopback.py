"""A deployment as in docs/federated-deployment.md, with real processes and certificates, on the loopback interface."""

import datetime
import json
import ssl
import sys
from base64 import b64encode

import httpx
import pytest
import torch
from certificates import Authority, make_node_key
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flwr.proto.control_pb2 import ListNodesRequest
from flwr.proto.fleet_pb2 import PullMessagesRequest
from flwr.proto.node_pb2 import Node

import swann
from swann.deployment import write_app
from swann.federated import FederatedHistory

_PROTOBUF = {"content-type": "application/protobuf", "accept": "application/protobuf"}
_REASONS = {
    "stranger": "[code: 2004] Failed to activate SuperNode",
    "keyless": "[code: 2001] SuperNode authentication is enabled",
    "mistrustful": "CERTIFICATE_VERIFY_FAILED",
    "plain": "Server disconnected without sending a response",
}


@pytest.fixture(scope="module")
def nodes(place):
    """Two nodes that are registered; return their numbers. Beside them, those of `_REASONS` try to get in."""
    numbers = [place.register(name) for name in ("first", "second")]
    trust = ("--root-certificates", place.authority.certificate)
    for share, name in enumerate(("first", "second")):
        command = (sys.executable, "-m", "swann", "federated", "node", "--superlink", place.metered_gate(name), *trust)
        data = ("--data", "digits", "--partition-id", share, "--num-partitions", 2)
        place.start(name, *command, "--private-key", name, *data)
    stranger, _ = make_node_key(place.folder, "stranger")
    key = ("--auth-supernode-private-key", stranger)
    options = {
        "stranger": (*trust, *key),
        "keyless": trust,
        "mistrustful": ("--root-certificates", Authority(place.folder, "other").certificate, *key),
        "plain": ("--insecure",),
    }
    for name, more in options.items():
        place.start_supernode(name, "--superlink", place.metered_gate(name), "--max-retries", 1, *more)
    for name in ("first", "second"):
        place.wait_for(name, "SuperNode ID")
    return numbers


@pytest.fixture(scope="module")
def results(place, nodes):
    """The folder with the results of two rounds that `flwr run` started; the server was killed between them."""
    write_app(place.folder / "app")
    folder, settings = place.folder / "results", 'rounds=2 p=0.5 local-steps=5 batch-size=32 out="results"'
    place.call("flwr", "run", "app", "server", "--run-config", settings)
    place.wait("a round", (folder / "rounds.csv").exists, "superlink", "gate", "first", "second")
    place.kill("superlink")
    assert not (folder / "network.safetensors").exists()
    place.start_superlink()
    place.call("flwr", "run", "app", "server", "--run-config", f"{settings} resume=true")
    place.wait("results", (folder / "network.safetensors").exists, "superlink", "gate", "first", "second")
    return folder


def test_two_rounds_have_two_answers_each_and_move_the_weights(place, results):
    history = FederatedHistory.from_json((results / "federated.json").read_text())
    assert [(each.asked, each.answered, each.refused) for each in history.rounds] == [(2, 2, ()), (2, 2, ())]
    assert [each.test_error is not None for each in history.rounds] == [True, True]
    assert history.n_images == 1437
    assert len((results / "rounds.csv").read_text().splitlines()) == 3
    assert json.loads((results / "swann-run.json").read_text())["settings"]["p"] == 0.5
    model = swann.models.create("swann:mnist5", in_channels=1, n_classes=10, image_size=8)
    before = swann.convert(model, torch.zeros(1, 1, 8, 8), p=0.5, seed=0)
    after = swann.load(results / "network.safetensors")
    assert after.plan == before.plan
    moved = [not torch.equal(*pair) for pair in zip(before.parameters(), after.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("name", _REASONS)
def test_a_node_that_must_not_get_in_is_refused_and_gets_no_message(place, results, name):
    place.wait(f"{name} to end", lambda: place.exit_code(name) is not None)
    assert place.exit_code(name) == 1
    assert _REASONS[name] in place.log(name)
    assert "SuperNode ID" not in place.log(name)
    assert "Receiving" not in place.log(name)
    weights = 4 * sum(each.numel() for each in swann.load(results / "network.safetensors").parameters())
    assert place.n_bytes(name) < 20_000 < weights < min(place.n_bytes("first"), place.n_bytes("second"))


def test_a_key_that_is_not_registered_cannot_ask_for_a_nodes_messages(place, nodes):
    key = ec.generate_private_key(ec.SECP384R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    now = datetime.datetime.now(datetime.UTC).isoformat()
    signed = {
        "flwr-public-key": b64encode(public).decode(),
        "flwr-timestamp": now,
        "flwr-signature": b64encode(key.sign(now.encode(), ec.ECDSA(hashes.SHA256()))).decode(),
    }
    asked = PullMessagesRequest(node=Node(node_id=int(nodes[0]))).SerializeToString()
    for headers in ({}, signed):
        answer = _post(place, place.gate, "/v1/fleet/pull-messages", asked, headers)
        assert answer.status_code in (401, 403), answer.text


@pytest.mark.parametrize(
    "path", ["/v1/control/list-nodes", "/v1/control/start-run", "/v1/runtime/acquire-task", "/docs"]
)
def test_the_gate_passes_nothing_on_but_what_nodes_need(place, path):
    assert _post(place, place.gate, path).status_code == 404


def test_flower_asks_nobody_for_credentials_at_its_control_api(place):
    """What the gate is for: if this fails, Flower has closed it, and the documentation must say so."""
    assert _post(place, place.superlink, "/v1/control/list-nodes", ListNodesRequest().SerializeToString()).is_success


def _post(place, address, path, content=b"", headers=None):
    trust = ssl.create_default_context(cafile=place.authority.certificate)
    return httpx.post(f"https://{address}{path}", content=content, headers=_PROTOBUF | (headers or {}), verify=trust)
