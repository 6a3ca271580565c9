"""Templates of pages: jinja2, whose output is escaped, and a policy under which nothing is fetched.

The only importer of jinja2, an optional package.
"""

import base64
import gzip
import hashlib
import json
from importlib.resources import files
from typing import Any

from bpnet.figures.drawing import missing_package
from bpnet.messages import visible


def environment() -> Any:
    """Return jinja2's environment; raises UsageError if it is not installed."""
    try:
        import jinja2  # deferred: an optional package
    except ImportError:
        raise missing_package("jinja2") from None
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )


def markup(text: str) -> Any:
    """Return text that a template shows as it is; it must be of ours, or escaped already."""
    from markupsafe import Markup  # deferred: an optional package, as jinja2 is

    return Markup(text)  # noqa: S704


def packed(data: Any) -> Any:
    """Return data as compressed JSON in base64, which a page's script unpacks.

    They are the same for the same data.
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return markup(base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode())


def part(name: str) -> str:
    """Return a file of this package."""
    return (files("bpnet.reports.page") / name).read_text(encoding="utf-8")


def policy(*scripts: str) -> str:
    """Return a policy under which only these scripts run, and nothing is fetched.

    Their hashes stand for them: no other is run, whatever a table's names hold.
    """
    hashes = " ".join(_hash(text) for text in scripts if text)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _shown(value: Any) -> Any:
    """Return a text with visible control characters; what is markup already stays."""
    return visible(value) if type(value) is str else value
