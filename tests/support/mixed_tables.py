"""A table with columns of every kind, written for tests of whole runs."""

import random
from pathlib import Path
from typing import Any

from workflow_runs import write_csv

ROWS = 160
WORDS = [
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "near",
    "every",
    "old",
    "stone",
    "bridge",
]
BLANK_TARGETS = [4, 30, 99]
"""Row numbers, counted from 1, whose `grade` is blank."""


def mixed_rows() -> list[dict[str, Any]]:
    """Make rows with columns of every kind, missing values, and targets of each kind."""
    draw = random.Random(7)
    rows: list[dict[str, Any]] = []
    for k in range(ROWS):
        age, city = draw.randint(18, 80), draw.choice(["Oslo", "Rome", "Lima", "Bonn"])
        member, size = draw.choice(["yes", "no"]), draw.choice(["S", "M", "L"])
        score = age / 20 + 2 * (city == "Oslo") + (member == "yes") + draw.gauss(0, 0.5)
        rows.append(
            {
                "customer_id": 1000 + 7 * k,
                "age": "" if k % 11 == 3 else age,
                "height": "NA" if k == 5 else round(draw.gauss(1.7, 0.1), 3),
                "city": "" if k % 17 == 2 else city,
                "member": "" if k == 8 else member,
                "size": size,
                "joined": "" if k == 12 else f"20{10 + k % 9}-{1 + k % 12:02}-{1 + k % 28:02}",
                "note": " ".join(draw.choice(WORDS) for _ in range(8)) + f" {k}",
                "patient": f"p{k % 20}",
                "day": f"2024-{1 + k // 28:02}-{1 + k % 28:02}",
                "part": "test" if k % 5 == 0 else "val" if k % 5 == 1 else "Train",
                "w": draw.choice([0.5, 1, 2]),
                "risk": "high" if score > 5.5 else "mid" if score > 4 else "low",
                "grade": "" if k + 1 in BLANK_TARGETS else "pass" if score > 4.5 else "fail",
                "cost": round(100 * score + draw.gauss(0, 10), 2),
                "weight": round(3 * score - age / 10, 3),
                "sick": int(score > 5),
                "glad": "yes" if member == "yes" or draw.random() < 0.3 else "no",
            }
        )
    return rows


FEATURES = ["age", "height", "city", "member", "size", "joined"]


def write_mixed(
    path: Path, names: list[str] | None = None, rows: list[dict[str, Any]] | None = None
) -> Path:
    """Write the table, or some of its columns or rows."""
    rows = mixed_rows() if rows is None else rows
    names = list(rows[0]) if names is None else names
    return write_csv(path, names, [[row[name] for name in names] for row in rows])
