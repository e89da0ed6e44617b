import pytest

from swann import FileFormatError, UnknownNameError
from swann.experiments import CONTROL, StudyNetwork, load_study, study_names
from swann.experiments._study import parse_study

TEXT = """
title = "a title"
model = "swann:mnist5"
data = "digits"
seeds = 2
errors = [0.5, 0.2]
[training]
iterations = 4
batch_size = 16
[networks]
twin = { p = 0.5, granularity = 2, lr_factor = 2.0 }
"as it comes" = { converted = false }
"""


def test_a_study_is_read_with_its_control():
    study = parse_study("mine", TEXT)
    assert study.name == "mine"
    assert study.networks == {
        CONTROL: StudyNetwork(),
        "twin": StudyNetwork(p=0.5, granularity=2, lr_factor=2.0),
        "as it comes": StudyNetwork(converted=False),
    }
    assert study.errors == (0.5, 0.2)
    assert study.training.iterations == 4


def test_some_networks_are_taken_with_those_to_compare_with():
    study = parse_study("mine", TEXT.replace("seeds = 2", "seeds = 2\nagainst = 'as it comes'"))
    assert list(study.of(["twin"]).networks) == [CONTROL, "twin", "as it comes"]
    assert list(study.of([]).networks) == [CONTROL, "as it comes"]
    with pytest.raises(UnknownNameError, match="the study has no network 'twins': did you mean 'twin'"):
        study.of(["twins"])


@pytest.mark.parametrize("name", study_names())
def test_the_packages_own_studies_are_whole(name):
    study = load_study(name)
    assert study.errors == tuple(sorted(study.errors, reverse=True))
    assert len(study.networks) > 2


def test_a_file_is_read_and_what_is_not_there_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text(TEXT)
    assert load_study(str(tmp_path / "mine.toml")) == parse_study("mine", TEXT)
    with pytest.raises(UnknownNameError, match=r"there is no file .*other\.toml"):
        load_study(str(tmp_path / "other.toml"))
    with pytest.raises(UnknownNameError, match="unknown study 'mnist': did you mean 'mnist5'"):
        load_study("mnist")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title", "titel", "titel"),
        ("[networks]", "[networks", "TOMLDecodeError"),
        ("p = 0.5", "p = 1.5", "p must be a number from 0 to 1, got 1.5"),
        ("p = 0.5", "q = 0.5", "unexpected keyword argument 'q'"),
        ("p = 0.5", "draw = 'edges'", "draw: 'edges' is not known"),
        ("lr_factor = 2.0", "lr_factor = 0.0", "lr_factor: expected a number above 0, found 0.0"),
        ("converted = false", "converted = false, p = 0.5", "a model as it comes has no p"),
        ("seeds = 2", "seeds = 2\nagainst = 'twins'", "against: 'twins' is none of the networks: control, twin"),
        ("granularity = 2", "rival = 'resnet'", "rival: 'resnet' is not known"),
        ("granularity = 2", "stride = 'wide'", "stride: 'wide' is not known"),
        ("granularity = 2", "linear_kernel = 'wide'", "linear_kernel: 'wide' is not known"),
        ("[0.5, 0.2]", "[50]", r"errors: expected fractions, found \(50,\)"),
        ("[0.5, 0.2]", "[]", r"errors: expected fractions, found \(\)"),
        ("seeds = 2", "seeds = 0", "seeds: expected 1 or more, found 0"),
        ("iterations = 4", "iterations = -4", "iterations: expected a whole number, 1 or more"),
    ],
)
def test_bad_studies_are_named(old, new, message):
    assert old in TEXT
    with pytest.raises(FileFormatError, match=f"study mine: .*{message}"):
        parse_study("mine", TEXT.replace(old, new))
    with pytest.raises(FileFormatError, match="expected 'control' and another, found control"):
        parse_study("mine", TEXT.partition("twin =")[0])
