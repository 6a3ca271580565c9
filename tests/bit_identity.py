"""Compare what bpnet computes with recorded SHA-256 digests, bit for bit.

    python tests/bit_identity.py record                  # write this version's bit_identity.json
    python tests/bit_identity.py compare                 # run again and compare with that file
    python tests/bit_identity.py compare --python OTHER  # the same with another environment's bpnet
    python tests/bit_identity.py compare --job iris      # one job (test_bit_identity.py has some)

Every shipped config is trained, and so are grids, cross-validations, runs with replicas and tables
with columns of every kind. Each file of the run directories and each number of `eval`, `predict`,
`trace` and `gradcheck` is hashed; clock times, versions, texts, and keys of a config that are null
or empty are left out. Bits depend on the processor and on NumPy's BLAS and SIMD:
compare only on the machine that recorded (the file names it), and record there from the commit that
is to be matched. All takes 3 minutes of an idle core.
"""

import argparse
import csv
import hashlib
import io
import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RECORD = Path(__file__).with_suffix(".json")

MIXED = """\
dataset: {{path: mixed.csv, target: {target}, {dataset}}}
architecture: {{layers: [{layers}]}}
training: {{epochs: 6, batch_size: 16, learning_rate: 0.01, {training}}}
"""
DENSE = "{kind: dense, units: 8, activation: relu}, {kind: dropout, rate: 0.2}"
NORMALIZED = (
    "{kind: dense, units: 8}, {kind: batch_normalization, activation: relu},"
    " {kind: dense, units: 6}, {kind: layer_normalization, activation: gelu}"
)
CONFIGS = {
    "groups": MIXED.format(
        target="label",
        dataset="split: {group: shop}, preprocessing: {categorical: embedding, numeric: quantile},"
        " class_weight: balanced",
        layers=DENSE,
        training="optimizer: adamw, schedule: cosine",
    ),
    "times": MIXED.format(
        target="amount",
        dataset="split: {time: day}, sample_weight: weight",
        layers=NORMALIZED,
        training="loss: huber, optimizer: rmsprop, gradient_clipping: {norm: 1}, l2: 0.01",
    ),
    "targets": MIXED.format(
        target="[amount, other]",
        dataset="preprocessing: {numeric: min_max, categorical: ordinal},"
        " drop_missing_targets: true",
        layers=DENSE,
        training="optimizer: {kind: momentum, momentum: 0.8}, early_stopping: {patience: 2}",
    ),
    "labels": MIXED.format(
        target="[hot, wet]",
        dataset="storage: disk",
        layers=NORMALIZED,
        training="precision: float64, optimizer: adam",
    ),
}
FEW = ["--set", "training.epochs=20"]
JOBS: dict[str, list[str]] = {
    **{
        str(config.relative_to(ROOT / "configs").with_suffix("")): [
            "train", str(config.relative_to(ROOT)),
        ]
        for config in sorted((ROOT / "configs").glob("**/*.yaml"))
    },
    **{f"mixed-{name}": ["train", f"{name}.yaml"] for name in CONFIGS},
    "replicas": ["train", "configs/wine.yaml", *FEW, "--set", "replicas=4"],
    "replicas-mixed": [
        "train", "groups.yaml", "--set", "replicas=3", "--set", "training.keep=last",
    ],
    "disk": ["train", "configs/digits.yaml", *FEW, "--set", "dataset.storage=disk"],
    "grid": [
        "train", "configs/iris.yaml", *FEW,
        "--grid", "training.learning_rate=0.01,0.05", "--grid", "training.batch_size=16,32",
    ],
    "grid-optimizers": [
        "train", "configs/diabetes.yaml", *FEW,
        "--grid", "training.optimizer=adam,gradient_descent,rprop",
    ],
    "cv": ["cv", "configs/iris.yaml", *FEW, "--folds", "5"],
    "cv-penguins": ["cv", "configs/penguins.yaml", *FEW, "--folds", "3", "--repeats", "2"],
    "cv-groups": ["cv", "groups.yaml", "--folds", "3"],
}  # fmt: skip
QUESTIONS: dict[str, list[str]] = {
    "trace": ["trace", "configs/tutorials/sigmoid-2-2-1.yaml", "--steps", "3", "--json"],
    "trace-iris": ["trace", "configs/iris.yaml", "--row", "1,60", "--json"],
    "gradcheck": ["gradcheck", "configs/iris.yaml", "--json"],
    "gradcheck-mixed": ["gradcheck", "times.yaml", "--json"],
}


_OF_VERSIONS = ("run.json", "README.md", "MLmodel", "python_env.yaml", "requirements.txt")
"""Files that name versions and times."""


def write_inputs(folder: Path) -> None:
    """Copy the shipped configs and tables, and make a table with columns of every role."""
    shutil.copytree(ROOT / "configs", folder / "configs")
    shutil.copytree(ROOT / "datasets", folder / "datasets")
    with (folder / "mixed.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [
                "shop",
                "size",
                "city",
                "open",
                "day",
                "weight",
                "label",
                "amount",
                "other",
                "hot",
                "wet",
            ]
        )
        for k in range(240):
            size = "" if k % 17 == 3 else round((k * 7919 % 1009) / 101, 3)
            city = ["Rome", "Oslo", "Lima", ""][k * 31 % 101 % 4]
            amount = round((k * 7919 % 1009) / 50 + (k * 31 % 101 % 4) + (k * 13 % 7) / 10, 3)
            writer.writerow(
                [
                    f"s{k * 17 % 24}",
                    size,
                    city,
                    "yes" if k % 3 else "no",
                    f"2024-{k % 12 + 1:02}-{k % 28 + 1:02}",
                    k % 5 + 1,
                    "big" if amount > 12 else "small",
                    amount,
                    "" if k % 50 == 9 else round(amount**0.5, 4),
                    int(amount > 9),
                    int(k % 3 == 0),
                ]
            )
    for name, text in CONFIGS.items():
        (folder / f"{name}.yaml").write_text(text)


def digests(python: str, jobs: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """Run some jobs, by default all, and yield the name and digest of each thing they computed."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_inputs(folder)
        for job in jobs or [*JOBS, *QUESTIONS]:
            if job in QUESTIONS:
                yield job, digest(numbers(bpnet(python, folder, QUESTIONS[job])))
                continue
            arguments, name = JOBS[job], job.replace("/", "-")
            # some jobs diverge on purpose (exit code 6); their weights are compared as well
            bpnet(python, folder, [*arguments, "--runs", f"runs-{name}"], allowed=(0, 6))
            runs = folder / f"runs-{name}"
            for file in sorted(path for path in runs.rglob("*") if path.is_file()):
                content = comparable(file)
                if content is not None:
                    yield f"{job}: {file.relative_to(runs)}", digest(content)
            for run in sorted(runs.iterdir()):
                yield from answers(python, folder, job, run)


def answers(python: str, folder: Path, job: str, run: Path) -> Iterator[tuple[str, str]]:
    """Yield the digests of a run's evaluation and of its predictions for a shipped table."""
    place = str(run.relative_to(folder))
    evaluated = bpnet(python, folder, ["eval", place, "--json"], allowed=(0, 4, 5))
    content = json.loads(evaluated or "{}")
    scores = {key: content.get(key) for key in ("rows", "loss", "scores", "baselines")}
    yield f"{job}: eval of {run.name}", digest(numbers(json.dumps(scores).encode()))
    table = "mixed.csv" if "mixed" in job or "groups" in job else None
    name = job.removeprefix("cv-").split("-")[0]
    table = table or (
        f"datasets/{name}.csv" if (folder / f"datasets/{name}.csv").exists() else None
    )
    if table:
        yield (
            f"{job}: predict with {run.name}",
            digest(bpnet(python, folder, ["predict", place, table])),
        )


def bpnet(
    python: str, folder: Path, arguments: list[str], allowed: tuple[int, ...] = (0,)
) -> bytes:
    """Run a bpnet command and return its standard output."""
    command = [
        python,
        "-c",
        "import sys; from bpnet.cli import main; sys.argv[0] = 'bpnet'; main()",
        *arguments,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    if done.returncode not in allowed:
        raise SystemExit(
            f"bpnet {' '.join(arguments)}: exit code {done.returncode}\n{done.stderr.decode()}"
        )
    return done.stdout


def comparable(file: Path) -> bytes | None:
    """Return a file's bytes without clock times and versions; None if it holds little else.

    A checkpoint holds clock times among the states that the weights and logs follow from.
    """
    if file.name in _OF_VERSIONS or file.parent.name == "checkpoints":
        return None
    content = file.read_bytes()
    if file.name == "config.yaml":  # a key that says nothing may be new
        lines = content.decode().splitlines()
        return "\n".join(line for line in lines if not line.endswith((": null", ": []"))).encode()
    if file.name == "diagnosis.json":
        return numbers(content)
    if file.suffix == ".csv":
        rows = list(csv.reader(io.StringIO(content.decode())))
        columns = [k for k, column in enumerate(rows[0]) if column != "seconds"]
        return "\n".join(",".join(row[k] for k in columns) for row in rows).encode()
    if file.name == "model.json":
        model = json.loads(content)
        for key in ("bpnet", "format", "temperature", "combination", "weights_sha256"):
            model.pop(key, None)
        return json.dumps(model).encode()
    if file.suffix == ".safetensors":  # its header names the version too: put the recorded one
        return re.sub(rb'"bpnet":"[\d.]+"', b'"bpnet":"0.1.0"', content, count=1)
    return content


def numbers(document: bytes) -> bytes:
    """Return a JSON document without its texts, which may be reworded."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: bare(inner)
                for key, inner in value.items()
                if key not in ("seconds", "warnings")
            }
        if isinstance(value, list):
            return [bare(inner) for inner in value]
        return "" if isinstance(value, str) else value

    return json.dumps(bare(json.loads(document))).encode()


def digest(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def machine(python: str) -> dict[str, str]:
    """Describe the processor, system and versions that the bits depend on."""
    code = (
        "import numpy, sklearn, threadpoolctl as t; print(numpy.__version__, sklearn.__version__, "
        "'+'.join(numpy.show_config('dicts')['SIMD Extensions']['found']), "
        "*{i['architecture'] for i in t.threadpool_info() if i['user_api'] == 'blas'})"
    )
    versions = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    cpu = models[0] if models else platform.processor()
    return {
        "cpu": cpu,
        "simd": versions[2],  # of NumPy: processors of one name may differ
        "blas": " ".join(versions[3:]),
        "numpy": versions[0],
        "scikit-learn": versions[1],
        "system": f"{platform.system()} {platform.machine()}",
    }


def expected_of(record: dict[str, Any], jobs: Collection[str] = ()) -> dict[str, str]:
    """Return the recorded digests of some jobs, by default of all."""
    every: dict[str, str] = record["sha256"]
    return {name: value for name, value in every.items() if not jobs or name.split(": ")[0] in jobs}


def main() -> int:
    """Record or compare, as the arguments say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["record", "compare"])
    parser.add_argument("--python", default=sys.executable, help="the Python whose bpnet runs")
    parser.add_argument("--record", type=Path, default=RECORD, help="the file of digests")
    parser.add_argument("--job", action="append", default=[], choices=[*JOBS, *QUESTIONS])
    parser.add_argument("--commit", default="", help="the commit that is recorded, for the file")
    arguments = parser.parse_args()
    found = dict(digests(arguments.python, arguments.job))
    about = machine(arguments.python)
    if arguments.action == "record":
        record = {"commit": arguments.commit, "machine": about, "sha256": found}
        arguments.record.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{len(found)} digests recorded in {arguments.record}")
        return 0
    record = json.loads(arguments.record.read_text())
    if record["machine"] != about:
        print(
            f"warning: recorded on {record['machine']}, compared on {about}: bits may differ",
            file=sys.stderr,
        )
    expected = expected_of(record, arguments.job)
    differing = [name for name in expected | found if expected.get(name) != found.get(name)]
    for name in differing:
        state = "missing" if name not in found else "new" if name not in expected else "differs"
        print(f"{state}: {name}")
    identical = len(expected) - len(set(differing) & set(expected))
    print(f"{identical} of {len(expected)} digests are identical")
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
