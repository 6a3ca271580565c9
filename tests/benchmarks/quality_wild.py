"""The wild tables of quality.py: bpnet's loss on their test rows beside the peers'.

They are split by time, by group or at random; the loss is the RMSE, or the log loss of classes.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import show
from quality_report import Goal, number
from quality_results import Mean
from quality_tables import Table

BOOSTERS = ("catboost", "hgb", "lgbm")
PEERS = (*BOOSTERS, "linear", "mlp")
WON, WORSE = 4, 1.02
"""Tables on which the best booster is to be reached; the largest loss beside the linear model's."""


def read_wild_peers(path: Path) -> dict[tuple[str, str], float]:
    """Return the loss of each (table, model)."""
    with open(path, encoding="utf-8", newline="") as file:
        return {(row["table"], row["model"]): float(row["loss"]) for row in csv.DictReader(file)}


def report_wild(
    tables: Sequence[Table],
    peers: Mapping[tuple[str, str], float],
    models: Mapping[str, Mapping[str, Mean]],
) -> None:
    """Print the losses, and for each model the two goals."""
    rows = []
    for table in tables:
        ours = [loss(means[table.name]) for means in models.values()]
        held_out = [means[table.name].values.get("held_out_score") for means in models.values()]
        seconds = [means[table.name].values["fit_cpu"] for means in models.values()]
        rows.append(
            [
                table.name,
                *(f"{peers[table.name, peer]:.4g}" for peer in PEERS),
                *(f"{value:.4g}" for value in ours),
                " ".join("" if value is None else number(value) for value in held_out),
                " ".join(f"{value:.1f}" for value in seconds),
            ]
        )
    show(["table", *PEERS, *(f"{name} *" for name in models), "held out", "CPU s"], rows)
    print("\n* bpnet: loss on the test rows, score held out of the training rows, seconds of a fit")
    for name, means in models.items():
        losses = {table.name: loss(means[table.name]) for table in tables}
        for goal in wild_goals(name, losses, peers):
            print(f"- {goal.line()}")


def wild_goals(
    model: str, losses: Mapping[str, float], peers: Mapping[tuple[str, str], float]
) -> list[Goal]:
    """Return the goals of a model with these losses."""
    won = sum(
        value <= min(peers[table, booster] for booster in BOOSTERS)
        for table, value in losses.items()
    )
    worst = max(value / peers[table, "linear"] for table, value in losses.items())
    return [
        Goal(model, "tables where it reaches the best booster", won, WON, at_least=True),
        Goal(model, "largest loss / linear's", worst, WORSE),
    ]


def loss(mean: Mean) -> float:
    """Return the loss that is compared: the log loss, or the RMSE."""
    return mean.values.get("log_loss", mean.values.get("rmse", float("nan")))
