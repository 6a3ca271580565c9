"""Messy tables go from init to predict, where need be by following the advice of messages."""

import csv
import io
import json
import math
from pathlib import Path

import pytest
from command_line import Said, bpnet
from followed_advice import run_with_advice
from messy_tables import messy_table

QUICK = range(2)
MORE = range(2, 212)
SETTINGS = ["--set", "training.epochs=3", "--set", "architecture.hidden=[8]"]


@pytest.mark.parametrize("seed", QUICK)
def test_a_messy_table_goes_from_init_to_predict(seed: int, tmp_path: Path) -> None:
    predict_messy_table(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_more_messy_tables_go_from_init_to_predict(seed: int, tmp_path: Path) -> None:
    predict_messy_table(seed, tmp_path)


def predict_messy_table(seed: int, folder: Path) -> None:
    """Take a messy table from init to predict; assert its roles, and a prediction for each row."""
    table = messy_table(seed)
    (folder / table.file).write_bytes(table.content)

    def run(words: list[str]) -> Said:
        return bpnet(*words, cwd=folder)

    settings = [word for text in table.settings for word in ("--set", text)]
    init = ["init", table.file, "--target", table.target, "-o", "c.yaml", "--force", *settings]
    run_with_advice(run, init)
    run_with_advice(run, ["check", "c.yaml"])
    described = json.loads(run(["check", "c.yaml", "--json"]).out)
    assert described["task"] == table.task
    roles = {column["name"]: column["role"] for column in described["columns"]}
    wrong = {
        name: (roles[name], kinds)
        for name, kinds in table.roles.items()
        if name in roles and roles[name] not in kinds
    }
    assert not wrong
    run_with_advice(run, ["train", "c.yaml", "--runs", "runs", *SETTINGS])
    name = sorted(path.name for path in (folder / "runs").iterdir())[-1]
    run_with_advice(run, ["eval", f"runs/{name}", "--no-baselines"])
    run_with_advice(run, ["predict", f"runs/{name}", table.file, "-o", "out.csv"])
    rows = list(csv.DictReader(io.StringIO((folder / "out.csv").read_text(encoding="utf-8"))))
    assert len(rows) == table.rows
    predicted = [row[column] for row in rows for column in row if column.startswith("predicted_")]
    assert len(predicted) >= table.rows
    numbers = [float(cell) for cell in predicted if _is_number(cell)]
    assert all(map(math.isfinite, numbers))
    # what bpnet has written, it reads
    run_with_advice(run, ["predict", f"runs/{name}", "out.csv", "-o", "again.csv"])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
