"""`help(bpnet)` lists every verb, and `python -m pydoc bpnet` shows it with the packages."""

import pydoc
import re

import bpnet
from bpnet.cli.app import app


def test_every_verb_is_listed():
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands]
    overview = bpnet.__doc__.partition("each step is a verb")[2].partition("The packages")[0]
    assert sorted(re.findall(r"^    (\w+)  ", overview, re.MULTILINE)) == sorted(verbs)


def test_pydoc_shows_the_overview_and_the_packages():
    page = pydoc.plain(pydoc.render_doc("bpnet"))
    assert bpnet.__doc__.splitlines()[0] in page
    assert "engine (package)" in page
