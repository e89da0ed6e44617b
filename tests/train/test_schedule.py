import pytest
import torch

from swann._errors import InvalidValueError
from swann.train import ScheduleConfig


def _rates(config: ScheduleConfig, steps: int, metric: float | None = None) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = config.build(optimizer, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step() if metric is None else schedule.step(metric)
    return rates


def test_step_divides_at_half_and_three_quarters():
    assert _rates(ScheduleConfig("step", factor=0.5, milestones=(0.5, 0.75)), 8) == [1] * 4 + [0.5] * 2 + [0.25] * 2
    assert _rates(ScheduleConfig("step", factor=0.5, milestones=(1,)), 3) == [1, 0.5, 0.5]


def test_exponential_multiplies_each_step():
    assert _rates(ScheduleConfig("exponential", factor=0.9), 4) == pytest.approx([0.9**step for step in range(4)])


def test_plateau_waits_for_patience():
    assert _rates(ScheduleConfig("plateau", factor=0.5, patience=1), 5, metric=1.0) == [1, 1, 1, 0.5, 0.5]


def test_none_has_no_scheduler():
    assert ScheduleConfig().build(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), 5) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "stairs"}, "^schedule: 'stairs' is not known; "),
        ({"name": "plateau", "factor": 2}, "^schedule: factor: expected a number above 0, 1 at most, found 2$"),
        ({"name": "plateau", "patience": -1}, "^schedule: patience: expected a whole number, 0 or more, found -1$"),
        ({"name": "plateau", "monitor": "loss"}, "^schedule: monitor: 'loss' is not known; "),
        ({"name": "step"}, "^schedule: milestones belong to 'step' and 'step' needs one at least"),
        ({"name": "plateau", "milestones": (3,)}, r"^schedule: milestones belong to 'step' .* found \(3,\) with"),
        ({"name": "step", "milestones": (1.5,)}, "^schedule: milestones: expected iterations .* found 1.5$"),
        ({"name": "step", "milestones": (0,)}, "^schedule: milestones: expected iterations .* found 0$"),
    ],
)
def test_refuses_wrong_settings(arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        ScheduleConfig(**arguments)


def test_milestones_must_rise():
    with pytest.raises(
        InvalidValueError, match=r"^schedule: milestones must rise, found iterations \[50, 20\] of 100$"
    ):
        ScheduleConfig("step", milestones=(0.5, 20)).milestone_iterations(100)
