import shutil
import signal
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from swann._errors import InvalidValueError
from swann.train import (
    AugmentConfig,
    History,
    OptimizerConfig,
    ScheduleConfig,
    TrainingDivergedError,
    fit,
)

_PLATEAU = ScheduleConfig("plateau", patience=0, monitor="test_error")


def _weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def _assert_same(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), name


def test_the_loop_is_the_plain_loop_of_torch(data, make_model, make_config):
    # the oracle: six lines of torch, on the batches that the documented rule gives
    model, oracle = make_model(dropout=0.0), make_model(dropout=0.0)
    history = fit(model, data, make_config())
    optimizer = torch.optim.SGD(oracle.parameters(), lr=0.1, momentum=0.9)
    oracle.train()
    losses = []
    for epoch in range(3):
        order = np.random.default_rng([0, epoch]).permutation(70)
        for start in range(0, 64, 16):
            batch = torch.from_numpy(order[start : start + 16])
            loss = nn.functional.cross_entropy(
                oracle(data.normalise(data.train_images[batch])), data.train_labels[batch]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    _assert_same(_weights(model), _weights(oracle))
    oracle.eval()
    logits = oracle(data.normalise(data.test_images))
    last = history.evaluations[-1]
    assert last.test_error == pytest.approx((logits.argmax(1) != data.test_labels).double().mean().item())
    assert last.test_loss == pytest.approx(nn.functional.cross_entropy(logits, data.test_labels).item(), rel=1e-5)
    assert [at.train_loss for at in history.evaluations] == pytest.approx(
        [sum(losses[start : start + 4]) / 4 for start in (0, 4, 8)]
    )
    assert [(at.iteration, at.epoch) for at in history.evaluations] == [(4, 1.0), (8, 2.0), (12, 3.0)]


def test_it_learns(data, make_model, make_config):
    history = fit(make_model(dropout=0.0), data, make_config(epochs=40))
    assert history.evaluations[-1].train_loss < 0.2
    assert history.evaluations[0].test_error > history.best_error


def test_two_models_see_the_same_batches(data, make_config):
    class Recorder(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, width), nn.Dropout(0.5), nn.Linear(width, 2))
            self.seen = []

        def forward(self, images):
            self.seen.append(images.clone())
            return self.layers(images)

    config = make_config(augment=AugmentConfig(mirror=True, shift=1, rotation=10.0))
    small, large = Recorder(3), Recorder(9)
    torch.manual_seed(1)
    fit(small, data, config)
    torch.manual_seed(2)
    fit(large, data, config)
    assert len(small.seen) == len(large.seen)
    assert all(torch.equal(a, b) for a, b in zip(small.seen, large.seen, strict=True))
    plain = Recorder(3)
    fit(plain, data, make_config())
    assert not torch.equal(plain.seen[0], small.seen[0])


def test_the_same_seed_gives_the_same_weights_and_another_does_not(data, make_model, make_config):
    found = []
    for seed in (0, 0, 1):
        model = make_model()
        fit(model, data, make_config(seed=seed))
        found.append(_weights(model))
    _assert_same(found[0], found[1])
    assert not torch.equal(found[0]["1.weight"], found[2]["1.weight"])


def test_dropout_differs_from_one_iteration_to_the_next(data, make_config):
    masks = []

    class Watched(nn.Dropout):
        def forward(self, values):
            out = super().forward(torch.ones_like(values))
            if self.training:
                masks.append(out > 0)
            return values * out

    model = nn.Sequential(nn.Flatten(), Watched(0.5), nn.Linear(16, 2))
    fit(model, data, make_config(epochs=1))
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == 4


def test_the_global_random_state_and_the_mode_are_as_before(data, make_model, make_config):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    handler = signal.getsignal(signal.SIGINT)
    model = make_model().eval()
    model[3].train()
    fit(model, data, make_config(augment=AugmentConfig(mirror=True)))
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002
    assert [module.training for module in model] == [False, False, False, True, False, False]
    assert signal.getsignal(signal.SIGINT) is handler


def test_evaluations_in_between_do_not_change_the_training(data, make_model, make_config):
    often, once = make_model(), make_model()
    history = fit(often, data, make_config(evaluate_every=5))
    fit(once, data, make_config(evaluate_every=12))
    assert [at.iteration for at in history.evaluations] == [5, 10, 12]
    _assert_same(_weights(often), _weights(once))


def test_seconds_rise_and_training_is_part_of_the_whole(data, make_model, make_config):
    evaluations = fit(make_model(), data, make_config()).evaluations
    for before, after in pairwise(evaluations):
        assert 0 < before.training_seconds < after.training_seconds
        assert before.elapsed_seconds < after.elapsed_seconds
    assert all(at.training_seconds < at.elapsed_seconds for at in evaluations)


def test_progress_is_told_each_iteration(data, make_model, make_config):
    calls = []
    fit(make_model(), data, make_config(), on_progress=lambda *values: calls.append(values))
    assert [(iteration, total) for iteration, total, _, _ in calls] == [(number, 12) for number in range(1, 13)]
    assert all(speed > 0 and 0 < loss < 10 for _, _, speed, loss in calls)


def test_stops_at_the_target_error(data, make_model, make_config):
    history = fit(make_model(), data, make_config(epochs=50, target_error=0.3))
    assert history.evaluations[-1].test_error <= 0.3
    assert all(at.test_error > 0.3 for at in history.evaluations[:-1])
    assert len(history.evaluations) < 50
    assert not history.interrupted


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (ScheduleConfig("step", factor=0.5, milestones=(4, 0.75)), [0.1, 0.05, 0.025]),
        (ScheduleConfig("exponential", factor=0.9), [0.1 * 0.9**3, 0.1 * 0.9**7, 0.1 * 0.9**11]),
    ],
)
def test_the_learning_rate_follows_the_schedule(data, make_model, make_config, schedule, rates):
    # a milestone at iteration 4 changes the fifth step's rate; the one at 0.75 the tenth's
    history = fit(make_model(), data, make_config(schedule=schedule))
    assert [at.learning_rate for at in history.evaluations] == pytest.approx(rates)


def test_a_plateau_lowers_the_learning_rate(data, make_model, make_config):
    config = make_config(epochs=6, schedule=_PLATEAU, optimizer=OptimizerConfig("sgd", lr=1e-6))
    history = fit(make_model(norm=False), data, config)
    assert len({at.test_error for at in history.evaluations}) == 1  # so small a rate changes no decision
    # the first evaluation is the best so far, the second no better: each from then on halves the rate
    assert [at.learning_rate for at in history.evaluations] == [1e-6, 1e-6, 5e-7, 2.5e-7, 1.25e-7, 6.25e-8]


@pytest.mark.parametrize("precision", ["64-true", "bf16-mixed", "bf16-true"])
def test_other_precisions(data, make_model, make_config, precision, capfd):
    history = fit(make_model(), data, make_config(precision=precision))
    assert history.evaluations[-1].train_loss < 2
    assert capfd.readouterr() == ("", "")


def test_an_infinite_loss_is_an_error_and_the_checkpoint_before_it_stays(data, make_model, make_config, tmp_path):
    config = make_config(optimizer=OptimizerConfig("sgd", lr=1e30), checkpoint_every=1)
    with pytest.raises(
        TrainingDivergedError,
        match=r"^iteration [2-4] of 12: the training loss is (nan|inf); try a lower learning rate \(now 1e\+30\), ",
    ) as found:
        fit(make_model(norm=False), data, config, checkpoint=tmp_path / "run")
    assert found.value.history == History((), config.seed, diverged=True)
    saved = torch.load(tmp_path / "run", weights_only=True)
    assert saved["progress"]["iteration"] >= 1


def test_a_model_that_does_not_fit(data, make_config):
    with pytest.raises(InvalidValueError, match="^model: it has no weight to train$"):
        fit(nn.Flatten(), data, make_config())
    with pytest.raises(
        InvalidValueError, match=r"^output of the model: .* of shape \[16, classes\], found \[16, 1, 4, 4\]$"
    ):
        fit(nn.Conv2d(1, 1, 1), data, make_config())


def test_a_batch_larger_than_the_data(data, make_model, make_config):
    with pytest.raises(
        InvalidValueError, match="^batch_size: 71 is more than the 70 training images; choose 70 or less$"
    ):
        fit(make_model(), data, make_config(batch_size=71))


@pytest.mark.parametrize("accumulate", [2, 8])
def test_a_batch_in_parts_trains_like_a_whole_one(data, make_model, make_config, accumulate):
    whole, parts = make_model(dropout=0.0, norm=False), make_model(dropout=0.0, norm=False)
    seen = []
    parts.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])) if module.training else None)
    expected = fit(whole, data, make_config())
    found = fit(parts, data, make_config(accumulate=accumulate))
    for name, tensor in _weights(whole).items():
        torch.testing.assert_close(_weights(parts)[name], tensor)
    assert found.evaluations[-1].train_loss == pytest.approx(expected.evaluations[-1].train_loss, rel=1e-5)
    assert seen == [16 // accumulate] * (12 * accumulate)


@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler: install g++")
def test_compiled_it_trains_alike_and_leaves_the_model_as_it_was(data, make_model, make_config, tmp_path):
    model, compiled = make_model(dropout=0.0), make_model(dropout=0.0)
    names = list(compiled.state_dict())
    fit(model, data, make_config())
    fit(compiled, data, make_config(compile=True), checkpoint=tmp_path / "run.ckpt")
    assert list(compiled.state_dict()) == names
    for name, tensor in _weights(model).items():
        torch.testing.assert_close(_weights(compiled)[name], tensor)
    resumed = make_model(dropout=0.0)
    fit(resumed, data, make_config(compile=True), checkpoint=tmp_path / "run.ckpt", resume=True)
    _assert_same(_weights(resumed), _weights(compiled))


def test_evaluations_are_told_when_they_are_made(data, make_model, make_config):
    told = []
    history = fit(make_model(), data, make_config(), on_evaluation=told.append)
    assert [len(so_far.evaluations) for so_far in told] == [1, 2, 3]
    assert told[-1] == history
