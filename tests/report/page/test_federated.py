import pytest

from swann import FileFormatError
from swann.report.page._federated import federated_section

ROUND = {
    **{"number": 1, "updates": 5, "asked": 10, "answered": 8, "refused": ["client 3: a is not finite"]},
    **{"bytes_down": 2_000_000, "bytes_up": 800_000, "client_seconds": 1.5},
}


def test_it_counts_what_travelled():
    section = federated_section({"rounds": [ROUND, ROUND | {"number": 2, "refused": []}], "n_parameters": 1234})
    assert dict(section.tables[0].groups[0].rows) == {
        "rounds": "2",
        "local updates of a client in each": "5",
        "clients asked, answered": "20, 16",
        "answers refused, not there in time": "1, 3",
        "weights of the network": "1,234",
        "sent to clients, and back (MB)": "4.0, 1.6",
        "of a client in a round (kB)": "200.0, 100.0",
        "training of all clients in a round (s)": "1.50",
    }
    assert section.details == (("Refused answers", "round 1: client 3: a is not finite"),)


def test_answers_beside_the_one_that_is_owed_are_listed_and_leave_the_missing_ones_missing():
    section = federated_section({"rounds": [ROUND | {"surplus": ["client 5: answered twice"]}], "n_parameters": 1})
    assert dict(section.tables[0].groups[0].rows)["answers refused, not there in time"] == "2, 1"
    assert section.details[0][1].endswith("\nround 1: client 5: answered twice")


def test_many_refused_answers_are_counted():
    section = federated_section({"rounds": [ROUND | {"refused": ["x"] * 30}], "n_parameters": 1})
    assert section.details[0][1].endswith("\nand 10 more")


@pytest.mark.parametrize("values", [{}, {"rounds": [{}], "n_parameters": 1}, {"rounds": 3, "n_parameters": 1}])
def test_damaged_values_are_named(values):
    with pytest.raises(FileFormatError, match="federated.json is damaged: "):
        federated_section(values)
