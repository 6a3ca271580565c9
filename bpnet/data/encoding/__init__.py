"""Encoding: columns of the table to inputs of the network, by figures of the training rows alone."""

from bpnet.data.encoding.encoder import Encoder

__all__ = ["Encoder"]
