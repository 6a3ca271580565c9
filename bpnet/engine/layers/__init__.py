"""The kinds of layer, one file each."""

from bpnet.engine.layers.base import BoundLayer, Layer, Wiring
from bpnet.engine.layers.dense import Dense
from bpnet.engine.layers.dropout import Dropout
from bpnet.engine.layers.equilibrium import Equilibrium
from bpnet.engine.layers.normalization import BatchNormalization, LayerNormalization

AnyLayer = Dense | Equilibrium | Dropout | BatchNormalization | LayerNormalization

__all__ = [
    "AnyLayer",
    "BatchNormalization",
    "BoundLayer",
    "Dense",
    "Dropout",
    "Equilibrium",
    "Layer",
    "LayerNormalization",
    "Wiring",
]
