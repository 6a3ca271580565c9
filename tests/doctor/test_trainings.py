"""The doctor on whole trainings: sick ones are named with the right cause, healthy ones left alone.

`sick_trainings` has those that the thresholds were chosen on, `held_out_trainings` others, which
were held out until the rules were written.
"""

import math
from pathlib import Path

import held_out_trainings
import pytest
import sick_trainings
from training_cases import Case, Outcome, outcome

NAMED, ALARMED, CURED = 0.9, 0.05, 0.9
"""Least share of the sick runs whose first alarm names an acceptable cause, largest share of the
healthy ones with an alarm, and least share of the sick ones that the first advice improves."""

BETTER = 0.9
"""Share of the loss that an improvement is at least below."""

TABLES = {"chosen on": sick_trainings, "held out": held_out_trainings}


def run(case: Case, seed: int, folder: Path) -> tuple[Path, Outcome]:
    folder.mkdir(parents=True)
    config = case.write(seed, folder)
    return config, outcome(config, folder)


def judged(sick: list[Case], healthy: list[Case], seeds: tuple[int, ...], folder: Path) -> None:
    """Train every case with every seed, and check the shares."""
    wrong, alarmed = [], []
    for number, case in enumerate([*sick, *healthy]):
        for seed in seeds:
            _, result = run(case, seed, folder / f"{number}-{seed}")
            if case.causes and (not result.causes or result.causes[0] not in case.causes):
                wrong.append((case.name, seed, result.causes))
            if not case.causes and result.causes:
                alarmed.append((case.name, seed, [one["text"] for one in result.alarms]))
    assert len(wrong) <= (1 - NAMED) * len(sick) * len(seeds), wrong
    assert len(alarmed) <= ALARMED * len(healthy) * len(seeds), alarmed


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
@pytest.mark.parametrize("which", range(3))
def test_sick_trainings_are_named_and_healthy_ones_left_alone(table, which, tmp_path):
    judged(table.SICK, table.HEALTHY, table.SEEDS[which : which + 1], tmp_path)


QUICK = (
    "rate 1e-07, iris",
    "rate 1000, moons, descent",
    "epochs 3, wave",
    "zeros in tanh layers",
    "l2 10",
    "linear, xor",
    "without validation",
    "noise",
    "line",
    "no validation",
)
"""Names of a few cases, for a quick look."""


def test_a_few_trainings_of_each_kind(tmp_path):
    cases = [*sick_trainings.SICK, *sick_trainings.HEALTHY]
    few = [case for case in cases if case.name in QUICK]
    assert len(few) == len(QUICK)
    sick = [case for case in few if case.causes]
    judged(sick, [case for case in few if not case.causes], (1,), tmp_path)


def improved(before: Outcome, after: Outcome) -> bool:
    """Return True if the loss fell clearly: on the test rows if it overfitted, else on all."""
    parts = ["test"] if before.causes[0] == "overfitting" else list(before.losses)
    old, new = (sum(one.losses[part] for part in parts) for one in (before, after))
    return new < BETTER * old or (math.isfinite(new) and not math.isfinite(old))


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
def test_the_first_advice_improves_a_training_as_it_is_typed(table, tmp_path):
    failed, followed = [], 0
    for number, case in enumerate(table.SICK):
        config, before = run(case, table.SEEDS[0], tmp_path / str(number))
        if before.alarms and before.alarms[0]["settings"]:
            settings = before.alarms[0]["settings"]
            followed += 1
            after = outcome(config, config.parent, settings)
            if not improved(before, after):
                failed.append((case.name, settings, before.losses, after.losses))
    assert followed > len(table.SICK) / 2
    assert len(failed) <= (1 - CURED) * followed, failed
