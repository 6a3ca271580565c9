"""The model card: README.md of a model's folder, with front matter that model hubs read.

Front matter: https://huggingface.co/docs/hub/model-cards#model-card-metadata
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bpnet.data.encoding.columns import BooleanColumn, CategoricalColumn, NumericColumn
from bpnet.data.encoding.dates import DateColumn
from bpnet.data.encoding.encoder import AnyColumn
from bpnet.data.targets import Classes, Labels
from bpnet.messages import counted, on_one_line
from bpnet.models.ensemble import Ensemble
from bpnet.models.threshold_choice import choices_text

FILE = "README.md"
_DECISIONS = "## Decisions"
_HELD_OUT = ("test", "cross_validation", "out_of_fold", "validation")
"""The parts whose scores a hub shows, best first."""
_LONGEST_NAME = 80
_MOST_COLUMNS = 200
_MOST_CATEGORIES = 8
_MOST_CLASSES = 30


@dataclass(frozen=True)
class Origin:
    """The origin of a model: its run's name, its data, and its scores."""

    name: str
    table: str
    """The name of the table's file."""
    data_sha256: str
    rows: Mapping[str, int]
    """The number of rows of each part."""
    scores: Mapping[str, Mapping[str, float | None]]
    """The final metrics of each part, as in metrics.json."""


def model_card(model: Ensemble, origin: Origin) -> str:
    """Return the text of the card; names of the table are code spans, which are never markup."""
    sections = [
        f"---\n{_front_matter(model, origin)}---\n",
        f"# {origin.name}\n",
        _summary(model),
        _use(model),
        f"## Columns\n\n{_columns(model)}",
        decisions(model),
        f"## Scores\n\n{_scores(origin)}",
        f"## Data\n\n{_data(origin)}",
    ]
    return "\n".join(sections)


def decisions(model: Ensemble) -> str:
    """Return the section about what is predicted by which probability."""
    return f"{_DECISIONS}\n\n{_decided(model)}\n"


def with_decisions(card: str, model: Ensemble) -> str:
    """Return a card whose section of decisions, if it has one, is the model's; the rest stays."""
    section = re.compile(rf"^{_DECISIONS}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    return section.sub(lambda _: f"{decisions(model)}\n", card, count=1)


def code_span(text: str, *, in_table: bool = False) -> str:
    """Return text of any kind as a code span of Markdown, on one line and not too long."""
    text = on_one_line(text)
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME - 1]}…"
    if not text.strip():
        text = repr(text)
    if in_table:  # GitHub's tables end a cell at a bar in a code span, too
        text = text.replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in (text[0], text[-1]) or text[0] == text[-1] == " " else ""
    return f"{fence}{space}{text}{space}{fence}"


class QuotedText(yaml.SafeDumper):
    """A dumper of YAML whose texts are in double quotes, which YAML 1.1 and 1.2 read alike."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write each value in full."""
        return True

    def represent_text(self, data: str) -> yaml.ScalarNode:
        """Represent text in double quotes."""
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"')

    def represent_keys(self, data: dict[str, Any]) -> yaml.MappingNode:
        """Represent a mapping whose keys, all of which are ours, have no quotes."""
        node = self.represent_dict(data)
        for key, _ in node.value:
            key.style = None
        return node


QuotedText.add_representer(str, QuotedText.represent_text)
QuotedText.add_representer(dict, QuotedText.represent_keys)


def _front_matter(model: Ensemble, origin: Origin) -> str:
    task = "tabular-regression" if _is_regression(model) else "tabular-classification"
    part, scores = _held_out(origin)
    metrics = [
        {"type": name, "value": float(value), "name": name}
        for name, value in scores.items()
        if value is not None and math.isfinite(value)
    ]
    content: dict[str, Any] = {
        "library_name": "bpnet",
        "pipeline_tag": task,
        "tags": ["bpnet", "tabular", task],
        "metrics": [metric["type"] for metric in metrics],
    }
    if metrics:
        result = {
            "task": {"type": task},
            "dataset": {"type": "tabular", "name": origin.table, "split": part},
            "metrics": metrics,
        }
        content["model-index"] = [{"name": origin.name, "results": [result]}]
    return yaml.dump(
        content, Dumper=QuotedText, sort_keys=False, allow_unicode=True, width=math.inf
    )


def _is_regression(model: Ensemble) -> bool:
    return not isinstance(model.description.target, Classes | Labels)


def _held_out(origin: Origin) -> tuple[str, Mapping[str, float | None]]:
    """Return the part whose scores tell most about new rows, and them."""
    every = [*_HELD_OUT, *origin.scores]
    part = next((part for part in every if part in origin.scores), "")
    return part, origin.scores.get(part, {})


def _summary(model: Ensemble) -> str:
    description, target = model.description, model.description.target
    names = _spans(target.names)
    if isinstance(target, Classes):
        what = f"Predicts one of {len(target.classes)} classes, {names}:"
        what += f" {_spans(target.classes, _MOST_CLASSES)}."
    elif isinstance(target, Labels):
        what = f"Predicts {counted(len(target.names), 'label')}: {names}."
    else:
        what = f"Predicts {counted(len(target.names), 'number')}: {names}."
    columns = counted(len(model.wanted), "column")
    sizes = sorted({member.network.theta.shape[1] for member in model.members})
    size = " to ".join(f"{size:,}" for size in {sizes[0]: None, sizes[-1]: None})
    networks = f"{counted(model.networks, 'network')}{' each' if model.networks > 1 else ''}"
    trained = (
        f"{networks} with {size} parameters, trained by "
        f"[bpnet](https://pypi.org/project/bpnet-cli) {description.bpnet} on "
        f"{columns} of a table."
    )
    votes = ""
    if model.networks > 1:
        blended = "blended as `model.json` says" if model.combination else "averaged"
        votes = f" Their predictions are {blended}."
    return f"{what}\n\n{trained}{votes}\n"


def _use(model: Ensemble) -> str:
    return f"""## Use

```sh
pip install 'bpnet-cli>={model.description.bpnet}'
bpnet predict MODEL_FOLDER TABLE.csv -o predictions.csv
```

```python
import bpnet

bpnet.load("MODEL_FOLDER").predict(data_frame)
```

The folder is complete: `model.json` describes the model, `weights.safetensors` has
its numbers, and nothing in it is run.
"""


def _columns(model: Ensemble) -> str:
    by_name: dict[str, AnyColumn] = {}
    for member in model.members:
        for column in member.description.encoder.columns:
            by_name.setdefault(column.name, column)
    shown = list(by_name.values())[:_MOST_COLUMNS]
    lines = ["| column | values in training |", "|---|---|"]
    lines += [f"| {code_span(one.name, in_table=True)} | {_values(one)} |" for one in shown]
    if len(by_name) > len(shown):
        lines.append(f"\n{len(by_name) - len(shown):,} more columns are in `model.json`.")
    return "\n".join(lines) + "\n"


def _values(column: AnyColumn) -> str:
    """Return what the training rows had in a column."""
    if isinstance(column, NumericColumn):
        return f"numbers from {column.lowest:.6g} to {column.highest:.6g}"
    if isinstance(column, BooleanColumn):
        return _spans([column.false, column.true], in_table=True)
    if isinstance(column, DateColumn):
        return f"dates such as {code_span(column.format, in_table=True)}"
    assert isinstance(column, CategoricalColumn)
    return f"categories: {_spans(column.levels, _MOST_CATEGORIES, in_table=True)}"


def _spans(names: Sequence[str], most: int = 12, *, in_table: bool = False) -> str:
    shown = ", ".join(code_span(name, in_table=in_table) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _decided(model: Ensemble) -> str:
    target = model.description.target
    if not isinstance(target, Classes | Labels):
        return "The predictions are numbers in the units of the table."
    if model.thresholds is None:
        if isinstance(target, Classes):
            return "The most probable class is predicted."
        return "A label whose probability is above 0.5 is predicted."
    chosen = [
        f"{code_span(name)} above {threshold:g}"
        for name, threshold in zip(model.decided, model.thresholds, strict=True)
    ]
    origin = choices_text({code_span(k): each for k, each in model.named_choices.items()})
    return (
        f"Predicted where its probability is above a threshold: {', '.join(chosen)}"
        f"{f' ({origin})' if origin else ''}. The scores below are those at 0.5."
    )


def _scores(origin: Origin) -> str:
    names = list(dict.fromkeys(name for part in origin.scores.values() for name in part))
    return "\n".join(_score_table(names, origin.scores)) + "\n"


def _score_table(
    names: Sequence[str], scores: Mapping[str, Mapping[str, float | None]]
) -> Iterator[str]:
    yield f"| metric | {' | '.join(part.replace('_', ' ') for part in scores)} |"
    yield "|---|" + "---|" * len(scores)
    for name in names:
        values = (part.get(name) for part in scores.values())
        yield f"| {name} | {' | '.join('' if v is None else f'{v:.4g}' for v in values)} |"


def _data(origin: Origin) -> str:
    rows = ", ".join(
        f"{number:,} {part.replace('_', ' ')}" for part, number in origin.rows.items() if number
    )
    digest = f"The SHA-256 of the data is `{origin.data_sha256}`."
    return f"{code_span(origin.table)}{f': rows {rows}' if rows else ''}. {digest}\n"
