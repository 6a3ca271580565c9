"""The kinds of layer, one file each."""

from bpnet.engine.layers.base import BoundLayer, Layer, Wiring
from bpnet.engine.layers.dense import Dense
from bpnet.engine.layers.dropout import Dropout
from bpnet.engine.layers.embedding import CategoryTable, Embedding
from bpnet.engine.layers.equilibrium import Equilibrium
from bpnet.engine.layers.normalization import BatchNormalization, LayerNormalization
from bpnet.engine.layers.parametric import Parametric
from bpnet.engine.layers.periodic import Periodic
from bpnet.engine.layers.scale import Scale

AnyLayer = (
    Dense
    | Equilibrium
    | Dropout
    | BatchNormalization
    | LayerNormalization
    | Scale
    | Parametric
    | Periodic
)
"""The layers that a config may name."""
AnyStoredLayer = Embedding | AnyLayer
"""The layers that a network may have: the encoding of data puts an embedding before a config's."""

__all__ = [
    "AnyLayer",
    "AnyStoredLayer",
    "BatchNormalization",
    "BoundLayer",
    "CategoryTable",
    "Dense",
    "Dropout",
    "Embedding",
    "Equilibrium",
    "Layer",
    "LayerNormalization",
    "Parametric",
    "Periodic",
    "Scale",
    "Wiring",
]
