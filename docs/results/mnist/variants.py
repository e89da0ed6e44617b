"""Variants of the twin of MNIST-5 on a validation split: one line of JSON for each run. Needs SWANN_DATA_DIR."""

import json

import torch

import swann
from swann.data import load
from swann.train import OptimizerConfig, TrainingConfig, fit

VARIANTS = {
    "0_paper": {"p": 0.0},
    "0.6": {"p": 0.6},
    "0.3": {"p": 0.3},
    "0.1": {"p": 0.1},
    "0.6_small": {"p": 0.6},
    "0.6_norep": {"p": 0.6, "repair": False},
    "0.6_layers": {"p": 0.6, "draw": "layers"},
}


def network(name: str, seed: int) -> swann.SmallWorldNetwork:
    """Return a variant; `_small` has the first weights of its long links times 0.3."""
    example = torch.zeros(1, 1, 28, 28)
    twin = swann.convert(swann.models.mnist5(seed=seed), example, seed=seed, **VARIANTS[name])
    if name.endswith("small"):
        with torch.no_grad():
            for number, layer in enumerate(twin.each_layer()):
                for source, link in layer.each_link():
                    if source < number:
                        link.weight.mul_(0.3)
    return twin


def main() -> None:
    """Train every variant under three seeds."""
    torch.set_num_threads(1)
    data = load("mnist").split_validation(0.1, seed=0).subset(train=12800, test=6000, seed=0)
    optimizer = OptimizerConfig("adadelta", lr=1.0, rho=0.95)
    for seed in range(3):
        config = TrainingConfig(
            epochs=8, batch_size=256, seed=seed, evaluate_every=25, accelerator="cpu", optimizer=optimizer
        )
        for name in VARIANTS:
            errors = [at.test_error for at in fit(network(name, seed), data, config).evaluations]
            print(json.dumps({"name": name, "seed": seed, "best": min(errors), "auc": sum(errors) / len(errors)}))


if __name__ == "__main__":
    main()
