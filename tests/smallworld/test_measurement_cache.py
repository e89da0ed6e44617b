import pytest

from swann.graph import LayerGraph
from swann.smallworld import Measurement, MeasurementCache, rewire

FIGURES = Measurement(0.1, 2.0, 3, 2, 0, 2)
GRAPH = LayerGraph.chain([2, 4, 4, 3])
SETTINGS = {"p": 0.5, "seed": 0, "draw": "nodes", "repair": True}


def test_what_was_put_is_found(tmp_path):
    cache = MeasurementCache(tmp_path / "cache")
    key = cache.key(GRAPH, **SETTINGS)
    assert cache.get(key) is None
    cache.put(key, FIGURES)
    assert cache.get(key) == FIGURES


@pytest.mark.parametrize("change", [{"p": 0.6}, {"seed": 1}, {"draw": "layers"}, {"repair": False}, {"granularity": 2}])
def test_every_setting_and_the_graph_make_another_key(tmp_path, change):
    cache = MeasurementCache(tmp_path)
    key = cache.key(GRAPH, **SETTINGS)
    assert cache.key(GRAPH, **SETTINGS | change) != key
    assert cache.key(GRAPH, **{"granularity": 1} | SETTINGS) == key
    assert cache.key(rewire(GRAPH, 1).graph, **SETTINGS) != key


@pytest.mark.parametrize("damage", [(b"", b""), (b"2.0", b"3.0"), (b"}", b"")])
def test_a_damaged_entry_counts_as_missing(tmp_path, damage):
    cache = MeasurementCache(tmp_path)
    cache.put("a", FIGURES)
    entry = tmp_path / "a.json"
    entry.write_bytes(entry.read_bytes().replace(*damage) if damage[0] else b"")
    assert cache.get("a") is None


def test_an_entry_under_another_name_counts_as_missing(tmp_path):
    cache = MeasurementCache(tmp_path)
    cache.put("a", FIGURES)
    (tmp_path / "a.json").rename(tmp_path / "b.json")
    assert cache.get("b") is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path):
    (tmp_path / "file").write_text("")
    cache = MeasurementCache(tmp_path / "file")
    cache.put("a", FIGURES)
    assert cache.get("a") is None


def test_the_environment_says_where_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    assert MeasurementCache.default().directory == tmp_path
    monkeypatch.delenv("SWANN_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert MeasurementCache.default().directory == tmp_path / "swann"
