"""Python's way into bpnet: train on a file or a data frame, and use a run as the verbs do.

>>> import bpnet
>>> run = bpnet.train({"dataset": {"target": "species"}}, table=flowers)
>>> run.predict(new_flowers)

The results are those of the command line to the bit. Errors are those of `bpnet.errors`, with the
same texts.
"""

from bpnet.api.run import Run, load
from bpnet.api.training import resume, train
from bpnet.api.warning import BpnetWarning

__all__ = ["BpnetWarning", "Run", "load", "resume", "train"]
