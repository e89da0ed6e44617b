import pytest


def test_the_app_is_written_once(run, tmp_path):
    code, out, err = run("federated", "app", "app")
    assert (code, out) == (0, "")
    assert "start it with: flwr run app NAME --stream" in " ".join(err.split())
    assert {path.name for path in (tmp_path / "app").iterdir()} == {"pyproject.toml", "swann_app.py"}
    code, _, err = run("federated", "app", "app")
    assert code == 2
    assert "app is not empty (it holds pyproject.toml); name another folder for the app" in err


_NODE = ("node", "--superlink", "localhost:9092", "--data", "digits")
_GATE = ("gate", "--root-certificates", "ca.crt", "--certificate", "a.crt", "--private-key", "a.key")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*_NODE, "--partition-id", 0), "partition-id and num-partitions go together; give both or neither"),
        (("node", "--superlink", "localhost:9092", "--data", "digts"), "unknown dataset 'digts'"),
        ((*_GATE, "--listen", "9092"), "--listen: expected HOST:PORT, found '9092'"),
        ((*_GATE, "--listen", "localhost:0"), "--listen: expected HOST:PORT, found 'localhost:0'"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_starts(refused, arguments, message):
    assert message in refused("federated", *arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*_NODE, "--private-key", "node-key"), "private_key: there is no file node-key"),
        (_GATE, "root_certificates: there is no file ca.crt"),
    ],
)
def test_a_file_that_is_not_there_is_named(run, arguments, message):
    code, out, err = run("federated", *arguments)
    assert (code, out) == (2, "")
    assert message in err
