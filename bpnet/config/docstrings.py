"""Docstrings of the schema: the text of each section and component, and of each of its fields."""

import ast
import dataclasses
import functools
import inspect
import sys
from collections.abc import Mapping


def summary(component: type) -> str:
    """Return the first paragraph of a class's docstring, on one line."""
    return " ".join((inspect.getdoc(component) or "").partition("\n\n")[0].split())


def field_docs(component: type) -> dict[str, str]:
    """Return the docstring of each field of a dataclass, on one line; bases' fields are among them.

    A field's docstring is the string that follows its declaration. Python does not keep it, so it is read
    from the source, which an installed package has beside its byte code.
    """
    docs: dict[str, str] = {}
    for base in reversed(component.__mro__):
        if base.__module__ != "builtins":
            docs |= _docs_of_module(base.__module__).get(base.__name__, {})
    return {
        field.name: docs[field.name]
        for field in dataclasses.fields(component)
        if field.name in docs
    }


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
