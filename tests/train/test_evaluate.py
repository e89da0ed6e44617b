import pytest
import torch
from torch import nn

from swann._errors import InvalidValueError
from swann.train import launch
from swann.train._evaluate import cross_entropy, evaluate, floating_type


def test_error_and_loss_by_hand_and_the_mode_is_kept(data, make_config):
    class Dark(nn.Module):
        def forward(self, images):
            return torch.tensor([[1.0, 0.0]]).expand(len(images), 2)

    model = Dark()
    error, loss = evaluate(launch(make_config()), model, data, 16)
    bright = data.test_labels.double().mean().item()
    assert error == pytest.approx(bright)
    assert loss == pytest.approx(torch.log1p(torch.exp(torch.tensor(1.0))).item() - (1 - bright), rel=1e-6)
    assert model.training


def test_stopped_before_it_is_done(data, make_model, make_config):
    assert evaluate(launch(make_config()), make_model(), data, 16, stop=lambda: True) is None


def test_scores_in_half_precision_give_a_loss_in_full():
    logits = torch.tensor([[1.0, 2.0]], dtype=torch.bfloat16)
    assert cross_entropy(logits, torch.tensor([1])).dtype == torch.float32
    assert cross_entropy(logits.double(), torch.tensor([1])).dtype == torch.float64


def test_scores_of_another_shape_are_refused():
    with pytest.raises(InvalidValueError, match=r"of shape \[3, classes\], found \[2, 4\]$"):
        cross_entropy(torch.zeros(2, 4), torch.zeros(3, dtype=torch.int64))


def test_the_type_of_the_weights():
    assert floating_type(nn.Linear(1, 1).double()) == torch.float64
    assert floating_type(nn.Flatten()) == torch.float32
