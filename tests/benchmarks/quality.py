"""Quality of bpnet's presets on tables, compared with recorded figures of other packages.

    python tests/benchmarks/quality.py DATA [--presets fast,default,best] [--tables NAME,…]
        [--config FILE] [--set KEY=VALUE] [--process] [--out results.csv] [--resume]
        [--splits N] [--wild] [--ablate [CHANGE …] [--seeds 0,1] | --calibration]

DATA is a folder of tables, their folds and the peers' figures (quality_tables.py and
quality_peers.py say which files). A model is fitted to the training rows of each fold, from a CSV
file that holds no others, and scored on the test rows: accuracy and log loss, or RMSE and R². One
thread; times are processor seconds. With --process they are those of `bpnet train` and `bpnet
predict` as whole processes.

Scikit-learn's MLP is fitted beside it: its seconds, over those recorded for it, place the other
peers' times on this machine, and its scores prove that the rows are the same. Printed are the
models inside the table of peers, the scores held out of the training rows beside those of the test
rows, and the goals. A preset `init` is what `bpnet init` writes. --config measures a config, whose
table is replaced, and --set changes every model. --wild measures the tables of DATA/wild, which are
split by time, by group or at random. --ablate measures each model as it is and with one CHANGE at a
time, or without each ingredient of the preset `default` in turn: `KEY=VALUE;KEY=VALUE`, or an edit
of the preset (quality_edits.py). --calibration measures probabilities with and without calibration,
and prediction intervals, on the larger tables.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from measuring import machine
from quality_ablation import INGREDIENTS, report_ablations, variants
from quality_calibration import LEVELS, calibration_pair, large, report_calibration
from quality_edits import NotThereError
from quality_fits import Model, fit, warm_up
from quality_peers import core_figures, mlp_fit, read_peers
from quality_report import Panel, machine_speed, report
from quality_results import Mean, Results
from quality_tables import Table, panel_tables, wild_tables
from quality_wild import read_wild_peers, report_wild
from threadpoolctl import threadpool_limits

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that limit the threads of a child process."""

MLP = "sklearn mlp"
"""Name of scikit-learn's MLP in the file of results."""


def measure(
    tables: Sequence[Table],
    models: Sequence[Model],
    results: Results,
    *,
    process: bool,
    levels: Sequence[float] = (),
) -> dict[str, dict[str, Mean]]:
    """Fit every model to every split that has no result yet; return the means by model, table."""
    way = "process" if process else "workflow"
    for table, split in splits(tables):
        for model in models:
            key = (table.name, model.name, way, split)
            if key in results:
                continue
            try:
                with scratch() as folder:
                    values = fit(model, table, split, folder, process=process, levels=levels)
            except NotThereError:
                continue  # nothing to ablate in this table's preset
            results.add(key, values)
            say(table, split, model.name, values)
    return {
        model.name: {table.name: results.mean(table.name, model.name, way) for table in tables}
        for model in models
    }


def place_machine(tables: Sequence[Table], results: Results, peers: Mapping) -> float:
    """Fit scikit-learn's MLP to every split, and return its seconds / the recorded ones."""
    for table, split in splits(tables):
        key = (table.name, MLP, "workflow", split)
        if key not in results:
            values = mlp_fit(table, *table.splits[split])
            results.add(key, values)
            say(table, split, MLP, values)
    ours, recorded = [], []
    for table in tables:
        mean, peer = results.mean(table.name, MLP, "workflow"), peers[table.name, "mlp"]
        ours.append(mean.values["fit_cpu"])
        recorded.append(peer.fit_cpu)
        if abs(mean.figures().score - peer.score) > 1e-3:
            print(
                f"{table.name}: scikit-learn's MLP reaches {mean.figures().score:.5f} here, "
                f"{peer.score:.5f} is recorded: rows or versions differ"
            )
    return machine_speed(ours, recorded)


def splits(tables: Sequence[Table]) -> Iterator[tuple[Table, int]]:
    """Yield every table with the number of each of its splits."""
    for table in tables:
        for split in range(len(table.splits)):
            yield table, split


def say(table: Table, split: int, name: str, values: Mapping[str, float]) -> None:
    """Print a fit that has ended to stderr."""
    chosen = ("accuracy", "log_loss", "rmse", "r2", "held_out_score", "held_out_loss", "fit_cpu")
    told = ", ".join(f"{key} {values[key]:.4g}" for key in chosen if key in values)
    print(f"{table.name} {split} {name}: {told}", file=sys.stderr, flush=True)


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder, and delete it in the end."""
    with tempfile.TemporaryDirectory(prefix="bpnet-quality-") as name:
        yield Path(name)


def names(text: str) -> list[str]:
    """Split a list with commas."""
    return [part for part in text.split(",") if part]


def main() -> None:
    """Measure as the arguments say, on one thread."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("data", type=Path, metavar="DATA", help="folder of tables")
    add("--presets", type=names, help="by default fast,default,best; none with --config")
    add("--tables", type=names, default=[], help="these alone")
    add("--config", type=Path, action="append", default=[], metavar="FILE", help="measure it too")
    add("--set", action="append", default=[], metavar="KEY=VALUE", dest="assignments")
    add("--process", action="store_true", help="measure whole processes")
    add("--out", type=Path, help="write a row for each fit here")
    add("--resume", action="store_true", help="keep the rows of --out")
    add("--splits", type=int, help="measure the first splits of each table only, at most this many")
    add("--seeds", type=names, default=["0"], metavar="SEED,…", help="of --ablate; by default 0")
    add("--wild", action="store_true", help="the tables of DATA/wild instead")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--ablate", nargs="*", metavar="CHANGE", help="one change at a time")
    which.add_argument("--calibration", action="store_true", help="probabilities and intervals")
    given = parser.parse_args()
    presets = given.presets
    if presets is None:
        presets = [] if given.config else ["fast", "default", "best"]
    models = [Model.preset(name, given.assignments) for name in presets]
    models += [Model.config(path, given.assignments) for path in given.config]
    results = Results(given.out, resume=given.resume)
    os.environ |= dict.fromkeys(THREADS, "1")
    with threadpool_limits(1):
        run(models, results, given)


def run(models: Sequence[Model], results: Results, given: argparse.Namespace) -> None:
    """Measure the models on the panel or the wild tables, and print the report."""
    print(machine())
    if not given.process:
        with scratch() as folder:
            warm_up(folder)
    read = wild_tables if given.wild else panel_tables
    tables = read(given.data, given.tables)
    tables = [replace(table, splits=table.splits[: given.splits]) for table in tables]
    if given.calibration:
        tables = large(tables)
        pairs = [one for model in models for one in calibration_pair(model)]
        means = measure(tables, pairs, results, process=given.process, levels=LEVELS)
        report_calibration(tables, models, means)
        return
    if given.ablate is not None:
        changes, numbers = given.ablate or INGREDIENTS, [int(one) for one in given.seeds]
        each = [variants(model, changes, numbers) for model in models]
        flat = [one for every in each for one in every]
        measure(tables, flat, results, process=given.process)
        way = "process" if given.process else "workflow"
        for model in models:
            report_ablations(model, changes, numbers, [t.name for t in tables], results, way)
        return
    if given.wild:
        means = measure(tables, models, results, process=given.process)
        report_wild(tables, read_wild_peers(given.data / "wild" / "peers.csv"), means)
        return
    core = core_figures(read_peers(given.data / "peers.csv"), [table.name for table in tables])
    speed = place_machine(tables, results, core)
    print(f"this machine takes {speed:.2f} of the recorded times for scikit-learn's MLP\n")
    means = measure(tables, models, results, process=given.process)
    panel = Panel(core, {table.name: not table.classes for table in tables})
    way = "bpnet train" if given.process else "in one process"
    report(panel, means, speed, dict.fromkeys(means, way))


if __name__ == "__main__":
    main()
