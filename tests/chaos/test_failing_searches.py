"""Searches whose writes fail, or that are killed in the middle of one: nothing found is lost."""

import csv
import errno
import random
from pathlib import Path

import pytest
from chaos_runs import Ended, Kind, prepare, run
from failing_files import Failure

CONFIG = """\
dataset: {path: t.csv, target: c}
architecture: {hidden: [4]}
training: {epochs: 9, batch_size: 16}
search:
  sampler: SAMPLER
  draws: 3
  passes: 2
  space:
    training.learning_rate: {low: 0.01, high: 1, log: true}
    architecture.hidden.0: [3, 4]
"""
WORDS = ("search", "c.yaml", "--trials", "12", "--quiet")
STUDY = "runs/c-search-001"


def found(folder: Path) -> list[tuple[str, ...]]:
    """The trials of a study, without their times and processes."""
    with (folder / STUDY / "trials.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["trial"]) for row in rows) == list(range(1, 13))
    return [tuple(v for k, v in row.items() if k not in ("seconds", "worker")) for row in rows]


def go_on(folder: Path) -> Ended:
    """Go on with a study, or begin it again if it had not begun."""
    begun = (folder / STUDY / "study.json").exists()
    return run(("resume", STUDY, "--quiet") if begun else WORDS, folder)


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "sobol"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, 0], ids=["full", "broken", "killed"])
def test_a_search_goes_on_after_any_write(tmp_path: Path, sampler: str, number: int) -> None:
    kind = Kind("search", CONFIG.replace("SAMPLER", sampler), WORDS)
    whole = tmp_path / "whole"
    whole.mkdir()
    prepare(kind, whole)
    counted = Failure(10**9, errno.EIO)
    said = run(WORDS, whole, counted)
    assert said.code == 0, said
    expected = found(whole)
    chosen = random.Random(f"{sampler} {number}").sample(range(1, 200), 6)
    failed = 0
    for call in sorted(chosen):
        folder = tmp_path / f"call-{call}"
        folder.mkdir()
        prepare(kind, folder)
        said = run(WORDS, folder, Failure(call, number, lasting=number == errno.ENOSPC))
        if said.code:
            failed += 1
            assert said.code == (-9 if number == 0 else 5), said
            if number:
                (error,) = [one for one in said.output.splitlines() if one.startswith("error")]
                assert "cannot be" in error
        if (folder / STUDY).exists() and not (folder / STUDY / "study.json").exists():
            continue  # it had not begun: the next study has another name
        said = go_on(folder)
        assert said.code == 0, (call, said)
        assert found(folder) == expected, call
    assert failed > 1
