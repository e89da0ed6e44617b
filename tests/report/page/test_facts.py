from swann.report.page._facts import environment_section, paper_section, settings_section


def test_settings_are_flat_and_without_those_not_set():
    section = settings_section(
        {"model": "net", "p": None, "paper": {"note": "x"}, "training": {"lr": 0.1, "nesterov": True}}
    )
    assert section.tables[0].groups[0].rows == (("model", "net"), ("training lr", "0.1"), ("training nesterov", "yes"))


def test_the_command_is_whole():
    section = environment_section(
        {"settings": {"a": 1}, "command": "swann 'a b'", "machine": {"cores": 2, "gpu": None}}
    )
    assert section.command == "swann 'a b'"
    assert section.tables[0].groups[0].rows == (("machine cores", "2"), ("machine gpu", "—"))


def test_only_repeated_experiments_have_the_papers_figures():
    assert paper_section({"model": "net"}) is None
    assert paper_section({"paper": "lost"}) is None
    section = paper_section({"paper": {"note": "Fast.", "points": []}})
    assert section is not None
    assert section.text == ("Fast.",)
    assert not section.tables


def test_many_settings_are_folded_away():
    section = settings_section({f"setting {number}": number for number in range(17)})
    assert section.tables == ()
    assert len(section.folded[0].groups[0].rows) == 17
