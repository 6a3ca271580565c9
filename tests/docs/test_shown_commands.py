"""Every command that the README and the guide show runs, and prints lines like those below it.

Numbers and the spaces of tables may differ, except where a command's numbers are exact. A training
whose output is left out takes few epochs, but all of them in the slow tests.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import ROOT, bpnet
from documents import GAP, Document, Shown, documents

EXACT = ("trace", "init", "guide", "explain")
"""Verbs whose numbers are the same on every machine."""
FEW_EPOCHS = ("--set", "training.epochs=5")
NUMBER = r"-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?"
PAGES = [page for page in documents() if page.shown()]


def pattern(line: str, *, exact: bool) -> str:
    """A regular expression for the actual line, given the one shown."""
    pieces = []
    for piece in re.split(rf"({NUMBER}|\s+|{GAP})", line.strip()):
        if piece == GAP:
            pieces.append(".*")
        elif piece.isspace():
            pieces.append(r"\s+")
        elif re.fullmatch(NUMBER, piece) and not exact:
            pieces.append(NUMBER)
        else:
            pieces.append(re.escape(piece))
    return "".join(pieces)


def first_that_differs(shown: Sequence[str], actual: Sequence[str], *, exact: bool) -> str | None:
    """The first line shown that the actual output does not have in its place, or None.

    A line `…` skips any number of lines; the lines between two of them stand one after another.
    """
    place = 0
    runs: list[list[str]] = [[]]
    for line in shown:
        runs.append([]) if line.strip() == GAP else runs[-1].append(line)
    for number, lines in enumerate(runs):
        wanted = [re.compile(pattern(line, exact=exact)) for line in lines]
        last = len(actual) - len(lines)
        starts = range(place, last + 1) if number else [place]
        if number and number == len(runs) - 1 and lines:
            starts = range(max(last, place), last + 1)  # nothing is left out after the last line
        nearest = 0
        for start in starts:
            equal = 0
            while equal < len(lines) and start + equal < len(actual):
                if not wanted[equal].fullmatch(actual[start + equal].strip()):
                    break
                equal += 1
            nearest = max(nearest, equal)
            if equal == len(lines):
                place = start + equal
                break
        else:
            return lines[nearest]
    return None if len(runs) > 1 or place == len(actual) else "(the end)"


def run(shown: Shown, folder: Path, *, quick: bool) -> tuple[int, list[str]]:
    """The exit code and the lines of a command: what is on stderr comes first."""
    words = shown.words
    if quick and words[1] in ("train", "cv") and shown.output == (GAP,):
        words += FEW_EPOCHS
    stdin = b""
    if words[0] == "cat" and "|" in words:
        stdin = (folder / words[1]).read_bytes()
        words = words[words.index("|") + 1 :]
    most = None
    if "|" in words:
        assert words[-3:-1] == ["|", "head"], shown.command
        most, words = int(words[-1].removeprefix("-")), words[:-3]
    if words[0] in ("head", "cat"):
        done = subprocess.run(words, cwd=folder, capture_output=True, check=True)
        return 0, done.stdout.decode().splitlines()
    file = None
    if words[-2] == ">":
        file, words = folder / words[-1], words[:-2]
    assert words[0] == "bpnet", shown.command
    said = bpnet(*words[1:], cwd=folder, stdin=stdin)
    if file is not None:
        file.write_text(said.out, "utf-8")
        return said.code, said.err.splitlines()
    return said.code, [*said.err.splitlines(), *said.out.splitlines()[:most]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the shipped configs and tables, as a fresh clone has them."""
    for name in ("configs", "datasets"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


def write_files(page: Document, folder: Path) -> None:
    """Write each YAML block that begins with `# NAME.yaml` to that file."""
    for block in page.blocks("yaml"):
        name = re.match(r"# (\w+\.yaml)\n", block)
        if name:
            (folder / name[1]).write_text(block)


@pytest.mark.parametrize("page", PAGES, ids=str)
@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_the_commands_of_a_page_print_what_it_shows(
    page: Document, quick: bool, folder: Path
) -> None:
    write_files(page, folder)
    wrong = []
    for shown in page.shown():
        code, lines = run(shown, folder, quick=quick)
        assert code == 0 or any("error:" in line for line in shown.output), (shown.command, lines)
        line = first_that_differs(shown.output, lines, exact=shown.words[1] in EXACT)
        if line is not None:
            actual = "\n".join(lines)
            wrong.append(f"$ {shown.command}\nnot as shown: {line}\nactual output:\n{actual}\n")
    assert not wrong, f"{page}:\n\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", ["vanishing-gradients", "exploding-gradients", "overfitting"])
def test_the_doctor_reports_what_a_config_quotes(name: str, folder: Path) -> None:
    config = folder / "configs" / "tutorials" / f"{name}.yaml"
    comment = " ".join(line.lstrip("# ") for line in config.read_text("utf-8").splitlines())
    quoted = re.search(r'[Tt]he doctor reports "([^"]+)"', comment)
    assert quoted is not None
    said = bpnet("train", str(config.relative_to(folder)), cwd=folder)
    wanted = re.compile(rf"(?:- |warning: ){pattern(quoted[1], exact=False)}")
    lines = [*said.err.splitlines(), *said.out.splitlines()]
    assert any(wanted.fullmatch(line) for line in lines), "\n".join(lines)


def test_a_line_that_differs_is_found() -> None:
    actual = ["a 1.5  b", "c", "d"]
    assert first_that_differs(["a 2 b", "…"], actual, exact=False) is None
    assert first_that_differs(["a 2 b", "…"], actual, exact=True) == "a 2 b"
    assert first_that_differs(["a 1.5 b", "…", "d"], actual, exact=True) is None
    assert first_that_differs(["a 1.5 b", "d"], actual, exact=True) == "d"
    assert first_that_differs(["a … b", "c"], actual, exact=True) == "(the end)"
    assert first_that_differs(["…", "e"], actual, exact=True) == "e"
    assert first_that_differs(["…", "c", "d"], ["c", "e", "c", "d"], exact=True) is None
    assert first_that_differs(["…", "c"], ["c", "d"], exact=True) == "c"
    assert first_that_differs([], [], exact=True) is None
