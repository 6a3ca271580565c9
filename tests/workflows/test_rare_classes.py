"""Rare classes: what a split or folds cannot do with them, and advice that works as it stands."""

import re
import shlex
from pathlib import Path

import pytest
from command_line import Said, bpnet
from workflow_runs import write_csv

CONFIG = """\
dataset: {path: t.csv, target: y, features: [x, z]}
architecture: {hidden: [3]}
training: {epochs: 1}
"""

LABELS = {
    "one class in one row": ["lone" if k == 5 else ["no", "yes"][k % 2] for k in range(60)],
    "one class in two rows": ["few" if k in (5, 6) else ["no", "yes"][k % 2] for k in range(60)],
    "one number in one row": [11 if k == 5 else 3 + k % 5 for k in range(60)],
    "late class": ["late" if k > 57 else ["no", "yes"][k % 2] for k in range(60)],
    "sorted": ["no" if k < 30 else "yes" for k in range(60)],
    "all but two are single": [f"c{k}" if k < 12 else ["no", "yes"][k % 2] for k in range(60)],
    "each number in one row": list(range(60)),
}
SPLITS = {
    "stratified": [],
    "plain": ["dataset.split.stratify=false"],
    "in order": ["dataset.split.shuffle=false"],
    "groups": ["dataset.split.group=g"],
    "plain groups": ["dataset.split.group=g", "dataset.split.stratify=false"],
    "time": ["dataset.split.time=t"],
    "groups of a class": ["dataset.split.group=y"],
}


def advised(message: str) -> list[list[str]]:
    """Return the options that a message advises, as words to type, one list an alternative."""
    option = r"--(?:set|folds) (?:'[^']*'|[\w.=]*\w)"
    return [
        shlex.split(words[0])
        for words in re.finditer(rf"{option}(?: {option})*", " ".join(message.split()))
    ]


def followed(folder: Path, verb: str, options: list[str], depth: int = 3) -> Said:
    """Run a command; if it is refused, with what the message advises, at most three times."""
    done = bpnet(verb, "c.yaml", *options, "--runs", "runs", cwd=folder)
    if done.code == 0 or not depth:
        return done
    assert done.code in (3, 4), done.err
    choices = advised(done.err)
    assert choices, done.err
    return followed(folder, verb, [*options, *choices[0]], depth - 1)


# each labels by two of the splits, and each split with two of the labels; the rest is slow
CASES = [
    pytest.param(labels, split, marks=() if (row + column) % 7 < 2 else pytest.mark.slow)
    for row, labels in enumerate(LABELS)
    for column, split in enumerate(SPLITS)
]


@pytest.mark.parametrize(("labels", "split"), CASES)
def test_advice_on_rare_classes_works(labels, split, tmp_path):
    rows = [[k % 7, k * 7 % 11, k % 12, k, y] for k, y in enumerate(LABELS[labels])]
    write_csv(tmp_path / "t.csv", ["x", "z", "g", "t", "y"], rows)
    (tmp_path / "c.yaml").write_text(CONFIG)
    settings = [word for setting in SPLITS[split] for word in ("--set", setting)]
    for verb, more in (("train", []), ("cv", ["--folds", "5"])):
        done = followed(tmp_path, verb, [*settings, *more])
        assert done.code == 0, done.err


def test_a_text_that_is_another_one_in_every_row_cannot_be_predicted(tmp_path):
    write_csv(tmp_path / "t.csv", ["x", "z", "y"], [[k, k * 7 % 11, f"c{k}"] for k in range(60)])
    (tmp_path / "c.yaml").write_text(CONFIG)
    for verb in ("train", "cv"):
        done = bpnet(verb, "c.yaml", cwd=tmp_path)
        assert done.code == 4
        assert "predict another column" in done.err
