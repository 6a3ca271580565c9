"""`bpnet guide`: the pages in the terminal."""

import re
import unicodedata

import pytest
from command_line import bpnet

from bpnet.cli import console
from bpnet.workflows.guide import ORDER, pages


def test_without_a_topic_it_lists_the_pages_in_reading_order() -> None:
    said = bpnet("guide")
    assert (said.code, said.err) == (0, "")
    header, *rows, blank, last = said.out.splitlines()
    assert (header, blank, last) == ("page", "", "Next: bpnet guide tables")
    assert [row.split()[0] for row in rows] == [name for name in ORDER if name in said.out]
    assert all(row.endswith(".") for row in rows)


def test_a_topic_is_found_in_any_case_and_as_a_file_name() -> None:
    plain = bpnet("guide", "tables")
    assert plain.out.startswith("# Tables\n\n")
    assert "\x1b" not in plain.out
    assert bpnet("guide", "Tables") == plain == bpnet("guide", "tables.md")


@pytest.mark.parametrize(
    ("topic", "answer"),
    [
        ("table", "the guide has no page 'table'; did you mean 'tables'?\n"),
        ("zzz", "the guide has no page 'zzz'; list the pages with: bpnet guide\n"),
        ("replicas", "the guide has no page 'replicas'; pages that mention it: "),
    ],
)
def test_an_unknown_topic_is_answered_with_what_there_is(topic: str, answer: str) -> None:
    said = bpnet("guide", topic)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: {answer}")


def columns(line: str) -> int:
    """The width of a line on a terminal: an accent of its own, as in m̂, takes none."""
    return sum(not unicodedata.combining(character) for character in line)


def test_on_a_terminal_a_page_is_formatted_within_its_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for page in pages():
        console.print_markdown(page.text)
        out = capsys.readouterr().out
        plain = re.sub(r"\x1b\[[\d;]*m", "", out)
        assert max(map(columns, plain.splitlines())) <= 80
        assert "```" not in out
