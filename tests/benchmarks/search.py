"""Searches compared with Optuna driving scikit-learn and PyTorch, for the same time.

    python tests/benchmarks/search.py [--tables digits adult concrete] [--seeds 3] [--seconds 30]
                                      [--data FOLDER] [--peers bpnet sklearn torch] [--wall]

Each peer searches the same space (learning rate, weight decay, hidden layers, activation, batch
size; dropout where it has it) on the same encoded training rows, by the loss of the same validation
rows, for the same time on one thread, in turns and in a process of its own. The time is that of the
processor, which other processes disturb less, or with --wall that of the wall. bpnet's includes all
that `bpnet search` does but the training of the best: reading, encoding, drawing, its files. The
others are given encoded rows. Both peers stop bad trials early, as Optuna's median pruner says.

Printed are the best validation loss and the number of trials of each, medians over the seeds, and
each peer's loss beside bpnet's. adult (its first 10,000 rows) and concrete are CSV files in the
folder of --data with a column `target`.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import machine

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("bpnet", "sklearn", "torch")
EPOCHS = {"digits": 45, "adult": 18, "concrete": 90}
HIDDEN = [[32], [64], [128], [256], [32, 32], [64, 64], [128, 128]]
BATCHES = [32, 64, 128]
ACTIVATIONS = ["relu", "tanh"]
RATES, DECAYS, DROPOUTS = (1e-4, 1e-1), (1e-5, 1.0), (0.001, 0.5)
ADULT_ROWS = 10_000


def table_file(name: str, data: Path, folder: Path) -> tuple[Path, str]:
    """Return the file of a table and its target; of adult a copy of its first rows."""
    if name == "digits":
        return ROOT / "datasets" / "digits.csv", "digit"
    path = data / f"{name}.csv"
    if name == "adult":
        with path.open() as file:
            rows = list(islice(file, ADULT_ROWS + 1))
        path = folder / "adult.csv"
        path.write_text("".join(rows))
    return path, "target"


def config_text(name: str, path: Path, target: str, seed: int) -> str:
    """Return the config that all peers complete."""
    return json.dumps(
        {
            "seed": seed,
            "dataset": {
                "path": str(path),
                "target": target,
                "split": {"seed": 0},
                "preprocessing": {
                    "numeric": "min_max" if name == "digits" else "standardize",
                    "categorical": "one_hot",
                },
            },
            "architecture": {"hidden": [64], "activation": "relu", "dropout": 0.1},
            "training": {"epochs": EPOCHS[name], "optimizer": "adamw"},
            "search": {
                "metric": "loss",
                "space": {
                    "training.learning_rate": {"low": RATES[0], "high": RATES[1], "log": True},
                    "training.optimizer.weight_decay": {
                        "low": DECAYS[0],
                        "high": DECAYS[1],
                        "log": True,
                    },
                    "architecture.dropout": {"low": DROPOUTS[0], "high": DROPOUTS[1]},
                    "architecture.hidden": HIDDEN,
                    "architecture.activation": ACTIVATIONS,
                    "training.batch_size": BATCHES,
                },
            },
        }
    )


def clock(*, wall: bool) -> Callable[[], float]:
    """Return the time that is measured by."""
    return time.perf_counter if wall else time.process_time


class Nobody:
    """A watcher that ignores every call."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_named: None


def run_bpnet(config: Path, seconds: float, seed: int, *, wall: bool, more: Sequence[str]) -> Any:
    """Search with bpnet, and return its best loss and its number of trials."""
    from bpnet.config.inheritance import read_source
    from bpnet.config.overrides import apply_overrides
    from bpnet.runs.study import StudyFolder
    from bpnet.workflows import search, search_work

    now = clock(wall=wall)
    start = now()
    if not wall:
        time.perf_counter = time.process_time  # type: ignore[assignment]
    settings = [f"search.budget={seconds}", f"search.seed={seed}", *more]
    source = apply_overrides(read_source(config), settings)
    found: list[Any] = []

    def conclude(study: StudyFolder, _plan: Any, store: Any, _watcher: Any) -> None:
        found.extend(store.read())

    search_work.conclude = conclude  # type: ignore[assignment]
    plan = search.plan_search

    def planned(*args: Any) -> Any:
        made, rows, notes = plan(*args)
        from dataclasses import replace

        left = seconds - (now() - start)  # planning is part of the time
        return replace(made, settings=replace(made.settings, budget=left)), rows, notes

    search.plan_search = planned
    search.search(source, runs=config.parent, name="s", command=[], watcher=Nobody())  # type: ignore[arg-type]
    scores = [trial.score for trial in found if trial.score is not None]
    return {"loss": min(scores), "trials": len(found), "seconds": now() - start}


def encoded(config: Path) -> Any:
    """Return the rows that the peers are given, and the number of classes, 0 of numbers."""
    from bpnet.config.loading import read_config
    from bpnet.preparation.prepare import prepare

    prepared = prepare(read_config(config))
    train, held_out = prepared.rows["train"], prepared.rows["validation"]
    classes = prepared.target.classes if hasattr(prepared.target, "classes") else []
    return train.x, train.y, held_out.x, held_out.y, len(classes)


def drawn(trial: Any, *, dropout: bool) -> dict[str, Any]:
    """Draw the settings of a trial of Optuna from the space that all share."""
    hidden = trial.suggest_categorical("hidden", [json.dumps(one) for one in HIDDEN])
    return {
        "rate": trial.suggest_float("rate", *RATES, log=True),
        "decay": trial.suggest_float("decay", *DECAYS, log=True),
        "dropout": trial.suggest_float("dropout", *DROPOUTS) if dropout else 0.0,
        "hidden": json.loads(hidden),
        "activation": trial.suggest_categorical("activation", ACTIVATIONS),
        "batch": trial.suggest_categorical("batch", BATCHES),
    }


def run_peer(peer: str, config: Path, name: str, seconds: float, seed: int, *, wall: bool) -> Any:
    """Search with Optuna driving a peer, and return its best loss and its number of trials."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = encoded(config)
    if peer == "torch":
        import torch

        torch.set_num_threads(1)
    now = clock(wall=wall)
    start = now()
    trainer = torch_epochs if peer == "torch" else sklearn_epochs

    def objective(trial: Any) -> float:
        settings = drawn(trial, dropout=peer == "torch")
        best = float("inf")
        for epoch, loss in enumerate(trainer(settings, rows, EPOCHS[name], seed)):
            best = min(best, loss) if loss == loss else best
            trial.report(best, epoch)
            if now() - start >= seconds:
                trial.study.stop()
                break
            if trial.should_prune():
                raise optuna.TrialPruned
        return best

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=EPOCHS[name] // 9),
    )
    study.optimize(objective)
    values = [min(one.intermediate_values.values()) for one in study.trials]
    return {"loss": min(values), "trials": len(study.trials), "seconds": now() - start}


def sklearn_epochs(settings: Any, rows: Any, epochs: int, seed: int) -> Any:
    """Train scikit-learn's MLP, and yield the validation loss of each epoch."""
    import warnings

    import numpy as np
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    warnings.simplefilter("ignore")
    x, y, vx, vy, classes = rows
    kind = MLPClassifier if classes else MLPRegressor
    model = kind(
        hidden_layer_sizes=settings["hidden"],
        activation=settings["activation"],
        learning_rate_init=settings["rate"],
        alpha=settings["decay"],
        batch_size=settings["batch"],
        random_state=seed,
    )
    labels = one_column(y, classes)
    held_out = one_column(vy, classes)
    for _ in range(epochs):
        if classes:
            model.partial_fit(x, labels, classes=np.arange(classes))
            p = np.clip(model.predict_proba(vx), 1e-12, 1)
            yield float(-np.log(p[np.arange(len(held_out)), held_out]).mean())
        else:
            model.partial_fit(x, labels)
            yield float(((model.predict(vx) - held_out) ** 2).mean())


def one_column(y: Any, classes: int) -> Any:
    """Return targets as the numbers of classes, or as numbers."""
    if not classes:
        return y[:, 0]
    return y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0].astype(int)


def torch_epochs(settings: Any, rows: Any, epochs: int, seed: int) -> Any:
    """Train with PyTorch, and yield the validation loss of each epoch."""
    import numpy as np
    import torch
    from torch import nn

    torch.manual_seed(seed)
    x, y, vx, vy, classes = rows
    layers: list[Any] = []
    width = x.shape[1]
    for units in settings["hidden"]:
        layers += [
            nn.Linear(width, units),
            nn.ReLU() if settings["activation"] == "relu" else nn.Tanh(),
            nn.Dropout(settings["dropout"]),
        ]
        width = units
    network = nn.Sequential(*layers, nn.Linear(width, classes or 1))
    loss: Any = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings["rate"], weight_decay=settings["decay"]
    )

    def target(values: Any) -> Any:
        column = torch.from_numpy(np.ascontiguousarray(one_column(values, classes)))
        return column.long() if classes else column[:, None]

    tx, ty, hx, hy = torch.from_numpy(x), target(y), torch.from_numpy(vx), target(vy)
    for _ in range(epochs):
        network.train()
        order = torch.randperm(len(tx))
        for batch in order.split(settings["batch"]):
            optimizer.zero_grad()
            loss(network(tx[batch]), ty[batch]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            yield float(loss(network(hx), hy))


def one(arguments: argparse.Namespace) -> None:
    """Search with one peer, and print what it has found."""
    config, seconds, seed = Path(arguments.config), arguments.seconds, arguments.seed
    if arguments.one == "bpnet":
        found = run_bpnet(config, seconds, seed, wall=arguments.wall, more=arguments.set)
    else:
        found = run_peer(arguments.one, config, arguments.table, seconds, seed, wall=arguments.wall)
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", nargs="+", default=list(EPOCHS))
    parser.add_argument("--peers", nargs="+", default=list(PEERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--set", action="append", default=[], help="a setting of bpnet's search")
    parser.add_argument("--csv", type=Path, help="a file that each result is added to")
    for hidden in ("--one", "--config", "--table"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments)
        return
    print(machine())
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.tables:
            path, target = table_file(name, arguments.data, Path(scratch))
            for seed in range(arguments.seeds):
                folder = Path(scratch) / f"{name}-{seed}"
                folder.mkdir()
                config = folder / "config.yaml"
                config.write_text(config_text(name, path, target, seed))
                for peer in arguments.peers:
                    result = searched(arguments, peer, name, config, seed)
                    found.setdefault((name, peer), []).append(result)
                    if arguments.csv:
                        with arguments.csv.open("a") as file:
                            csv.writer(file).writerow([name, peer, seed, *result.values()])
    print(f"\n{'table':<10}{'peer':<9}{'loss':>9}{'/ bpnet':>9}{'trials':>8}{'/ bpnet':>9}")
    for name in arguments.tables:
        ours = found.get((name, "bpnet"))
        for peer in arguments.peers:
            each = found[name, peer]
            loss, trials = (
                statistics.median(one[key] for one in each) for key in ("loss", "trials")
            )
            beside = ["", ""]
            if ours and peer != "bpnet":
                beside = [
                    f"{value / statistics.median(one[key] for one in ours):.3f}"
                    for key, value in (("loss", loss), ("trials", trials))
                ]
            print(f"{name:<10}{peer:<9}{loss:>9.4f}{beside[0]:>9}{trials:>8.0f}{beside[1]:>9}")


def searched(
    arguments: argparse.Namespace, peer: str, name: str, config: Path, seed: int
) -> dict[str, float]:
    """Search with a peer in a process of its own, on one thread."""
    threads = {f"{one}_NUM_THREADS": "1" for one in ("OMP", "OPENBLAS", "MKL")}
    command = [
        *(sys.executable, __file__, "--one", peer, "--config", str(config), "--table", name),
        *("--seconds", str(arguments.seconds), "--seed", str(seed)),
        *(["--wall"] if arguments.wall else []),
        *(word for setting in arguments.set for word in ("--set", setting)),
    ]
    done = subprocess.run(
        command, env={**os.environ, **threads}, check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{name} {peer} seed {seed}: {json.dumps(result)}", file=sys.stderr)
    return result


if __name__ == "__main__":
    main()
