import dataclasses

import pytest

from swann import SwannError
from swann.deployment import ServerSettings


def test_a_run_config_becomes_settings_of_the_rounds():
    found = ServerSettings.of({"local-steps": 7, "lr": 1, "p": 0.5, "strategy-options": "server_learning_rate=0.1"})
    config = found.federated()
    assert (config.local.steps, config.local.epochs, config.local.optimizer.lr) == (7, None, 1.0)
    assert config.strategy_options == {"server_learning_rate": 0.1}
    assert found.p == 0.5


def test_an_empty_text_is_none_where_that_is_allowed():
    assert ServerSettings.of({"p": "", "target-error": "", "data": ""}) == dataclasses.replace(
        ServerSettings(), data=""
    )


@pytest.mark.parametrize(
    ("run_config", "message"),
    [
        ({"round": 3}, "run config: unknown key 'round': did you mean 'rounds' or"),
        ({"rounds": "3"}, "run config: rounds: expected a whole number, found '3'"),
        ({"rounds": True}, "run config: rounds: expected a whole number, found True"),
        ({"rounds": ""}, "run config: rounds: expected a whole number, found ''"),
        ({"p": "half"}, "run config: p: expected a number, found 'half'"),
        ({"resume": 1}, "run config: resume: expected true or false, found 1"),
        ({"model": 1}, 'run config: model: expected a text, as in "text", found 1'),
        ({"clients": 0}, "run config: clients: expected a whole number, 1 or more, found 0"),
        ({"rounds": 0}, "rounds: expected a whole number, 1 or more, found 0"),
        ({"strategy-options": "a=b"}, "run config: strategy-options: expected name=value with a number, found 'a=b'"),
        ({"secure-aggregation": True}, "per_round: expected 3 or more with secure aggregation, found 2"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line(run_config, message):
    with pytest.raises(SwannError) as refused:
        ServerSettings.of(run_config).federated()
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)
