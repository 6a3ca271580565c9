"""A model in ONNX, run by onnxruntime; its only importer."""

from types import ModuleType

import numpy as np

from bpnet.engine.component import Array
from bpnet.integrations.export.cells import Cells, Outputs
from bpnet.integrations.export.graph import missing_package


class OnnxSession:
    """A file of ONNX that is ready to predict; raises UsageError without onnxruntime.

    It uses as many threads as it is given, by default one for each core.
    """

    def __init__(self, content: bytes, threads: int = 0) -> None:
        runtime = onnxruntime()
        options = runtime.SessionOptions()
        options.log_severity_level = 3  # errors
        options.intra_op_num_threads = threads
        self._session = runtime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self._names = [output.name for output in self._session.get_outputs()]

    def run(self, cells: Cells) -> Outputs:
        """Return the outputs for cells (N,) of each column."""
        columns = {name: _column(values) for name, values in cells.items()}
        outputs = self._session.run(self._names, columns)
        return dict(zip(self._names, outputs, strict=True))


def onnxruntime() -> ModuleType:
    """Return the library that runs files of ONNX; raises UsageError if it is not installed."""
    try:
        import onnxruntime  # deferred: an optional package
    except ImportError:
        raise missing_package("onnxruntime") from None
    module: ModuleType = onnxruntime
    return module


def _column(values: Array) -> Array:
    """Return cells (N,) as the input (N, 1) of a model."""
    return np.ascontiguousarray(values[:, None])
