from swann.nn.kernels import Finish, MaxPool
from swann.nn.kernels._finish_assembly import finish_function, pool_function

POOL = MaxPool((3, 3), (2, 2), (1, 1))


def test_steps_that_scale_are_counted_on_both_sides_of_a_pooling():
    assert Finish(("affine", "relu"), POOL, ("affine",)).n_affine == 2
    assert Finish(("relu",)).n_affine == 0


def test_what_is_left_of_a_place_is_worked_on_with_a_shorter_vector():
    finish = Finish(("relu", "affine"))
    assert "<5 x float>" not in finish_function(finish, "float32", 16, 0)
    assert "<5 x float>" in finish_function(finish, "float32", 16, 5)


def test_taps_are_stored_only_where_they_are_kept():
    without, kept = (
        pool_function(Finish((), POOL, ()), POOL, "float32", 16, 0, keeps_taps=keeps_taps)
        for keeps_taps in (False, True)
    )
    stores = [text.count("store <16 x i8>") for text in (without, kept)]
    assert stores[1] == stores[0] + 1
