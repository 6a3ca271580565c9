"""Model cards: front matter that YAML readers read, and names that stay text."""

import html
import re
from dataclasses import replace

import pytest
import yaml
from markdown_it import MarkdownIt
from untrained_models import LABELS, QUANTITIES, THREE, TWO, describe, untrained

from bpnet.data.encoding import Encoder
from bpnet.data.encoding.columns import NumericColumn, OneHotColumn
from bpnet.data.targets import Classes
from bpnet.models.ensemble import Ensemble
from bpnet.models.model import Model
from bpnet.models.model_card import Origin, code_span, decisions, model_card, with_decisions

SCORES = {
    "train": {"loss": 0.25, "accuracy": 1.0},
    "test": {"loss": 0.5, "accuracy": 0.75, "roc_auc": None},
}
HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "`ls`",
    "``",
    "\\",
    "a\\|b",
    "![x](y)",
    "**bold**",
    "x\n## Decisions\n---\n",
    '"',
    "'",
    ": #",
    "- a",
    "1e3",
    "null",
    " ",
    "\u202eright",
    "\x1b[2J",
    "\U0001f600",
    "عمود",
    "&lt;",
    "$x$",
    "n" * 1000,
]


def origin(table="t.csv", scores=SCORES):
    return Origin("flowers", table, "ab12", {"train": 90, "validation": 0, "test": 10}, scores)


def front_matter(card):
    begin, content, _ = card.split("---\n", 2)
    assert begin == ""
    return yaml.safe_load(content)


def rendered(card):
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(card)


def named(column, target=THREE):
    """A model of one input whose column has this name."""
    encoder = Encoder(columns=[OneHotColumn(name=column, levels=[column], fill=column, hot=1.0)])
    return Ensemble([untrained(target).described(encoder=encoder)])


def test_the_front_matter_is_that_of_a_hub():
    card = model_card(Ensemble([untrained(THREE)]), origin())
    assert front_matter(card) == {
        "library_name": "bpnet",
        "pipeline_tag": "tabular-classification",
        "tags": ["bpnet", "tabular", "tabular-classification"],
        "metrics": ["loss", "accuracy"],
        "model-index": [
            {
                "name": "flowers",
                "results": [
                    {
                        "task": {"type": "tabular-classification"},
                        "dataset": {"type": "tabular", "name": "t.csv", "split": "test"},
                        "metrics": [
                            {"type": "loss", "value": 0.5, "name": "loss"},
                            {"type": "accuracy", "value": 0.75, "name": "accuracy"},
                        ],
                    }
                ],
            }
        ],
    }


def test_a_hub_reads_the_card():
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    data = hub.ModelCard(model_card(Ensemble([untrained(THREE)]), origin())).data
    assert data.library_name == "bpnet"
    assert [(one.metric_type, one.metric_value) for one in data.eval_results] == [
        ("loss", 0.5),
        ("accuracy", 0.75),
    ]


@pytest.mark.parametrize(
    ("target", "task", "words"),
    [
        (TWO, "tabular-classification", "Predicts one of 2 classes, `y`: `no`, `yes`."),
        (LABELS, "tabular-classification", "Predicts 2 labels: `u`, `v`."),
        (QUANTITIES, "tabular-regression", "Predicts 2 numbers: `p`, `q`."),
    ],
)
def test_every_kind_of_target(target, task, words):
    card = model_card(Ensemble([untrained(target)]), origin())
    assert front_matter(card)["pipeline_tag"] == task
    assert words in card
    assert "| `x` | numbers from -1 to 1 |" in card
    assert "| accuracy | 1 | 0.75 |\n| roc_auc |  |  |\n" in card
    assert "`t.csv`: rows 90 train, 10 test. The SHA-256 of the data is `ab12`." in card
    assert "1 network with" in card


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_no_score_of_a_hub(value):
    card = model_card(Ensemble([untrained(THREE)]), origin(scores={"train": {"loss": value}}))
    assert front_matter(card)["metrics"] == []
    assert "model-index" not in front_matter(card)


def test_networks_are_counted():
    model = Ensemble([untrained(THREE, seeds=[1, 2]), untrained(THREE)])
    assert "3 networks each with" in model_card(model, origin())
    assert "Their predictions are averaged." in model_card(model, origin())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name):
    target = Classes(name=name, classes=["a", name])
    card = model_card(named(name, target), origin(table=name))
    assert front_matter(card)["model-index"][0]["results"][0]["dataset"]["name"] == name
    assert [line for line in card.splitlines() if line.startswith("## ")] == [
        "## Use",
        "## Columns",
        "## Decisions",
        "## Scores",
        "## Data",
    ]
    page = rendered(card.split("---\n", 2)[2])
    allowed = {"h1", "h2", "p", "a", "pre", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert set(re.findall(r"</?(\w+)", page)) <= allowed
    (row,) = re.findall(r"<tbody>\n<tr>\n<td><code>(.*?)</code></td>", page, re.DOTALL)[:1]
    shown = html.unescape(row)
    if len(name) == 1000:
        assert shown == "n" * 79 + "…"
    elif name.strip() and name.isprintable():
        assert shown == name
    else:
        assert shown.isprintable()


def test_code_spans():
    assert code_span("a") == "`a`"
    assert code_span("a`b") == "``a`b``"
    assert code_span("`") == "`` ` ``"
    assert code_span("a|b") == "`a|b`"
    assert code_span("a|b", in_table=True) == "`a\\|b`"
    assert code_span("") == "`''`"


def test_thresholds_are_written_into_a_card_that_was_edited():
    model = Ensemble([untrained(TWO)])
    card = model_card(model, origin()) + "\n## Ours\n\nKept.\n"
    assert decisions(model) in card
    chosen = model.with_thresholds([0.3])
    changed = with_decisions(card, chosen)
    assert "`yes` above 0.3. The scores below are those at 0.5." in changed
    assert "The most probable class" not in changed
    assert "Kept." in changed
    assert with_decisions(changed, model) == card
    assert with_decisions("no sections", chosen) == "no sections"


def test_many_columns_are_cut():
    first = describe(TWO)
    scale = first.encoder.columns[0].scale
    columns = [
        NumericColumn(name=f"c{k}", scale=scale, fill=0.0, lowest=0.0, highest=1.0)
        for k in range(300)
    ]
    description = replace(first, encoder=Encoder(columns=columns))
    card = model_card(Ensemble([Model(description, description.network())]), origin())
    assert "| `c199` |" in card
    assert "\n100 more columns are in `model.json`." in card
