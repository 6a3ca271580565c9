"""Kinds of component, and what each becomes in an exported model."""

from collections.abc import Mapping
from typing import Any, TypeVar

from bpnet.engine.component import Component
from bpnet.errors import UsageError

_Form = TypeVar("_Form")


def form_of(forms: Mapping[type[Any], _Form], component: Component, noun: str, name: str) -> _Form:
    """Return what a component becomes in a format called `name`.

    Raises UsageError if the table of `forms` has no row for its kind; the noun says what it is.
    """
    form = forms.get(type(component))
    if form is None:
        kind = getattr(component, "kind", type(component).__name__)
        raise UsageError(
            f"the model has the {noun} '{kind}', which cannot be exported as {name}; "
            "train without it, or predict with `bpnet predict`"
        )
    return form
