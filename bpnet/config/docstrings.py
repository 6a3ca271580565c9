"""Docstrings of the schema: the text of each section and component, and of each of its fields."""

import ast
import dataclasses
import functools
import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldDoc:
    """The docstring of a field: its text, and the keys that its last sentence gives as example."""

    text: str
    example: str | None = None


def class_doc(component: type) -> str:
    """Return a class's docstring without its indentation."""
    return inspect.getdoc(component) or ""


def summary(component: type) -> str:
    """Return the first paragraph of a class's docstring, on one line."""
    return " ".join(class_doc(component).partition("\n\n")[0].split())


def field_docs(component: type) -> dict[str, FieldDoc]:
    """Return the docstring of each field of a dataclass, those of its bases included.

    A field's docstring is the string that follows its declaration. Python does not keep it, so it
    is read from the source, which an installed package has beside its byte code.
    """
    docs: dict[str, str] = {}
    for base in reversed(component.__mro__):
        if base.__module__ != "builtins":
            docs |= _docs_of_module(base.__module__).get(base.__name__, {})
    names = [field.name for field in dataclasses.fields(component)]
    return {name: _parted(docs[name]) for name in names if name in docs}


def _parted(doc: str) -> FieldDoc:
    text, marker, example = doc.partition(" Example: `")
    return FieldDoc(text, re.sub("`.$", "", example) if marker else None)


@functools.cache
def _docs_of_module(module: str) -> Mapping[str, Mapping[str, str]]:
    """Return the field docstrings of each class of a module."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _docs_of_class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_of_class(node: ast.ClassDef) -> dict[str, str]:
    docs = {}
    for statement, following in zip(node.body, node.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = " ".join(text.split())
    return docs
