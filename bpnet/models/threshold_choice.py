"""The choice of a threshold: by which score, and on which rows, as model.json keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bpnet.engine.component import Component, FieldError, number

ROWS = {"validation": "validation rows", "out_of_fold": "out-of-fold rows"}
"""The rows of the parts that a threshold is chosen on."""
_TITLES = {"f1": "F1", "matthews": "Matthews correlation", "cost": "cost"}


@dataclass(frozen=True, kw_only=True)
class ThresholdChoice(Component):
    """The best threshold of a class or a label by a score, on rows that no network trained on."""

    criterion: Literal["f1", "matthews", "cost"]
    """The score that it was best by."""
    part: Literal["validation", "out_of_fold"]
    """The part of the rows that it was chosen on."""
    rows: int = number(ge=1)
    """The number of these rows."""
    fn: float | None = number(None, ge=0)
    """The cost of a missed row (false negative), if it was chosen by the cost."""
    fp: float | None = number(None, ge=0)
    """The cost of a false alarm (false positive)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        by_cost = self.criterion == "cost"
        for name in ("fn", "fp"):
            if (getattr(self, name) is not None) != by_cost:
                raise FieldError(name, "must be given for the criterion cost, and for no other")

    @property
    def text(self) -> str:
        """What it was chosen by, in words: best F1 on 85 validation rows."""
        costs = f" (fn={self.fn:g}, fp={self.fp:g})" if self.criterion == "cost" else ""
        return f"best {_TITLES[self.criterion]}{costs} on {self.rows:,} {ROWS[self.part]}"


def choices_text(choices: Mapping[str, ThresholdChoice | None]) -> str:
    """Return how thresholds came about, by class or label as it is shown; blank if not known.

    None is one that was given.
    """
    texts = {name: "given" if choice is None else choice.text for name, choice in choices.items()}
    distinct = list(dict.fromkeys(texts.values()))
    if len(distinct) <= 1:
        return "".join(distinct)
    names = [[name for name in texts if texts[name] == text] for text in distinct]
    shown = [each[0] if len(each) == 1 else f"{len(each)} labels" for each in names]
    return "; ".join(f"{text} of {of}" for text, of in zip(distinct, shown, strict=True))
