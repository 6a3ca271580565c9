"""Cost of the training doctor: without it, with its checks at both ends, and every ten epochs.

    python tests/benchmarks/doctor.py [RUNS]

The three are trained in turn RUNS times (default 25) after one round that is not counted;
OMP_NUM_THREADS=1 keeps them to one thread. The result is the ratio of the medians of processor
time; the goal is at most 1.02 on configs/digits.yaml with diagnose_every: 10, of which 0.3.0 falls
short (1.03). Beside it is the share of the time spent inside the doctor, which other processes
disturb less.
"""

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

from bpnet.config.loading import read_config
from bpnet.doctor.doctor import Doctor
from bpnet.engine.loop.fit import fit
from bpnet.engine.loop.settings import Training
from bpnet.models.build import build_model
from bpnet.models.training_metrics import measure_parts, training_metrics
from bpnet.preparation.encode import EncodedDataset
from bpnet.preparation.prepare import prepare

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def seconds(
    prepared: EncodedDataset, model, training: Training, *, with_doctor: bool
) -> tuple[float, float]:
    """Return the time of one training, and the doctor's part of it."""
    model.network.initialize()
    rows, validation = prepared.rows["train"], prepared.rows.get("validation")
    spent = 0.0
    start = time.process_time()
    doctor = None
    if with_doctor:
        config = replace(prepared.config, training=training)
        given = prepared.split.loaded.config
        doctor = Doctor([(given, config)] * len(model.network.seeds), model.network, prepared.rows)
        spent = time.process_time() - start
    for record in fit(
        training,
        model.network,
        rows,
        validation,
        training_metrics(model.description),
        keep_before=with_doctor,
    ):
        if doctor:
            before = time.process_time()
            doctor.note(record)
            spent += time.process_time() - before
    parts = measure_parts(model, prepared.rows)  # as every training does for metrics.json
    if doctor:
        before = time.process_time()
        doctor.finish(dict(enumerate(parts)))
        spent += time.process_time() - before
    return time.process_time() - start, spent


def measure(name: str, runs: int) -> None:
    """Print the ratios for one config."""
    prepared = prepare(read_config(CONFIGS / f"{name}.yaml"))
    model = build_model(prepared)
    training = prepared.config.training
    ways = {"without": (training, False), "ends": (training, True)}
    ways["every 10"] = (replace(training, diagnose_every=10), True)
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(runs + 1):
        for way, (how, with_doctor) in ways.items():
            times[way].append(seconds(prepared, model, how, with_doctor=with_doctor))
    medians = {
        way: statistics.median(total for total, _ in found[1:]) for way, found in times.items()
    }
    print(f"{name}: {medians['without'] * 1e3:.1f} ms without the doctor", end="")
    for way in ("ends", "every 10"):
        share = statistics.median(spent / total for total, spent in times[way][1:])
        print(f"; {way} {medians[way] / medians['without']:.4f}, {share:.2%} inside", end="")
    print()


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    for config in ("digits", "iris", "wine", "breast_cancer", "diabetes", "penguins", "xor"):
        measure(config, count)
