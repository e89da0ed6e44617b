import json
import platform

from swann.experiments import environment


def test_a_result_can_be_traced_to_what_made_it(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/swann", "compare", "--seeds", "3"])
    found = environment()
    assert found["command"] == "swann compare --seeds 3"
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"]
    assert found["machine"]["cores"] >= 1
    assert json.loads(json.dumps(found)) == found
