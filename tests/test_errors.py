import pytest

import swann
from swann import MissingExtraError, SwannError
from swann._errors import near_matches, require_extra


def test_every_error_is_of_one_family_and_of_a_builtin():
    errors = [value for name, value in vars(swann).items() if name.endswith("Error") and value is not SwannError]
    assert len(errors) == 8
    assert all(issubclass(error, SwannError) and len(error.__bases__) == 2 for error in errors)


def test_names_with_commas_are_quoted():
    assert near_matches("p", ["control", "p = 0.5, keep"]) == "Known: control, 'p = 0.5, keep'"


def test_near_matches_come_first_and_long_lists_are_cut():
    assert near_matches("cifar", ["mnist", "cifar10"]) == "did you mean 'cifar10'? Known: cifar10, mnist"
    assert near_matches("zzz", ["mnist"]) == "Known: mnist"
    assert near_matches("n5", (f"n{number}" for number in range(40))).endswith("and 32 more")


def test_a_missing_package_names_its_extra(monkeypatch):
    with pytest.raises(MissingExtraError, match=r"no_such_package is not installed.*pip install 'swann\[report\]'"):
        require_extra("no_such_package.part", "report")
    assert require_extra("json", "report").loads("1") == 1


def test_an_import_that_fails_inside_a_package_is_not_taken_for_a_missing_one(tmp_path, monkeypatch):
    (tmp_path / "halfway.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package") as caught:
        require_extra("halfway", "report")
    assert not isinstance(caught.value, SwannError)
