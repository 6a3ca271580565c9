"""The page of promises: every promise has a test, and every test that it names is there."""

import ast
import re
from functools import cache

import pytest
from command_line import ROOT
from documents import GUIDE, Document

PAGE = Document(GUIDE / "promises.md")
PROMISES = [row for row in PAGE.rows() if row[0] != "promise" and not row[0].startswith("-")]
NAMED = re.findall(r"`(tests/[\w/.]+)::(\w+)`", PAGE.text)


@cache
def collected_from(file: str) -> set[str]:
    """Return the names of the tests that pytest collects from a file."""
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {name for name in functions if name.startswith("test_")}


def test_every_promise_names_its_tests_and_nothing_else() -> None:
    assert len(PROMISES) > 30
    for promise, *tests in PROMISES:
        assert promise.endswith("."), promise
        assert len(tests) == 1, promise
        assert re.fullmatch(r"(`tests/[\w/]+\.py::test_\w+`(, |$))+", tests[0]), promise
    assert len(NAMED) == PAGE.text.count("::test_")


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_named_exists(file: str) -> None:
    missing = {name for named, name in NAMED if named == file} - collected_from(file)
    assert missing == set()
