"""The README: its length, its set-up, and what a newcomer copies from it."""

import re

from command_line import ROOT
from documents import README, Document

PAGE = Document(README)


def test_it_is_short() -> None:
    assert len(PAGE.text.splitlines()) <= 150


def test_the_set_up_commands_are_those_that_ci_runs() -> None:
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    blocks = [block.strip() for block in PAGE.blocks("sh") if "venv" in block]
    assert len(blocks) == 2
    assert all(block in ci for block in blocks)
    assert all("\n" not in block for block in blocks)


def test_the_set_up_commands_stand_near_the_top() -> None:
    above = PAGE.text.split("```sh\n")[0]
    assert len(above.splitlines()) <= 30


def test_the_five_commands_are_shown_in_order() -> None:
    verbs = [shown.words[1] for shown in PAGE.shown() if shown.words[0] == "bpnet"]
    assert verbs[:5] == ["init", "check", "train", "eval", "predict"]


def test_it_links_to_every_page_of_the_guide() -> None:
    linked = set(re.findall(r"\(bpnet/guide/([\w-]+)\.md\)", PAGE.text))
    pages = {path.stem for path in (ROOT / "bpnet" / "guide").glob("*.md")}
    assert linked == pages | {"config-reference"}
