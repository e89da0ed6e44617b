import pytest
from flwr.common.config import parse_config_args

from swann._errors import InvalidValueError
from swann.deployment import NodeSettings, load_own_data


def test_settings_survive_flowers_node_config():
    settings = NodeSettings("folder:/my images", data_dir="/data", image_size=8, partition_id=0, num_partitions=2)
    assert NodeSettings.of(parse_config_args([str(settings)])) == settings


def test_shares_of_a_trial_are_disjoint_and_complete():
    shares = [load_own_data(NodeSettings("digits", partition_id=i, num_partitions=3)) for i in range(3)]
    rows = sorted(row for share in shares for row in share.rows.tolist())
    assert rows == list(range(1437))


def test_without_a_share_a_node_has_all_images():
    assert len(load_own_data(NodeSettings("digits"))) == 1437


@pytest.mark.parametrize(
    ("node_config", "message"),
    [
        ({}, "node config: expected data, such as data="),
        ({"dta": "digits"}, "node config: unknown key 'dta': did you mean 'data' or"),
        ({"data": 'a"b'}, "node config: data: expected a text without quotes"),
        ({"data": "digits", "partition-id": 0}, "node config: partition-id and num-partitions go together"),
        (
            {"data": "digits", "partition-id": 2, "num-partitions": 2},
            "node config: partition-id: expected 0 to 1, found 2",
        ),
        ({"data": "digits", "image-size": 0}, "node config: image-size: expected a whole number, 1 or more, found 0"),
    ],
)
def test_a_wrong_node_config_is_refused(node_config, message):
    with pytest.raises(InvalidValueError) as refused:
        NodeSettings.of(node_config)
    assert str(refused.value).startswith(message)
