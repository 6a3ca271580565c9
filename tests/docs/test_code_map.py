"""Every file, folder and name that CONTRIBUTING and the architecture page give is in the code."""

import re
from pathlib import Path

import pytest
from command_line import ROOT
from documents import CONTRIBUTING, GUIDE, Document

ARCHITECTURE = Document(GUIDE / "architecture.md")
PAGES = [ARCHITECTURE, Document(CONTRIBUTING)]


def defines(path: Path, name: str) -> bool:
    """Return whether a module defines a name at its top, or `Class.method`."""
    text = path.read_text("utf-8")
    outer, _, inner = name.partition(".")
    start = re.search(rf"^(?:class|def) {outer}\b|^{outer}\b.* = ", text, re.MULTILINE)
    if start is None or not inner:
        return start is not None
    body = re.split(r"\n(?=\S)", text[start.end() :], maxsplit=1)[0]
    return re.search(rf"^    def {inner}\b", body, re.MULTILINE) is not None


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_path_exists(page: Document) -> None:
    paths = [
        word
        for word in re.findall(r"(?:\.?\w[\w.-]*/)[\w./-]*\w/?|\.ci/run", page.text)
        if word.startswith(("bpnet/", "tests/", ".github/", ".ci/", "configs/"))
    ]
    assert len(paths) > 10
    missing = [path for path in paths if "VERB" not in path and not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_name_is_in_its_file(page: Document) -> None:
    checked = 0
    for row in page.rows():
        quoted = re.findall(r"`([\w./]+)`", " ".join(row))
        files = [word for word in quoted if word.endswith(".py")]
        for name in [word for word in quoted if "/" not in word]:
            if files:
                assert any(defines(ROOT / file, name) for file in files), (files, name)
                checked += 1
    assert checked > 3


def test_the_files_of_a_section_are_in_its_package() -> None:
    for section in re.split(r"^### ", ARCHITECTURE.text, flags=re.MULTILINE)[1:]:
        package = re.match(r"`(bpnet/\w+)`\n", section)
        if package is None:
            continue
        text = re.split(r"^## ", section, flags=re.MULTILINE)[0]
        for name in re.findall(r"`(\w+\.py|\w+/)`", text):
            assert (ROOT / package[1] / name).exists(), (package[1], name)


def test_the_code_map_has_every_package_from_top_to_bottom() -> None:
    layering = (ROOT / "tests" / "test_layering.py").read_text("utf-8")
    layers = re.findall(r'"(\w+)"', layering.split("LAYERS = (")[1].split("\n)")[0])
    headings = "\n".join(re.findall(r"^### .*$", ARCHITECTURE.text, re.MULTILINE))
    assert re.findall(r"`bpnet/(\w+)(?:\.py)?`", headings) == layers


def test_the_questions_of_a_newcomer_are_answered() -> None:
    table = [row for row in PAGES[1].rows() if len(row) == 3 and row[1].startswith("`bpnet/")]
    assert len([row for row in table if row[2].startswith("`") and "/" not in row[2]]) == 20
