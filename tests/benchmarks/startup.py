"""Time to start bpnet, and to train on Iris, compared with imports and a scikit-learn script.

    python tests/benchmarks/startup.py [RUNS]

Whole processes run in turn (A B A B …), RUNS times each (default 9) after one that is not counted;
the result is the median of the ratios pair by pair. Goals: `bpnet --help` takes at most 1.5 times
as long as `python -c "import numpy, typer, rich"`, and `bpnet train configs/iris.yaml` at most half
as long as a script that reads the same CSV, splits, scales and fits an MLPClassifier of the same
size for as many epochs.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BPNET = str(Path(sys.executable).with_name("bpnet"))

SCIKIT_LEARN = """
import warnings
import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
warnings.simplefilter("ignore")
table = pd.read_csv("datasets/iris.csv")
x, y = table.drop(columns="species"), table["species"]
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
scaler = StandardScaler().fit(x_train)
network = MLPClassifier(
    (16,),
    activation="tanh",
    learning_rate_init=0.02,
    batch_size=32,
    max_iter=200,
    n_iter_no_change=1000,
    random_state=0,
)
network.fit(scaler.transform(x_train), y_train)
print(network.score(scaler.transform(x_test), y_test))
"""


def seconds(command: list[str]) -> float:
    """Return the wall time of one process, which must succeed."""
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - start


def compare(name: str, ours: list[str], theirs: list[str], goal: float, runs: int) -> None:
    """Print the median ratio of the two commands' times, and their medians."""
    seconds(ours), seconds(theirs)
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    ratios = [a / b for a, b in pairs]
    a, b = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        f"{name}: ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), goal at most {goal}; "
        f"medians {a:.3f} s and {b:.3f} s over {runs} pairs"
    )


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    imports = [sys.executable, "-c", "import numpy, typer, rich"]
    compare("bpnet --help / imports", [BPNET, "--help"], imports, 1.5, count)
    with tempfile.TemporaryDirectory() as folder:
        train = [BPNET, "train", "configs/iris.yaml", "--runs", folder]
        compare(
            "bpnet train iris / scikit-learn",
            train,
            [sys.executable, "-c", SCIKIT_LEARN],
            0.5,
            count,
        )
