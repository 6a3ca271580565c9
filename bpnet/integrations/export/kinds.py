"""Kinds of component, and what each becomes in an exported model."""

from collections.abc import Mapping
from typing import TypeVar

from bpnet.engine.component import Component
from bpnet.errors import UsageError

_Form = TypeVar("_Form")


def form_of(forms: Mapping[str, _Form], component: Component, noun: str, name: str) -> _Form:
    """Return what a component becomes in a format called `name`.

    Raises UsageError if the table of `forms` has no row for its kind; the noun says what it is.
    """
    kind: str = getattr(component, "kind", type(component).__name__)
    form = forms.get(kind)
    if form is None:
        raise UsageError(
            f"the model has the {noun} '{kind}', which cannot be exported as {name}; "
            "train without it, or predict with `bpnet predict`"
        )
    return form
