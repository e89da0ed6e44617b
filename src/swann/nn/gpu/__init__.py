"""Links computed on a GPU: by tiles of channels, and as few dense convolutions."""

from ._layout import LayerLayout
from ._operator import block_layer
from ._tables import block_tables, choose_tile

__all__ = ["LayerLayout", "block_layer", "block_tables", "choose_tile"]
