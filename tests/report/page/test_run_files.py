import json

import pytest

from swann import FileFormatError, InvalidValueError
from swann._files import MARKER
from swann.convert import save
from swann.nn import build
from swann.report.page._run_files import Block, read_run


def test_what_a_directory_holds_is_read(make, plan, found, comparison_of, bench_result):
    comparison = comparison_of()
    files = {
        "plan.json": json.dumps(plan.to_json()),
        "search.json": found.to_json(),
        "comparison.json": comparison.to_json(),
        "bench.json": bench_result.to_json(),
        "weights.csv": "from \\ to,input,fc\ninput,,0.5\nfc,,\n",
        "summary.txt": "all of it",
    }
    run = read_run(make("run", files, command="compare", model="net", data="digits", p=0.5))
    assert run.title == "compare: net on digits, p = 0.5"
    (block,) = run.blocks
    assert block.plan is not None
    assert block.plan.fingerprint() == plan.fingerprint()
    assert block.chain == plan.chain
    assert block.name == ""
    assert run.searches == {"": found}
    assert run.comparison == comparison
    assert run.bench is not None
    assert run.weights is not None
    assert run.weights.names == ("input", "fc")
    assert run.weights.values[0, 1] == 0.5
    assert run.summary == "all of it"
    assert run.history is run.sweep is None
    assert not run.texts


def test_the_plan_of_a_saved_network_is_found(make, plan):
    folder = make("run", {}, command="train")
    save(build(plan, seed=0), folder / "network.safetensors")
    (block,) = read_run(folder).blocks
    assert block.plan is not None
    assert block.plan.fingerprint() == plan.fingerprint()
    (folder / "network.safetensors").write_bytes(b"{" * 100)
    with pytest.raises(FileFormatError, match=r"network\.safetensors is damaged"):
        read_run(folder)


def test_the_chain_of_an_analysis_is_found(make, plan):
    run = read_run(make("run", {"analysis.json": json.dumps({"chain": plan.chain.to_json()})}, command="analyze"))
    assert run.blocks == (Block("", plan.chain, None),)


def test_a_dense_net_is_read_block_by_block(make, dense_net_plan, found):
    files = {"plan.json": json.dumps(dense_net_plan.to_json())}
    files |= {f"search-block-{number}.json": found.to_json() for number in (1, 2, 3)}
    run = read_run(make("run", files, command="convert"))
    assert [block.name for block in run.blocks] == ["block 1", "block 2", "block 3"]
    assert [block.chain for block in run.blocks] == [plan.chain for plan in dense_net_plan.blocks]
    assert all(block.plan is not None for block in run.blocks)
    assert run.searches == {"block 1": found, "block 2": found, "block 3": found}
    analysis = {"parts": [{"chain": part.chain.to_json()} for part in dense_net_plan.parts]}
    run = read_run(make("analysis", {"analysis.json": json.dumps(analysis)}, command="analyze"))
    assert run.blocks == tuple(
        Block(f"block {number}", plan.chain, None) for number, plan in enumerate(dense_net_plan.blocks, start=1)
    )


def test_what_is_not_ours_is_refused(tmp_path, make):
    with pytest.raises(InvalidValueError, match=r"none is not there; name directories of results"):
        read_run(tmp_path / "none")
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InvalidValueError, match=r"thesis.tex is a file; name directories of results"):
        read_run(tmp_path / "thesis.tex")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidValueError, match=rf"empty holds no results of swann \(no {MARKER}\); name directories"):
        read_run(tmp_path / "empty")
    make("runs/a", {})
    make("runs/b", {})
    with pytest.raises(InvalidValueError, match=r"runs holds no results of swann .*did you mean .*runs/a .*runs/b\?"):
        read_run(tmp_path / "runs")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (MARKER, "{}"),
        (MARKER, "[" * 100_000),
        ("plan.json", "{"),
        ("search.json", "{}"),
        ("comparison.json", "[]"),
        ("history.json", '{"evaluations": 3}'),
        ("bench.json", "3"),
        ("weights.csv", "a,b\nc,not a number\n"),
        ("weights.csv", ""),
        ("weights.csv", "from,a,b\na,1,2\n"),
        ("analysis.json", '{"chain": {"layers": 3}}'),
    ],
)
def test_a_damaged_file_is_named(make, file, text):
    with pytest.raises(FileFormatError, match=rf"run/{file} is damaged: ."):
        read_run(make("run", {file: text}, command="any"))


def test_a_search_without_all_its_figures_is_damaged(make, found):
    values = json.loads(found.to_json())
    values["seeds"] = [0, 1, 2]
    with pytest.raises(FileFormatError, match=r"search.json is damaged: expected a figure for each p and seed"):
        read_run(make("run", {"search.json": json.dumps(values)}))
