import logging

from swann.federated._quiet import quiet


def test_errors_alone_come_through_until_its_end():
    logger = logging.getLogger("flwr")
    before = logger.level
    with quiet():
        assert not logger.isEnabledFor(logging.WARNING)
        assert logger.isEnabledFor(logging.ERROR)
    assert logger.level == before
