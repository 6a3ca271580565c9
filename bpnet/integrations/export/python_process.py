"""An exported file of Python, run by an interpreter of its own."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bpnet.errors import RunError
from bpnet.integrations.export.cells import Cells, Outputs

_PREDICT = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
answers = module.predict(json.load(sys.stdin))
json.dump({name: getattr(values, "tolist", lambda: values)() for name, values in answers.items()},
          sys.stdout)
"""


def run_python_file(content: bytes, cells: Cells) -> Outputs:
    """Return what the file answers for cells (N,) of each column; raises RunError if it fails."""
    columns = [
        [None if value != value else value for value in values.tolist()]  # nan
        for values in cells.values()
    ]
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*columns, strict=True)]
    with tempfile.TemporaryDirectory(prefix="bpnet-") as folder:
        path = Path(folder) / "model.py"
        path.write_bytes(content)
        # isolated: it must not find bpnet, or a module of the folder it is started in
        done = subprocess.run(  # noqa: S603 (it runs the text above)
            [sys.executable, "-I", "-c", _PREDICT, str(path)],
            input=json.dumps(rows).encode(),
            capture_output=True,
            check=False,
        )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise RunError(f"the exported file of Python does not run: {last}; nothing is written")
    answers = json.loads(done.stdout)
    return {
        name: np.array(values, object if name.startswith("label") else np.float64)
        for name, values in answers.items()
    }
