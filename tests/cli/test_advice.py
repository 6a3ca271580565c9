"""What a message advises works when it is typed as it stands, in the shell that shows it."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Said, bpnet

CONFIG = """\
dataset: {path: t.csv, target: y}
architecture: {hidden: [4]}
training: {epochs: 2}
"""
MOST_STEPS = 4


def frame(rows: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    made = pd.DataFrame({"a": rng.normal(size=rows).round(3), "b": rng.normal(size=rows).round(3)})
    made["y"] = np.where(made.a > 0, "yes", "no")
    return made


def written(made: pd.DataFrame) -> Callable[[Path], None]:
    return lambda folder: made.to_csv(folder / "t.csv", index=False)


def with_cell(column: str, value: object, every: int = 9) -> pd.DataFrame:
    made = frame().astype(object)
    made.loc[::every, column] = value
    return made


@dataclass(frozen=True)
class Case:
    """A command on a table, and the number of the advice that is followed."""

    words: str
    table: Callable[[Path], None]
    follow: int = 0
    """Which of the options that a message offers."""


CASES = {
    "a table as config": Case("train t.csv", written(frame())),
    "a config that is missing": Case("train t.yaml", written(frame())),
    "a table without a suffix": Case("train 'my table'", written(frame())),
    "a word among numbers, missing": Case("train c.yaml", written(with_cell("a", "so-so")), 0),
    "a word among numbers, text": Case("train c.yaml", written(with_cell("a", "it's")), 1),
    "a word among numbers, left out": Case("train c.yaml", written(with_cell("a", "so so")), 2),
    "a blank target": Case("train c.yaml", written(with_cell("y", ""))),
    "a blank feature, refused": Case(
        "train c.yaml --set dataset.preprocessing.missing=refuse", written(with_cell("a", ""))
    ),
    "layers and hidden": Case(
        "train c.yaml --set 'architecture.layers=[dropout]'", written(frame())
    ),
    "hidden beside layers": Case(
        "train c.yaml --set 'architecture={layers: [dropout]}' --set 'architecture.hidden=[3]'",
        written(frame()),
    ),
    "text as a regression": Case("train c.yaml --set task=regression", written(frame())),
    "best without validation": Case(
        "train c.yaml --set training.keep=best --set dataset.split.validation=0", written(frame())
    ),
    "an R² that is not defined": Case(
        "train c.yaml --set dataset.target=c --set task=regression "
        "--set dataset.split.shuffle=false --set training.early_stopping.monitor=val_r2",
        written(frame().assign(c=[*np.linspace(0, 1, 56), *[1.0] * 24])),
    ),
    "an empty part": Case(
        "train c.yaml --set dataset.split.test=0.001 --set dataset.split.stratify=false",
        written(frame(40)),
    ),
    "a column of gaps with a role": Case(
        "train c.yaml --set dataset.roles.c=numeric", written(frame().assign(c=""))
    ),
    "a class without training rows": Case(
        "train c.yaml --set 'dataset.split={stratify: false, test: 0.8, validation: 0.1}'",
        written(pd.concat([frame(), pd.DataFrame({"a": [1, 2], "b": [1, 2], "y": ["r", "r"]})])),
    ),
    "an encoding for another role": Case(
        "train c.yaml --set dataset.preprocessing.columns.c=standardize",
        written(frame().assign(c=["u", "v"] * 40)),
    ),
    "a dotted column of words": Case(
        "train c.yaml --set 'dataset.roles.it.s=x=numeric'",
        written(frame().assign(**{"it.s=x": ["u", "v"] * 40})),
        1,
    ),
    "other bytes": Case(
        "train c.yaml",
        lambda folder: (folder / "t.csv").write_bytes(
            frame().assign(c=["é", "ü"] * 40).to_csv(index=False).encode("cp1252")
        ),
    ),
}

_OPTION = re.compile(r"""--set (?:'[^'\n]*'|"[^"\n]*"|[^\s;,()]+)+""")
_COMMAND = re.compile(r"bpnet [a-z]+ [^;\n]*?(?= lists the columns|;|$)", re.MULTILINE)


def advised_command(said: Said, words: list[str], follow: int) -> list[str] | None:
    """The command that the first message advises, or the words with the option that it offers."""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    message = errors[0]
    commands = [command for command in _COMMAND.findall(errors[-1]) if "COLUMN" not in command]
    if commands:
        return shlex.split(commands[0])[1:]
    place, _, rest = message.partition(": ")[2].partition(": ")
    offered = _OPTION.findall(rest if place.startswith("--set") else message)
    if not offered:
        return None
    # options side by side belong together
    groups = re.findall(rf"{_OPTION.pattern}(?: {_OPTION.pattern})*", message.partition("; ")[2])
    chosen = (groups or offered)[min(follow, len(groups or offered) - 1)]
    return [*words, *shlex.split(chosen)]


@pytest.mark.parametrize("name", CASES)
def test_the_advice_is_followed_to_a_result(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    case.table(tmp_path)
    (tmp_path / "my table").write_bytes((tmp_path / "t.csv").read_bytes())
    (tmp_path / "c.yaml").write_text(CONFIG)
    words = shlex.split(case.words)
    said = bpnet(*words, cwd=tmp_path)
    assert said.code != 0, "the case has nothing to advise"
    for _ in range(MOST_STEPS):
        if said.code == 0:
            following = said.out.rstrip().splitlines()[-1]
            if "Next:" not in following or words[0] in ("train", "cv"):
                break
            words = shlex.split(following.partition("Next:")[2])[1:]
            words += ["--set", "training.epochs=2"] if words[0] == "train" else []
        else:
            advised = advised_command(said, words, case.follow)
            assert advised is not None, said.err
            words = advised
        said = bpnet(*words, cwd=tmp_path)
    assert said.code == 0, (words, said.err)
    assert words[0] == "train"
