import pytest
import torch
from torch import nn

from swann import FileFormatError, InvalidValueError
from swann.data import ImageData
from swann.experiments import BASELINE, PAPER_ORDER, TWIN, InterruptedRunError, run_comparison, variants
from swann.nn import SmallWorldNetwork
from swann.train import TrainingConfig

CONFIG = TrainingConfig(iterations=6, batch_size=8, evaluate_every=3, accelerator="cpu")


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (48, 1, 8, 8), dtype=torch.uint8, generator=generator)
    labels = torch.arange(48) % 3
    return ImageData.from_tensors("noise", ("a", "b", "c"), images, labels, images[:12], labels[:12])


def create(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3),
        )  # fmt: skip


def test_the_three_networks_differ_in_order_and_wiring_alone(data):
    networks = variants(create, data, 0.5)
    assert list(networks) == [BASELINE, PAPER_ORDER, TWIN]
    baseline, ordered, twin = (make(1) for make in networks.values())
    assert not isinstance(baseline, SmallWorldNetwork)
    assert ordered.plan.rewiring.n_moved == 0
    assert ordered.plan.order == "paper"
    assert twin.plan.rewiring.n_moved > 0
    sizes = {sum(parameter.numel() for parameter in network.parameters()) for network in (baseline, ordered, twin)}
    assert len(sizes) == 1


def test_the_twin_can_be_of_blocks(data):
    networks = variants(create, data, 0.5, granularity=4)
    assert networks[TWIN](1).plan.rewiring.granularity == 4
    assert networks[PAPER_ORDER](1).plan.rewiring.n_moved == 0


def test_every_network_runs_under_every_seed_with_the_same_batches(data):
    seen = []
    networks = {"baseline": create, "same": create}
    found = run_comparison(networks, data, CONFIG, seeds=(0, 1), on_progress=lambda *at: seen.append(at[:3]))
    assert found.seeds == (0, 1)
    assert seen[0] == ("baseline", 0, 1)
    assert seen[-1] == ("same", 1, 6)
    for left, right in zip(found.histories["baseline"], found.histories["same"], strict=True):
        assert [at.test_loss for at in left.evaluations] == [at.test_loss for at in right.evaluations]


def test_what_was_done_is_not_done_again(data, tmp_path):
    calls = []

    def counted(seed):
        calls.append(seed)
        return create(seed)

    first = run_comparison({"baseline": counted}, data, CONFIG, seeds=(0, 1), directory=tmp_path)
    again = run_comparison({"baseline": counted}, data, CONFIG, seeds=(0, 1), directory=tmp_path)
    assert calls == [0, 1]
    assert first == again
    assert sorted(file.name for file in tmp_path.iterdir()) == ["history-baseline-0.json", "history-baseline-1.json"]
    (tmp_path / "history-baseline-0.json").write_text("damaged")
    with pytest.raises(FileFormatError, match=r"history-baseline-0\.json: .*; remove it to repeat that run"):
        run_comparison({"baseline": counted}, data, CONFIG, seeds=(0, 1), directory=tmp_path)


def test_an_interrupted_run_goes_on_where_it_was(data, tmp_path):
    def interrupt(_, __, iteration, *___):
        if iteration == 4:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="baseline, seed 0: stopped"):
        run_comparison({"baseline": create}, data, CONFIG, seeds=(0,), directory=tmp_path, on_progress=interrupt)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint-baseline-0.ckpt"]
    resumed = run_comparison({"baseline": create}, data, CONFIG, seeds=(0,), directory=tmp_path)
    whole = run_comparison({"baseline": create}, data, CONFIG, seeds=(0,))
    losses = [[at.test_loss for at in found.histories["baseline"][0].evaluations] for found in (resumed, whole)]
    assert losses[0] == losses[1]


def test_names_that_would_share_their_files_are_refused(data):
    with pytest.raises(InvalidValueError, match="networks: 'a b' and 'a-b' differ in punctuation alone"):
        run_comparison({"a b": create, "a-b": create}, data, CONFIG, seeds=(0,), baseline="a b")
