import pytest
from torch import nn

from swann.nn._block_stages import Step, block_form, block_steps, tracks_statistics
from swann.nn.kernels import MaxPool

RELU, FLAT, SAME = ("rectify",), ("flat",), ("same",)
POOL, SIZES = nn.MaxPool2d(2), MaxPool((2, 2), (2, 2), (0, 0))
NORM = nn.BatchNorm2d(3)
OF_POOL, OF_NORM = (block_form(stage) for stage in (POOL, NORM))


def kinds(*forms, size=(6, 4)):
    found = block_steps(forms, size)
    return None if found is None else ([(step.kind, step.size, step.rectifies) for step in found[0]], found[1])


@pytest.mark.parametrize(
    ("stage", "form"),
    [
        (nn.ReLU(inplace=True), RELU),
        (nn.Identity(), SAME),
        (nn.Dropout(0.0), SAME),
        (nn.Dropout(0.5).eval(), SAME),
        (nn.Dropout(0.5), None),
        (nn.Flatten(), FLAT),
        (nn.Flatten(2), None),
        (nn.Tanh(), None),
        (nn.MaxPool3d(2), None),
        (nn.MaxPool2d(2, return_indices=True), None),
        (nn.AdaptiveAvgPool2d([3, None]), ("mean", (3, None))),
        (nn.AdaptiveAvgPool1d(3), ("mean", 3)),
        (nn.BatchNorm2d(3, momentum=None), None),
        (nn.SyncBatchNorm(3), None),
    ],
    ids=str,
)
def test_what_an_operation_does(stage, form):
    assert block_form(stage) == form


def test_norms_differ_by_what_is_compiled():
    assert block_form(NORM) == ("norm", NORM, False, 1e-5, 0.1, True, True)
    evaluated = nn.BatchNorm2d(3, momentum=None).eval()
    assert block_form(evaluated) == ("norm", evaluated, True, 1e-5, None, False, True)
    bare = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    assert block_form(bare) == ("norm", bare, False, 1e-5, 0.1, False, False)
    assert block_form(bare.eval()) == ("norm", bare, False, 1e-5, 0.1, False, False)
    assert block_form(nn.BatchNorm1d(3, momentum=None, track_running_stats=False)) is not None
    stopped = nn.BatchNorm3d(3)
    assert tracks_statistics(stopped)
    stopped.track_running_stats = False
    assert not tracks_statistics(stopped)


@pytest.mark.parametrize("register", ["register_forward_hook", "register_full_backward_hook"])
def test_nothing_is_done_where_somebody_listens(register):
    stage = nn.ReLU()
    getattr(stage, register)(lambda *_: None)
    assert block_form(stage) is None


def test_forms_can_be_looked_up():
    stages = (nn.MaxPool2d([2, 2], [2, 2], [0, 0], [1, 1]), nn.AdaptiveAvgPool2d([2, 2]), NORM)
    assert len({block_form(stage) for stage in stages}) == 3


def test_activations_are_done_with_the_norm_or_the_pooling_beside_them():
    assert kinds(OF_NORM, RELU) == ([("norm", (6, 4), True)], False)
    assert kinds(RELU, OF_NORM) == ([("rectify", (6, 4), False), ("norm", (6, 4), False)], False)
    assert kinds(RELU, OF_POOL) == kinds(OF_POOL, RELU) == ([("max", (3, 2), True)], False)
    assert kinds(OF_NORM, RELU, OF_POOL) == ([("norm", (6, 4), True), ("max", (3, 2), False)], False)
    assert kinds(RELU, RELU, SAME, RELU) == ([("rectify", (6, 4), False)], False)


def test_sizes_go_from_step_to_step():
    mean = ("mean", (None, 1))
    assert kinds(OF_POOL, mean, FLAT, RELU) == (
        [("max", (3, 2), False), ("mean", (3, 1), False), ("rectify", (3, 1), False)],
        True,
    )
    assert kinds(("mean", 2)) == ([("mean", (2, 2), False)], False)
    assert block_steps([OF_POOL], (6, 4)) == ([Step("max", (3, 2), pool=SIZES)], False)
    assert block_steps([], ()) == ([], False)


def test_what_cannot_be_done():
    assert kinds(None) is None
    assert kinds(FLAT, OF_NORM) is None
    assert kinds(FLAT, FLAT) is None
    assert kinds(block_form(nn.MaxPool2d(2, dilation=2))) is None
    assert kinds(block_form(nn.MaxPool1d(2))) is None
    assert kinds(OF_POOL, size=(1, 4)) is None
