import json

import pytest

from swann import InvalidValueError
from swann.federated import FederatedConfig, LocalTraining, Privacy
from swann.train import OptimizerConfig


def test_settings_go_through_json():
    config = FederatedConfig(
        rounds=7,
        local=LocalTraining(epochs=None, steps=5, optimizer=OptimizerConfig("sgd", lr=0.1, momentum=0.9)),
        strategy="fedavgm",
        strategy_options={"server_momentum": 0.5},
        compression="int8",
        privacy=Privacy("server", noise_multiplier=0.5),
    )
    assert FederatedConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_local_updates_are_epochs_or_steps():
    assert LocalTraining().updates == 5
    assert LocalTraining(epochs=None, steps=7).updates == 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FederatedConfig(rounds=0), "rounds: expected a whole number, 1 or more, found 0"),
        (lambda: FederatedConfig(rounds=1, per_round=0), "per_round: expected a whole number, 1 or more"),
        (lambda: FederatedConfig(rounds=1, compression="zip"), "compression: 'zip' is not known"),
        (lambda: FederatedConfig(rounds=1, timeout=0), "timeout: expected a number above 0"),
        (lambda: FederatedConfig(rounds=1, target_error=2), "target_error: expected a number 0 or more, 1 at most"),
        (
            lambda: FederatedConfig(rounds=1, compression="int8", privacy=Privacy("client")),
            "compression: clients clip weights, expected 'none' with privacy 'client', found 'int8'",
        ),
        (lambda: LocalTraining(epochs=1, steps=1), "expected either epochs or steps, found epochs=1 and steps=1"),
        (lambda: LocalTraining(epochs=None), "expected either epochs or steps, found epochs=None and steps=None"),
        (lambda: LocalTraining(batch_size=0), "batch_size: expected a whole number, 1 or more"),
        (lambda: Privacy("some"), "privacy: 'some' is not known"),
        (lambda: Privacy("server", clipping_norm=0), "privacy: clipping_norm: expected a number above 0"),
        (lambda: Privacy("server", noise_multiplier=-1), "privacy: noise_multiplier: expected a number 0 or more"),
        (lambda: FederatedConfig.from_dict({"rounds": 1, "tempo": 2}), "no setting is called 'tempo'"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(InvalidValueError, match=message):
        make()
