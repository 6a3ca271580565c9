"""The docstrings of the schema: every section, component and field has one, in the same form."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest

from bpnet.config.docstrings import field_docs, summary
from bpnet.config.schema import Config
from bpnet.config.shorthand import hints
from bpnet.data.encoding.scalers import AnyScaler
from bpnet.engine.component import Component
from bpnet.engine.layers import AnyStoredLayer
from bpnet.engine.penalties import Penalty


def _components(hint: Any) -> Iterator[type]:
    """Every component inside a hint, however deep."""
    if isinstance(hint, type) and issubclass(hint, Component):
        yield hint
        for inner in hints(hint).values():
            yield from _components(inner)
    for argument in get_args(hint):
        yield from _components(argument)


COMPONENTS = sorted(
    {found for hint in (Config, AnyStoredLayer, AnyScaler, Penalty) for found in _components(hint)},
    key=lambda component: (component.__module__, component.__name__),
)
FIELDS = [
    (component, field.name)
    for component in COMPONENTS
    for field in dataclasses.fields(component)
    if field.name != "kind"
]


def test_the_components_are_found() -> None:
    assert len(COMPONENTS) > 60
    assert len(FIELDS) > 120


@pytest.mark.parametrize(
    ("component", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part)
)
def test_every_field_has_a_docstring(component: type, field: str) -> None:
    docs = field_docs(component)
    assert field in docs, f"write a docstring below {component.__name__}.{field}"
    text = docs[field].text
    assert text.endswith("."), text
    assert text[0].isupper() or not text[0].isalpha(), text
    assert not re.match(r"(What|Whether|Which|Who|How)\b", text), text
    assert "Example" not in text, (
        "an example is the last sentence, in backquotes: Example: `key: value`."
    )
    assert len(text) <= 250, f"{component.__name__}.{field}: {len(text)} characters are too many"


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.__name__)
def test_every_component_has_a_summary(component: type) -> None:
    assert summary(component).endswith((".", ".)"))
    assert summary(component) != summary(Component)


def test_a_component_has_the_docstrings_of_its_bases() -> None:
    docs = field_docs(next(one for one in COMPONENTS if one.__name__ == "AdamW"))
    assert list(docs) == ["beta_1", "beta_2", "epsilon", "weight_decay", "decay_schedule"]
    assert docs["weight_decay"].text.startswith("Share λ, times the learning rate")
    assert docs["weight_decay"].example == "weight_decay: 0.05"
    assert docs["epsilon"].example is None
