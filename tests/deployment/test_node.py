import json
import sys

import pytest

from swann._errors import InvalidValueError
from swann.deployment import NodeSettings, run_node

_SETTINGS = NodeSettings("digits", partition_id=0, num_partitions=2)
_TELLS = """
import json, os, pathlib, sys
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
secret = pathlib.Path(options["--superexec-auth-secret-file"])
found = options | {"mode": oct(secret.stat().st_mode & 0o777), "secret": len(secret.read_bytes()), "all": sys.argv[2:]}
pathlib.Path(sys.argv[1]).write_text(json.dumps(found))
sys.exit(7)
"""


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Return what a SuperNode that ends at once with exit code 7 was told."""
    command = [sys.executable, "-c", _TELLS, str(tmp_path / "told")]
    monkeypatch.setattr("swann.deployment._node._flower_supernode", lambda: command)
    return lambda: json.loads((tmp_path / "told").read_text())


def test_the_supernode_is_told_all_and_its_exit_code_is_ours(told, tmp_path):
    for name in ("ca.crt", "key"):
        (tmp_path / name).touch()
    code = run_node("host:9092", _SETTINGS, root_certificates=tmp_path / "ca.crt", private_key=tmp_path / "key")
    assert code == 7
    found = told()
    assert (found["--superlink"], found["--isolation"], found["--host"]) == ("host:9092", "process", "127.0.0.1")
    assert found["--node-config"] == 'data="digits" partition-id=0 num-partitions=2'
    assert found["--root-certificates"] == str(tmp_path / "ca.crt")
    assert found["--auth-supernode-private-key"] == str(tmp_path / "key")
    assert (found["mode"], found["secret"]) == ("0o600", 32)
    assert "--insecure" not in found["all"]


def test_without_tls_it_says_so(told):
    assert run_node("host:9092", _SETTINGS, insecure=True, port=12345) == 7
    assert "--insecure" in told()["all"]
    assert told()["--port"] == "12345"


def test_keys_without_tls_and_files_that_are_not_there_are_refused(tmp_path):
    (tmp_path / "key").touch()
    with pytest.raises(InvalidValueError, match="insecure: certificates and keys need TLS"):
        run_node("host:9092", _SETTINGS, private_key=tmp_path / "key", insecure=True)
    with pytest.raises(InvalidValueError, match=f"private_key: there is no file {tmp_path / 'no'}"):
        run_node("host:9092", _SETTINGS, private_key=tmp_path / "no")
