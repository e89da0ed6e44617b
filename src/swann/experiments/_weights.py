import numpy as np
from numpy.typing import NDArray

from ..nn import SmallWorldNetwork


def mean_weights(network: SmallWorldNetwork) -> NDArray[np.float64]:
    """Return the mean absolute weight of the edges between every two layers (the SWANN paper's Fig. 13).

    Args:
        network: usually a trained one.

    Returns:
        Of shape `[layers, layers]`, the input's layer first; from row to column, NaN where no edge exists.
    """
    n_layers = len(network.layers) + 1
    found: NDArray[np.float64] = np.full((n_layers, n_layers), np.nan)
    for number, layer in enumerate(network.each_layer(), start=1):
        for source, link in layer.each_link():
            found[source, number] = link.weight.detach().abs().double().mean().item()
    return found
