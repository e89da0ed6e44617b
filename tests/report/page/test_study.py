import pytest

from swann import FileFormatError
from swann.report.page._study import study_section


def test_effects_are_drawn_and_told_in_points(study_values):
    section = study_section(study_values)
    (table,) = section.tables
    assert table.header[:3] == ("network", "iterations to 0.2 error", "control's over these")
    assert table.groups[0].rows == (
        ("control", "300 (3 of 3)", "–", "20.0", "–", "–"),
        ("p = 0.6", "100 (2 of 3)", "3.00× [2.00, 4.50]", "12.0", "-5.0 [-9.0, -1.0]", "-8.0 [-12.0, -4.0]"),
        ("no repair", "not reached", "–", "21.0", "+1.5", "+1.0"),
    )
    (figure,) = section.figures
    assert [panel.labels["series-0"] for panel in figure.panels] == [
        ["p = 0.6: -5.0 [-9.0, -1.0] points", "no repair: +1.5 points"],
        ["p = 0.6: -8.0 [-12.0, -4.0] points", "no repair: +1.0 points"],
    ]
    assert figure.csv.splitlines()[1].startswith("p = 0.6,-9.0,-5.0,-1.0,-12.0,")
    assert section.text == ()


def test_it_says_where_errors_are_from(study_values):
    assert "held out" in study_section(study_values, held_out=True).text[0]


def test_a_control_alone_has_no_drawing(study_values):
    section = study_section(study_values[:1])
    assert section.figures == ()
    assert len(section.tables[0].groups[0].rows) == 1


@pytest.mark.parametrize("missing", ["network", "at", "final", "area_difference"])
def test_a_damaged_study_is_named(study_values, missing):
    broken = [{key: value for key, value in effect.items() if key != missing} for effect in study_values]
    with pytest.raises(FileFormatError, match=f"^not a study: KeyError: '{missing}'$"):
        study_section(broken)
