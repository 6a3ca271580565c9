"""Findings: what is wrong with a training, how likely each cause is, and what to type."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["alarm", "remark"]
"""An alarm asks for a change; a remark is good to know where all is well."""


@dataclass(frozen=True)
class Finding:
    """A trouble, or a cause of one, with the measured evidence and the settings that help."""

    cause: str
    """Name of the trouble, such as "learning rate too low"."""
    evidence: str
    """The measurement, as a clause."""
    likelihood: float
    """From 0 to 1; findings are in its order."""
    settings: Sequence[str] = ()
    """Assignments for `--set`, to be made together."""
    advice: str = ""
    """The advice, if it is more than the settings, or none is known."""
    kind: Kind = "alarm"
    layer: int | None = None
    """The layer that it is about, counted from 1."""
    alternative: Sequence[str] = ()
    """Assignments that may be made instead."""
    outcome: str = ""
    """The outcome of the training, in the first of its causes."""

    @property
    def about(self) -> str:
        """A name that is the same each time the trouble is found."""
        return self.cause if self.layer is None else f"{self.cause}, layer {self.layer}"

    @property
    def text(self) -> str:
        """One line: outcome, cause, evidence and advice."""
        return f"{self.outcome}. Most likely: {self.line}" if self.outcome else self.line

    @property
    def line(self) -> str:
        """The text without the outcome."""
        typed = _options(self.settings)
        if self.alternative:
            typed += f", or {_options(self.alternative)}"
        parts = [f"{self.cause}: {self.evidence}", self.advice, f"try {typed}" if typed else ""]
        return "; ".join(part for part in parts if part)

    def data(self) -> dict[str, Any]:
        """Return the finding for diagnosis.json and `--json`."""
        return {
            "kind": self.kind,
            "cause": self.cause,
            "text": self.text,
            "settings": list(self.settings),
        }


def _options(settings: Sequence[str]) -> str:
    """Return what to type, as a shell reads it."""
    return " ".join(f"--set {shlex.quote(one)}" for one in settings)
