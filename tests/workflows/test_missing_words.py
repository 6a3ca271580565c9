"""Words that mean a missing value: what `init` finds, and what it and `check` say is read so."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from command_line import bpnet
from workflow_runs import write_csv

from bpnet.config.loading import read_config
from bpnet.data.missing_word_detection import missing_words, words_among_dates
from bpnet.data.numbers.number_format import NumberFormat
from bpnet.data.reading.column import column_from_texts

NUMBERS = [str(k) for k in range(30)]


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        ([*NUMBERS, "unknown"], ["unknown"]),
        ([*NUMBERS, "Missing", "not available", "NA", ""], ["Missing", "not available"]),
        (["1", "2", "3", "--", ".", "*"], []),  # as many words as numbers
        ([*NUMBERS, "--", "."], ["--", "."]),
        ([*NUMBERS, "unknown", "twelve"], []),  # one of them may be a number
        (["red", "blue", "unknown"], []),
        (["1", "2", "unknown"], []),
        ([*NUMBERS, "-999", "-999"], ["-999"]),
        ([*NUMBERS, "-999"], []),  # once: perhaps a mistake
        ([*NUMBERS, "-5", "-999", "-999"], []),
        ([*NUMBERS, "-999.0", "-999.0", "unknown"], ["unknown", "-999.0"]),
        (NUMBERS, []),
        ([], []),
    ],
)
def test_words_that_seem_to_mean_a_missing_value(cells, words):
    assert missing_words(column_from_texts(cells, NumberFormat()), 3) == words


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["1/13/2020", ".", "2/14/2021", "3/15/2021", ".", "NA"], ["."]),
        (["2020-01-05", "unknown", "2020-01-06", "2020-01-07"], ["unknown"]),
        (["2020-01-05", "soon", "2020-01-06", "2020-01-07"], []),
        (["2020-01-05", ".", "2020-01-06"], []),  # two dates
        (["red", ".", "blue", "green"], []),
        ([".", "."], []),
    ],
)
def test_words_that_seem_to_mean_a_missing_date(cells, words):
    assert words_among_dates(column_from_texts(cells, NumberFormat()), 3) == words


def table(folder: Path, word: str) -> None:
    """Write a table with this word among the numbers of a feature and of the target."""
    rows = [
        [word if k % 9 == 4 else k * 3 % 37, "abc"[k % 3], word if k % 11 == 5 else k * k + 1]
        for k in range(80)
    ]
    write_csv(folder / "t.csv", ["a", "b", "y"], rows)


@pytest.mark.parametrize("word", ["unknown", "-999", "not available", "--", "n.d."])
def test_init_names_a_word_and_train_works_as_written(word, tmp_path):
    table(tmp_path, word)
    done = bpnet("init", "t.csv", "--target", "y", cwd=tmp_path)
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert f"'{word}' among the numbers of columns 'a', 'y' is read as a missing value" in said
    dataset = read_config(tmp_path / "t.yaml").config.dataset
    assert dataset.reading.missing == [word]
    assert dataset.drop_missing_targets
    done = bpnet("train", "t.yaml", "--set", "training.epochs=1", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "regression" in done.err


def test_init_does_not_look_for_words_where_some_are_named(tmp_path):
    table(tmp_path, "unknown")
    done = bpnet(
        *("init", "t.csv", "--target", "y", "--set", "dataset.reading.missing=[x]"), cwd=tmp_path
    )
    assert done.code == 4
    assert "unknown" in done.err


@pytest.mark.parametrize("verb", ["init", "check"])
def test_a_word_of_texts_that_is_read_as_missing_is_named(verb, tmp_path):
    countries = np.resize(["NA", "DE", "FR"], 60)
    rows = [[k * 7 % 13, country, ["no", "yes"][k % 2]] for k, country in enumerate(countries)]
    write_csv(tmp_path / "t.csv", ["x", "country", "y"], rows)
    (tmp_path / "c.yaml").write_text("dataset: {path: t.csv, target: y}\n")
    words = ["init", "t.csv", "--target", "y"] if verb == "init" else ["check", "c.yaml"]
    done = bpnet(*words, cwd=tmp_path)
    said = " ".join((done.out + done.err).split())
    assert "'NA' in column 'country' is read as a missing value; if 'NA' is a value: --set" in said
    option = re.search(r"--set '(dataset\.reading\.not_missing=\[NA\])'", said)
    assert option is not None
    again = bpnet(
        *words, *shlex.split(option[0]), *(["--force"] if verb == "init" else []), cwd=tmp_path
    )
    assert again.code == 0
    assert "is read as a missing value" not in " ".join((again.out + again.err).split())
