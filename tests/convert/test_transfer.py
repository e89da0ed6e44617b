import pytest
import torch
from dense_nets import dense_net, dense_twin
from torch import nn

import swann
from swann import InvalidValueError


def chain_network():
    return nn.Sequential(
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 6, 3, 2, padding=1, groups=2),
        nn.BatchNorm2d(6),
        nn.PReLU(6),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.Conv2d(6, 8, 3, padding="same", padding_mode="circular", bias=False),
        nn.GELU(),
        nn.Conv2d(8, 8, 2, dilation=2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.BatchNorm1d(32),
        nn.Linear(32, 7),
        nn.Softmax(dim=1),
    )


IMAGES = torch.randn(4, 4, 17, 17, generator=torch.Generator().manual_seed(0))


def test_with_nothing_rewired_the_twin_computes_what_the_model_computes():
    model = chain_network()
    model(IMAGES)  # norms gather statistics
    twin = swann.convert(model, IMAGES, 0, order="keep")
    swann.copy_kept_weights_(twin, model)
    torch.testing.assert_close(twin.eval()(IMAGES), model.eval()(IMAGES))


def test_a_resnet_without_its_shortcuts_is_what_is_left():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.resnet18(num_classes=4)
    with pytest.warns(swann.LeftOutWarning, match="8 shortcuts are left out"):
        twin = swann.convert(model, torch.zeros(1, 3, 64, 64), 0, order="keep")
    swann.copy_kept_weights_(twin, model)
    images = torch.randn(2, 3, 64, 64)
    model.eval(), twin.eval()
    for block in [block for stage in (model.layer1, model.layer2, model.layer3, model.layer4) for block in stage]:
        block.forward = lambda x, b=block: torch.relu(b.bn2(b.conv2(torch.relu(b.bn1(b.conv1(x))))))
    torch.testing.assert_close(twin(images), model(images), rtol=1e-4, atol=1e-5)


def test_edges_that_stayed_keep_their_weights_and_moved_ones_their_own():
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 3))
    twin = swann.convert(model, torch.ones(1, 5), 0.5)
    before = [link.weight.detach().clone() for _, link in twin.each_layer()[2].each_link()]
    swann.copy_kept_weights_(twin, model)
    for layer, baseline in zip(twin.each_layer(), (model[0], model[2], model[4]), strict=True):
        _, link = layer.each_link()[0]
        assert torch.equal(link.dense_weight()[link.mask], baseline.weight[link.mask])
        assert torch.equal(layer.bias, baseline.bias)
    for (source, link), start in zip(twin.each_layer()[2].each_link(), before, strict=True):
        assert torch.equal(link.weight, start) == (source != 2)


def test_the_twin_of_a_densenet_takes_no_weights_over():
    with pytest.raises(
        InvalidValueError, match="a SmallWorldDenseNet has no weights to take over.*its own first weights"
    ):
        swann.copy_kept_weights_(dense_twin(), dense_net())


def test_a_model_of_other_modules_is_refused():
    twin = swann.convert(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), torch.ones(1, 5), 0.0)
    with pytest.raises(InvalidValueError, match="the Linear has no module '0'; give the model that the twin was"):
        swann.copy_kept_weights_(twin, nn.Linear(5, 3))
