"""`bpnet.engine` exports every component, and the network of its docstring trains as it stands."""

import inspect
import textwrap
from typing import get_args

import pytest

import bpnet.engine
from bpnet.engine.activations import AnyActivation
from bpnet.engine.initializers import AnyInitializer
from bpnet.engine.layers import AnyStoredLayer
from bpnet.engine.losses import AnyLoss
from bpnet.engine.optimizers import AnyOptimizer
from bpnet.engine.schedules import AnySchedule


def indented_blocks(text):
    """Return the indented blocks of a docstring; a blank line inside a block does not end it."""
    blocks, block = [], []
    for line in text.splitlines():
        if line.startswith("    ") or (block and not line):
            block.append(line)
        elif block:
            blocks.append(textwrap.dedent("\n".join(block)).strip())
            block = []
    return blocks


def test_the_network_of_the_docstring_trains_as_it_stands(capsys):
    program, printed = indented_blocks(inspect.getdoc(bpnet.engine))
    assert len([line for line in program.splitlines() if line]) <= 15
    exec(program, {})
    assert capsys.readouterr().out.strip() == printed


@pytest.mark.parametrize(
    "union", [AnyActivation, AnyInitializer, AnyStoredLayer, AnyLoss, AnyOptimizer, AnySchedule]
)
def test_every_component_is_exported(union):
    for component in get_args(union):
        assert component.__name__ in bpnet.engine.__all__
        assert getattr(bpnet.engine, component.__name__) is component


def test_every_exported_name_has_a_docstring():
    for name in bpnet.engine.__all__:
        doc = getattr(bpnet.engine, name).__doc__
        assert doc, name
        assert not doc.startswith(f"{name}("), name  # what a dataclass has without one
