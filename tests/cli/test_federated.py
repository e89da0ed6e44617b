import csv
import json

import pytest
import torch

import swann
from swann.federated import FederatedHistory

FAST = ("--model", "swann:mnist5", "--width", 0.5, "--clients", 12, "--per-round", 3, "--rounds", 2, "--local-steps", 2)


def test_a_twin_is_trained_by_clients(run, tmp_path):
    arguments = ("--p", 0.5, "--partition", "shards", "--compression", "int8", "--out", "there")
    code, out, err = run("federated", "simulate", *FAST, *arguments)
    assert code == 0, err
    assert "2 rounds, 4 local updates" in out
    assert "shards: 119 to 120 images a client, of 2 to 4 classes" in err
    files = {file.name for file in (tmp_path / "there").iterdir()}
    assert {"federated.json", "history.json", "rounds.csv", "clients.csv", "clients.png", "curves.png"} <= files
    history = FederatedHistory.from_json((tmp_path / "there" / "federated.json").read_text())
    assert [each.answered for each in history.rounds] == [3, 3]
    with (tmp_path / "there" / "clients.csv").open() as file:
        clients = list(csv.DictReader(file))
    assert sum(int(client["images"]) for client in clients) == 1437
    assert swann.load(tmp_path / "there" / "network.safetensors")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_a_model_as_it_comes_by_another_strategy(run, tmp_path):
    arguments = ("--strategy", "fedavgm", "--strategy-option", "server_momentum=0.5", "--out", "there", "--json")
    code, out, err = run("federated", "simulate", *FAST, *arguments)
    assert code == 0, err
    assert len(json.loads(out)["rounds"]) == 2
    assert (tmp_path / "there" / "weights.pt").is_file()
    code, out, err = run("federated", "simulate", *FAST, *arguments, "--rounds", 3, "--resume")
    assert code == 0, err
    assert len(json.loads(out)["rounds"]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--local-epochs", 1), "expected either epochs or steps, found epochs=1 and steps=2"),
        (("--per-round", 13), "per_round: expected 1 to 12, the clients there are, found 13"),
        (("--clients", 2000), "clients: expected 1 to 1437 for 1437 training images with partition 'iid', found 2000"),
        (("--partition", "shard"), "unknown 'shard': did you mean 'shards'"),
        (("--partition", "dirichlet", "--alpha", 0), "alpha: expected a finite number above 0"),
        (("--strategy", "fedavgg"), "unknown strategy 'fedavgg': did you mean 'fedavg"),
        (("--strategy-option", "eta"), "--strategy-option: expected name=value with a number, found 'eta' without ="),
        (("--strategy-option", "eta=a"), "--strategy-option: expected name=value with a number, found 'eta=a'"),
        (("--lr", 0), "lr"),
        (("--resume",), "nothing to resume"),
    ],
)
def test_bad_input_is_one_line(refused, arguments, message):
    assert message in refused("federated", "simulate", *FAST, *arguments, "--out", "there")


def test_table_7_is_repeated_in_a_folder_for_each_setting(run, tmp_path, monkeypatch):
    import swann.experiments._federated_recipe as recipes

    text = (recipes.files(recipes.__package__) / "federated" / "table7.toml").read_text()
    small = text.replace("train_images = 20000", "train_images = 400\ntest_images = 50")
    monkeypatch.setattr(recipes, "load_federated_recipe", lambda scale: recipes.parse_federated_recipe(small, scale))
    monkeypatch.setattr("swann.cli._federated_recipe.load_federated_recipe", recipes.load_federated_recipe)
    arguments = ("--scale", "small", "--data", "digits", "--iterations", 2, "--seeds", 2, "--out", "there")
    code, out, err = run("reproduce", "table7", *arguments)
    assert code == 0, err
    assert "1.36×" in out
    page = (tmp_path / "there" / "table7.md").read_text()
    for words in ("## iid", "## non-iid", "| 0.93 % | 450 | 0.93 % | 330 | 1.36× |", "| twin | 61,990 | 2 |"):
        assert words in page
    for setting in ("iid", "non-iid"):
        assert {"clients.csv", "clients.png"} <= {file.name for file in (tmp_path / "there" / setting).iterdir()}
        comparison = json.loads((tmp_path / "there" / setting / "comparison.json").read_text())
        assert comparison["seeds"] == [0, 1]
        assert set(comparison["histories"]) == {"baseline", "paper order, p = 0", "twin"}
    shorter = json.loads((tmp_path / "there" / "iid" / "comparison.json").read_text())["histories"]["twin"]
    assert run("reproduce", "fig12", *arguments, "--iterations", 3, "--resume")[0] == 0
    longer = json.loads((tmp_path / "there" / "iid" / "comparison.json").read_text())["histories"]["twin"]
    assert [len(each["evaluations"]) for each in longer] == [3, 3]
    assert [each["evaluations"][:2] for each in longer] == [each["evaluations"] for each in shorter]


def test_clients_train_on_one_cpu_thread(refused):
    line = refused("reproduce", "table7", "--data", "digits", "--devices", 2, "--out", "there")
    assert "--devices: clients train on one CPU thread each; leave it out" in line
