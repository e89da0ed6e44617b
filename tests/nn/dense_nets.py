"""A small DenseNet, and what its twin computes, that the tests of this folder share."""

import torch
import torch.nn.functional as F
from torch import nn

from swann.convert import plan_parts
from swann.nn import build
from swann.trace import trace_parts


class DenseLayer(nn.Module):
    def __init__(self, n_inputs, growth_rate):
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(n_inputs), nn.Conv2d(n_inputs, growth_rate, 3, padding=1, bias=False)

    def forward(self, inputs):
        return torch.cat((inputs, self.conv(torch.relu(self.norm(inputs)))), 1)


def dense_net(growth_rate=3, n_layers=4):
    """Return two dense blocks behind a convolution of 4 channels, a transition between them, and a classifier."""
    modules, channels = [nn.Conv2d(2, 4, 3, padding=1)], 4
    for block in range(2):
        if block:
            modules += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1), nn.AvgPool2d(2)]
        modules += [DenseLayer(channels + layer * growth_rate, growth_rate) for layer in range(n_layers)]
        channels += n_layers * growth_rate
    modules += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5)]
    return nn.Sequential(*modules)


IMAGES = torch.randn(3, 2, 6, 7, generator=torch.Generator().manual_seed(0))


def dense_twin(p=0.6, *, seed=0, order="paper", repair=True, **sizes):
    parts = trace_parts(dense_net(**sizes), IMAGES)
    return build(plan_parts(parts, p, seed=seed, order=order, repair=repair), seed=seed)


def reference(twin, inputs):
    """Return what the twin of `dense_net` computes while it trains, by dense convolutions written out."""
    stem, first, transition, second, classifier = (part.layers for part in twin.parts)
    norms = [part.input_stages[0] for part in (twin.parts[number] for number in (1, 2, 3, 4))]
    maps = F.conv2d(inputs, *dense(stem[0]), padding=1)
    maps = block(first, twin.plan.blocks[0], maps, norms[0])
    maps = F.avg_pool2d(F.conv2d(F.relu(norm(maps, norms[1])), *dense(transition[0])), 2)
    maps = block(second, twin.plan.blocks[1], maps, norms[2])
    return F.linear(F.relu(norm(maps, norms[3])).mean((2, 3)), *dense(classifier[0]))


def dense(layer):
    """Return the weight and bias of a layer that reads all of the one before it."""
    (link,) = layer.links
    return link.weight.view(*link.mask.shape, *link.kernel), layer.bias


def norm(maps, module):
    return F.batch_norm(maps, None, None, module.weight, module.bias, training=True)


def block(layers, plan, inputs, first_norm):
    handed_on, joined = [F.relu(norm(inputs, first_norm))], [inputs]
    for number, layer in enumerate(layers, start=1):
        total = torch.zeros((), dtype=inputs.dtype)
        links = dict(zip(layer.sources, layer.links, strict=True))
        for source in range(number):
            edges = torch.tensor(plan.rewiring.graph.block(source, number)).T
            weight = torch.zeros(*edges.shape, 3, 3, dtype=inputs.dtype)
            if edges.any():
                weight[edges] = links[source].weight
            total = total + F.conv2d(handed_on[source], weight, padding=1)
        norm_after = next(stage for stage in layer.stages if isinstance(stage, nn.BatchNorm2d))
        after = norm(F.relu(total), norm_after) if plan.order == "paper" else F.relu(norm(total, norm_after))
        handed_on.append(after)
        joined.append(after)
    return torch.cat(joined, 1)
