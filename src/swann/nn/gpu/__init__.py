"""Layers computed on a GPU: by tiles of channels that hold edges, and by as few dense convolutions as there can be."""

from ._choice import fastest_form
from ._inflow import FORMS, Form, as_read_by, can_use_blocks, prepare
from ._joined import JoinedLinks
from ._layout import LayerLayout
from ._operator import block_layer
from ._tables import block_tables, choose_tile

__all__ = [
    "FORMS",
    "Form",
    "JoinedLinks",
    "LayerLayout",
    "as_read_by",
    "block_layer",
    "block_tables",
    "can_use_blocks",
    "choose_tile",
    "fastest_form",
    "prepare",
]
