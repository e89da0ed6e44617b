"""Interruption and resumption: a run that was stopped ends as if it had not been."""

import signal
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from swann._errors import FileFormatError, InvalidValueError, OutputError
from swann.data import load
from swann.train import AugmentConfig, OptimizerConfig, ScheduleConfig, fit, launch
from swann.train._run import Run

_PLATEAU = ScheduleConfig("plateau", patience=0, monitor="test_error")


def _weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def _without_time(history):
    return [
        (at.iteration, at.epoch, at.test_error, at.test_loss, at.train_loss, at.learning_rate)
        for at in history.evaluations
    ]


def _interrupt_at(iteration):
    def on_progress(current, total, speed, loss):
        if current == iteration:
            signal.raise_signal(signal.SIGINT)

    return on_progress


class _AtCall(nn.Module):
    """Does something when it is called for the n-th time, in training or in evaluation."""

    def __init__(self, call, action, training=True):
        super().__init__()
        self.left, self.action, self.wanted = call, action, training

    def forward(self, values):
        if self.training is self.wanted:
            self.left -= 1
            if self.left == 0:
                self.action()
        return values


def _raise(error):
    raise error


_OPTIMIZERS = {
    "sgd": OptimizerConfig("sgd", lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4),
    "adadelta": OptimizerConfig("adadelta", lr=1.0, rho=0.95),
    "adam": OptimizerConfig("adam"),
    "adamw": OptimizerConfig("adamw"),
}
_SCHEDULES = {
    "plateau": _PLATEAU,
    "step": ScheduleConfig("step", milestones=(0.5,)),
    "exponential": ScheduleConfig("exponential", factor=0.95),
}


@pytest.mark.parametrize("iteration", [1, 4, 6, 11])
@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [("sgd", "plateau"), ("adadelta", "step"), ("adam", "exponential"), ("adamw", "plateau")],
)
def test_an_interrupted_run_ends_bit_identical(data, make_model, make_config, tmp_path, iteration, optimizer, schedule):
    config = make_config(
        optimizer=_OPTIMIZERS[optimizer],
        schedule=_SCHEDULES[schedule],
        augment=AugmentConfig(mirror=True, shift=1),
        evaluate_every=3,
    )
    straight = make_model()
    wanted = fit(straight, data, config)
    path = tmp_path / "run.ckpt"
    first = fit(make_model(), data, config, checkpoint=path, on_progress=_interrupt_at(iteration))
    assert first.interrupted
    assert all(at.iteration <= iteration for at in first.evaluations)
    torch.rand(7)  # the global state of the generator plays no part
    resumed = make_model()
    with torch.no_grad():
        resumed[1].weight.zero_()  # the weights come from the checkpoint
    history = fit(resumed, data, config, checkpoint=path, resume=True)
    assert not history.interrupted
    assert _without_time(history) == _without_time(wanted)
    _assert_same(_weights(resumed), _weights(straight))
    assert history.evaluations[: len(first.evaluations)] == first.evaluations
    assert [item.name for item in tmp_path.iterdir()] == ["run.ckpt"]


def test_interrupted_again_and_again(data, make_model, make_config, tmp_path):
    config = make_config(schedule=_PLATEAU, evaluate_every=5)
    straight = make_model()
    fit(straight, data, config)
    for iteration in range(1, 12):
        model = make_model()
        history = fit(
            model,
            data,
            config,
            checkpoint=tmp_path / "run",
            resume=iteration > 1,
            on_progress=_interrupt_at(iteration),
        )
        assert history.interrupted
    model = make_model()
    history = fit(model, data, config, checkpoint=tmp_path / "run", resume=True)
    _assert_same(_weights(model), _weights(straight))
    assert [at.iteration for at in history.evaluations] == [5, 10, 12]


def test_an_interruption_in_the_middle_of_a_step_costs_at_most_the_last_interval(
    data, make_model, make_config, tmp_path
):
    config = make_config(checkpoint_every=3, schedule=_PLATEAU)
    straight = make_model()
    wanted = fit(straight, data, config)
    halting = nn.Sequential(*make_model(), _AtCall(8, lambda: _raise(KeyboardInterrupt)))
    history = fit(halting, data, config, checkpoint=tmp_path / "run")
    assert history.interrupted
    progress = torch.load(tmp_path / "run", weights_only=True)["progress"]
    assert progress["iteration"] == 6
    resumed = make_model()
    history = fit(resumed, data, config, checkpoint=tmp_path / "run", resume=True)
    assert _without_time(history) == _without_time(wanted)
    _assert_same(_weights(resumed), _weights(straight))


def test_interrupted_before_the_first_step_is_over(data, make_model, make_config, tmp_path):
    config = make_config()
    straight = make_model()
    fit(straight, data, config)
    history = fit(
        nn.Sequential(*make_model(), _AtCall(1, lambda: _raise(KeyboardInterrupt))),
        data,
        config,
        checkpoint=tmp_path / "run",
    )
    assert history.interrupted
    assert history.evaluations == ()
    resumed = make_model()
    fit(resumed, data, config, checkpoint=tmp_path / "run", resume=True)
    _assert_same(_weights(resumed), _weights(straight))


def test_an_interruption_during_an_evaluation_leaves_it_to_the_resumption(data, make_model, make_config, tmp_path):
    config = make_config(schedule=_PLATEAU)
    wanted = fit(make_model(), data, config)
    model = make_model()
    model.append(_AtCall(2, lambda: signal.raise_signal(signal.SIGINT), training=False))
    history = fit(model, data, config, checkpoint=tmp_path / "run")
    assert history.interrupted
    history = fit(make_model(), data, config, checkpoint=tmp_path / "run", resume=True)
    assert _without_time(history) == _without_time(wanted)


def test_interrupted_without_a_checkpoint(data, make_model, make_config):
    history = fit(make_model(), data, make_config(), on_progress=_interrupt_at(5))
    assert history.interrupted
    assert [at.iteration for at in history.evaluations] == [4]


def test_resuming_a_finished_run_gives_its_weights_and_history(data, make_model, make_config, tmp_path):
    config, done, again = make_config(), make_model(), make_model()
    history = fit(done, data, config, checkpoint=tmp_path / "run")
    calls = []
    assert fit(again, data, config, checkpoint=tmp_path / "run", resume=True, on_progress=calls.append) == history
    assert calls == []
    _assert_same(_weights(done), _weights(again))


def test_a_checkpoint_of_other_settings_is_refused_and_the_model_left_alone(data, make_model, make_config, tmp_path):
    fit(make_model(), data, make_config(), checkpoint=tmp_path / "run")
    model = make_model()
    before = _weights(model)
    with pytest.raises(
        FileFormatError,
        match=r"run: checkpoint of another run: setting 'seed' is 0 in the checkpoint and 5 here; resume",
    ):
        fit(model, data, make_config(seed=5), checkpoint=tmp_path / "run", resume=True)
    _assert_same(_weights(model), before)
    # where it is computed may differ, and how often it is saved
    fit(model, data, make_config(checkpoint_every=5, accelerator="auto", strategy="auto"), checkpoint=tmp_path / "new")


def test_what_cannot_be_resumed_or_overwritten(data, make_model, make_config, tmp_path):
    config, path = make_config(), tmp_path / "run"
    with pytest.raises(OutputError, match=r"^nothing to resume: no checkpoint at .*run; start without resume$"):
        fit(make_model(), data, config, checkpoint=path, resume=True)
    with pytest.raises(
        InvalidValueError, match="^resume: expected the path of a checkpoint to go on from, found none$"
    ):
        fit(make_model(), data, config, resume=True)
    path.write_text("mine")
    with pytest.raises(OutputError, match="run exists: resume that run, or remove the file to start anew$"):
        fit(make_model(), data, config, checkpoint=path)
    assert path.read_text() == "mine"
    with pytest.raises(OutputError, match="cannot write .*missing"):
        fit(make_model(), data, config, checkpoint=tmp_path / "missing" / "run")


@pytest.fixture
def folder(tmp_path):
    """32 images in files, of two classes and two sizes; the test images are the same in each."""
    for part, count in (("train", 32), ("test", 8)):
        for number in range(count):
            path = tmp_path / "images" / part / ("dark", "bright")[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            size, level = (6 + number % 3, 5 + number % 2), 200 * (number % 2)
            pixels = np.random.default_rng(number).integers(level, level + 56, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    return f"folder:{tmp_path / 'images'}"


def _small_net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(48, 2))


def test_images_in_files_train_as_those_in_memory(folder, make_config):
    held, streamed = (load(folder, image_size=4, stream=stream) for stream in (False, True))
    config = make_config(augment=AugmentConfig(mirror=True, shift=1))
    of_held, of_streamed = _small_net(), _small_net()
    assert _without_time(fit(of_held, held, config)) == _without_time(fit(of_streamed, streamed, config))
    _assert_same(_weights(of_held), _weights(of_streamed))


def test_a_run_on_images_in_files_goes_on_with_the_same_crops(folder, make_config, tmp_path):
    data = load(folder, image_size=4, stream=True)
    config = make_config(augment=AugmentConfig(mirror=True, crop=(0.5, 0.9)))
    whole, stopped, resumed, uncut = (_small_net() for _ in range(4))
    expected = fit(whole, data, config)
    path = tmp_path / "run"
    assert fit(stopped, data, config, checkpoint=path, on_progress=_interrupt_at(3)).interrupted
    found = fit(resumed, data, config, checkpoint=path, resume=True)
    assert _without_time(found) == _without_time(expected)
    _assert_same(_weights(resumed), _weights(whole))
    fit(uncut, data, make_config(augment=AugmentConfig(mirror=True)))
    assert not torch.equal(_weights(uncut)["1.weight"], _weights(whole)["1.weight"])
    with pytest.raises(FileFormatError, match=r"data 'training images' is \[32, 3, 4, 4\] in files with labels"):
        fit(_small_net(), load(folder, image_size=4, stream=False), config, checkpoint=path, resume=True)


@pytest.mark.parametrize("stream", [False, True])
def test_processes_share_a_batch_out_among_them(folder, make_config, stream):
    data = load(folder, image_size=4, stream=stream)
    config = make_config(augment=AugmentConfig(mirror=True, shift=1, crop=(0.5, 0.9)))

    def inputs(rank, processes):
        run = Run(_small_net(), data, config, launch(config), None, None)
        run.fabric = SimpleNamespace(global_rank=rank, world_size=processes, device=torch.device("cpu"))
        run.iteration = 4
        images, labels = next(run.batches(3))
        return run._prepare(images, labels)

    images, labels = inputs(0, 1)
    shares = [inputs(rank, 4) for rank in range(4)]
    assert torch.equal(torch.cat([found for found, _ in shares]), images)
    assert torch.equal(torch.cat([found for _, found in shares]), labels)
