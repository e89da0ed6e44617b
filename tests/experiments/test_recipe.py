import pytest

from swann._errors import FileFormatError, UnknownNameError
from swann.experiments import ALIASES, load_recipe, recipe_names
from swann.experiments._recipe import parse_recipe
from swann.models import create

TEXT = """
title = "a title"
kind = "convergence"
model = "swann:mnist5"
data = "digits"
p = [0.5]
seeds = 3
[training]
epochs = 9
optimizer = { name = "sgd", lr = 0.1 }
[paper]
note = "It is fast."
points = [{ baseline_error = 2.0, baseline = 30, twin_error = 2.1, twin = 20 }]
[small]
seeds = 1
train_images = 100
training = { epochs = 2 }
"""


@pytest.mark.parametrize("name", recipe_names())
@pytest.mark.parametrize("scale", ["full", "small"])
def test_every_recipe_can_be_read(name, scale):
    recipe = load_recipe(name, scale)
    assert recipe.scale == scale
    assert recipe.name == ALIASES.get(name, name)
    assert recipe.paper.note
    size = recipe.image_size or (28 if recipe.data == "mnist" else 32)
    channels = 1 if recipe.data == "mnist" else 3
    create(recipe.model, in_channels=channels, n_classes=10, image_size=size, width=recipe.width)


def test_the_tables_of_the_paper_are_there():
    assert {"fig6", "fig9", "fig10", "table3", "fig11", "table4", "table5", "table6", "fig13", "overhead"} <= set(
        recipe_names()
    )
    final = load_recipe("table3").paper.points[-1]
    assert final.speed_up == pytest.approx(2.6, abs=0.05)
    assert load_recipe("table3-cifar100").paper.points[-1].speed_up == pytest.approx(2.8, abs=0.05)


def test_a_small_recipe_differs_in_what_it_says_alone():
    full, small = (parse_recipe("x", TEXT, scale) for scale in ("full", "small"))
    assert (full.seeds, full.train_images, full.training.epochs) == (3, None, 9)
    assert (small.seeds, small.train_images, small.training.epochs) == (1, 100, 2)
    assert small.training.optimizer == full.training.optimizer
    assert small.paper == full.paper


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("title", "titel"), "recipe x: TypeError: .*titel"),
        (('kind = "convergence"', 'kind = "convergance"'), "recipe x: .*'convergance' is not known.*convergence"),
        (("p = [0.5]", "p = [1.5]"), "recipe x: .*1.5"),
        (("p = [0.5]", "p = [0.5, 0.6]"), r"recipe x: .*p: expected one, found \(0.5, 0.6\)"),
        (("seeds = 3", "seeds = 0"), "recipe x: .*seeds: expected 1 or more, found 0"),
        (("epochs = 9", "epoch = 9"), "recipe x: .*training settings: no setting is called 'epoch'"),
        (("[paper]", "[papers]"), "recipe x: KeyError: 'paper'"),
        (('kind = "convergence"', 'kind = "overhead"'), "recipe x: .*training: expected none of a overhead"),
        (("p = [0.5]", "p = ["), "recipe x: TOMLDecodeError"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(change, message):
    with pytest.raises(FileFormatError, match=message):
        parse_recipe("x", TEXT.replace(*change), "full")


def test_unknown_names_are_refused():
    with pytest.raises(UnknownNameError, match="unknown recipe 'fig99'.*fig9"):
        load_recipe("fig99")
    with pytest.raises(UnknownNameError, match="unknown scale 'smal'.*small"):
        parse_recipe("x", TEXT, "smal")
