import pytest

from swann import InvalidValueError, UnknownNameError
from swann.experiments import StudyNetwork


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"long_scale": -1.0}, "long_scale: expected a number, 0 or more, found -1.0"),
        ({"decay_factor": float("inf")}, "decay_factor: expected a number, 0 or more, found inf"),
        ({"decay_by_in_degree": float("nan")}, "decay_by_in_degree: expected a finite number, found nan"),
        ({"p": 0.5, "draws": 2, "long_kernel": "pointwise"}, "draws: expected 1 beside long_kernel, found 2"),
        ({"dropout": 1.0}, "dropout: expected a number from 0 to below 1, found 1.0"),
        ({"lr_by_in_degree": float("nan")}, "lr_by_in_degree: expected a finite number, found nan"),
        ({"rival": "dnw", "p": 0.5, "link_norm": True}, "rival: 'dnw' has no p, link_norm"),
        ({"p": 0.5, "draws": 2, "wiring": "balanced"}, "draws: expected 1 beside wiring, found 2"),
        ({"draws": 0}, "draws: expected a whole number, 1 or more, found 0"),
        ({"shortcuts": True}, "shortcuts: converting leaves them out; expected converted = false beside them"),
        ({"converted": False, "p": 0.5, "draws": 2}, "converted: a model as it comes has no p, draws"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(InvalidValueError, match=message):
        StudyNetwork(**settings)


def test_an_unknown_initialisation_is_named():
    with pytest.raises(UnknownNameError, match="initialisation: 'sparse' is not known"):
        StudyNetwork(initialisation="sparse")


def test_settings_of_a_study_alone_are_named():
    assert StudyNetwork(p=0.5, granularity=2, lr_factor=2.0).of_chains() == []
    assert StudyNetwork(p=0.5, stride="pooled", dropout=0.1).of_chains() == ["stride", "dropout"]
