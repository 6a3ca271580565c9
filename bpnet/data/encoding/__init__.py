"""Encoding: from columns of the table to inputs of the network, fitted on the training rows."""

from bpnet.data.encoding.encoder import Encoder

__all__ = ["Encoder"]
