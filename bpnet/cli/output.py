"""Output for programs: results as JSON."""

from typing import Any

from bpnet import console
from bpnet.runs.files import json_text


def print_json(value: Any) -> None:
    """Print one JSON document."""
    console.say(json_text(value))
