from importlib.resources import files

import pytest

from swann import FileFormatError
from swann.experiments._federated_recipe import load_federated_recipe, parse_federated_recipe

TEXT = (files("swann.experiments") / "federated" / "table7.toml").read_text()


def test_the_full_recipe_is_the_papers():
    recipe = load_federated_recipe()
    assert (recipe.model, recipe.data, recipe.p, recipe.seeds, recipe.clients) == ("swann:mnist5", "mnist", 0.5, 3, 100)
    assert {name: setting.partition for name, setting in recipe.settings.items()} == {"iid": "iid", "non-iid": "shards"}
    for setting in recipe.settings.values():
        local = setting.config.local
        assert (setting.config.per_round, setting.config.strategy) == (10, "fedavg")
        assert (local.updates, local.batch_size, local.optimizer.name, local.optimizer.lr) == (5, 10, "sgd", 0.01)
        last = setting.paper.points[-1]
        assert setting.config.rounds * local.updates >= last.baseline > last.twin
    assert [setting.paper.points[-1].twin for setting in recipe.settings.values()] == [330, 900]


def test_the_small_one_has_fewer_images_and_rounds():
    full, small = load_federated_recipe(), load_federated_recipe("small")
    assert (full.train_images, small.train_images) == (None, 20_000)
    for name in full.settings:
        assert small.settings[name].config.rounds < full.settings[name].config.rounds


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("clients = 100", "clients = 0"),
        ("p = 0.5", "p = 1.5"),
        ("seeds = 3", "seeds = 3\nepochs = 2"),
        ("per_round = 10", "per_rond = 10"),
        ('partition = "iid"', ""),
        ("[federated]", "[federated"),
    ],
)
def test_another_text_is_refused(old, new):
    assert old in TEXT
    with pytest.raises(FileFormatError, match="federated recipe: "):
        parse_federated_recipe(TEXT.replace(old, new), "full")
