"""From a PyTorch module to the chain of layers that it consists of."""

from ._chain import Chain, Layer, Stage
from ._kinds import KINDS
from ._operations import create_module
from ._trace import trace, trace_parts

__all__ = ["KINDS", "Chain", "Layer", "Stage", "create_module", "trace", "trace_parts"]
