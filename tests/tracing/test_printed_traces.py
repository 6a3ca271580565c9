"""What `bpnet trace` prints is right as printed: each line of text, LaTeX, words and JSON."""

import json
import re

import numpy as np
import pytest
from labeled_runs import invoked
from printed_equations import computed, computed_latex, computed_words
from pylatexenc.latexwalker import LatexWalker, get_default_latex_context_db
from workflow_runs import ROOT, write_csv

EXACT = ["--digits", "17"]
CONFIG = """\
dataset:
  path: t.csv
  target: y
  sample_weight: w
  split: {validation: 5, test: 5}
  roles: {level: categorical}
architecture: {hidden: [3], activation: tanh}
training: {epochs: 5, batch_size: 8, optimizer: adamw, l2: 0.1, learning_rate: 0.05}
"""


@pytest.fixture
def mixed(tmp_path):
    """A table with a column of each kind, missing values among them."""
    rng = np.random.default_rng(3)
    rows = [
        [
            f"{rng.normal(10, 3):.2f}" if k % 9 else "",
            ["red", "blue", "green"][k % 3],
            ["no", "yes"][k * k % 2],
            f"2023-{k % 12 + 1:02}-{k % 28 + 1:02} {k % 24:02}:30",
            ["low", "mid", "high"][k * 7 % 3],
            [0, 0, 5, 7][k % 4],
            round(rng.random() + 0.5, 3),
            round(rng.normal(), 3),
        ]
        for k in range(60)
    ]
    names = ["hours", "color", "flag", "when", "level", "visits", "w", "y"]
    write_csv(tmp_path / "t.csv", names, rows)
    (tmp_path / "c.yaml").write_text(CONFIG)
    return tmp_path / "c.yaml"


def joined(text):
    """Undo the wrapping of lines, which go on further to the right."""
    return re.sub(r"\n {6,}", lambda found: " " if len(found[0]) > 7 else found[0], text)


def equation_of(line):
    """Return the numbers and the value of `label: symbol = numbers = value`, None without both."""
    line = line.split(" -> ", 1)[1] if " -> " in line else re.sub(r"^[^=]*: (?=\S+ = )", "", line)
    sides = line.split(" = ", 1)
    if len(sides) < 2 or " = " not in sides[1] or not re.search(r"[\d)]$|inf$", line):
        return None
    numbers, value = sides[1].rsplit(" = ", 1)
    return (numbers, value) if re.fullmatch(r"[-+\d.e]+", value) else None


def close(value, shown, digits=17):
    return abs(value - shown) <= 10.0 ** (1 - digits) * max(abs(shown), 1) + 1e-12 * max(
        1, abs(shown)
    )


def check_text(text, digits=17):
    """Compute the numbers of every line again; return the number of lines."""
    count = 0
    for line in joined(text).splitlines():
        if (sides := equation_of(line)) is None:
            continue
        numbers, value = sides
        if re.fullmatch(r"[a-zA-Z/_']+", numbers):  # `L = l = 0.0136`: another name of the same
            continue
        assert close(computed(numbers), float(value), digits), line
        count += 1
    return count


@pytest.mark.parametrize(
    ("config", "arguments"),
    [
        ("tutorials/sigmoid-2-2-1.yaml", ["--steps", "2"]),
        ("tutorials/single-weight.yaml", ["--row", "all", "--steps", "2"]),
        ("tutorials/recurrent-xor.yaml", ["--row", "all"]),
        ("tutorials/perturbation-xor.yaml", ["--row", "all", "--steps", "3"]),
        ("iris.yaml", ["--row", "51,101"]),
    ],
)
def test_every_line_of_text_is_right(config, arguments):
    path = ROOT / "configs" / config
    code, text = invoked("trace", path, *arguments, *EXACT)
    assert code == 0, text
    assert check_text(text) > 15


def test_every_sentence_is_right():
    code, text = invoked("trace", ROOT / "configs/iris.yaml", "--words", *EXACT)
    assert code == 0, text
    sentences = re.findall(r" is (.+), which is (\S+)\.$", joined(text), re.M)
    assert len(sentences) > 200
    for numbers, value in sentences:
        assert close(computed_words(numbers), float(value)), numbers


def test_the_worked_example_is_read_as_one_says_and_sets_it():
    path = ROOT / "configs/tutorials/sigmoid-2-2-1.yaml"
    words = joined(invoked("trace", path, "--words", "--digits", "4")[1])
    assert "target = 0.5: the target is 0.5." in words
    assert "unit 2: the activation is the sigmoid of 0.315, which is 0.5781." in words
    latex = invoked("trace", path, "--latex", "--digits", "4")[1]
    assert r"$\frac{\partial L}{\partial y_{1}} = y_{1} - t_{1} = " in latex
    assert r"\frac{\partial L}{\partial w^{(1)}_{2,1}} = " in latex
    assert r"$f'\left(z^{(1)}_{2}\right) = a^{(1)}_{2}" in latex
    assert r"\subsection*{Loss: 1/2 (y - t)\textsuperscript{2}, mean" in latex
    assert re.findall(r"\\section\*\{.*?\}", latex) == [r"\section*{Step 1}"]


@pytest.mark.parametrize("row", ["1", "51,101"])
def test_every_equation_of_latex_is_right_and_the_document_is_well_formed(row):
    code, text = invoked("trace", ROOT / "configs/iris.yaml", "--latex", "--row", row, *EXACT)
    assert code == 0, text
    equations = re.findall(r"\$(.+)\$\\par", text)
    assert len(equations) > 200
    count = 0
    for equation in equations:
        # an equals sign in Iverson's brackets divides nothing
        divided = re.sub(
            r"\\left\[.*?\\right\]", lambda found: found[0].replace(" = ", "=="), equation
        )
        *_, numbers, value = divided.split(" = ")
        shown = re.sub(r" \\times 10\^\{(-?\d+)\}", r"e\1", value)
        if re.search(r"_\{|[a-z]_|^\w+$", re.sub(r"\\log_", "", numbers)):  # `x = x_1 = 0.3`
            continue
        assert close(computed_latex(numbers), float(shown)), equation
        count += 1
    assert count > 0.7 * len(equations)
    check_latex(text)


def check_latex(text):
    """Parse a document strictly, and see that it uses no macro that amsmath does not have."""
    walker = LatexWalker(text, tolerant_parsing=False)
    nodes, _, length = walker.get_latex_nodes()
    assert length == len(text)
    names = {"operatorname", "text", "tfrac", "textquotedbl", "raggedright", "setlength"}
    context = get_default_latex_context_db()
    for macro in set(re.findall(r"\\([A-Za-z]+)", text)):
        known = context.get_macro_spec(macro)
        assert macro in names or (known is not None and known.macroname) or macro in KNOWN, macro
    assert nodes


KNOWN = {
    "cdot", "delta", "eta", "frac", "sqrt", "left", "right", "partial", "exp", "log", "cos", "sin",
    "tanh", "max", "min", "pi", "Phi", "hat", "times", "par", "subsubsection", "hline", "beta",
    "gamma", "varepsilon", "mu", "Pi", "Delta", "lfloor", "rfloor", "le", "textless", "textgreater",
    "documentclass", "usepackage", "begin", "end", "section", "subsection", "parindent",
    "textbackslash", "textasciitilde", "textasciicircum", "textbar", "textsuperscript",
    "title", "author", "date", "maketitle", "Sigma",
}  # fmt: skip
"""Macros of LaTeX and amsmath that a trace uses."""


SCALINGS = [
    "standardize", "robust", "robust_clip", "quantile", "{kind: quantile, quantiles: 7}",
    "quantile_normal", "min_max", "l2_rows", "none", "periodic", "piecewise_linear",
]  # fmt: skip


@pytest.mark.parametrize(
    "setting",
    [
        *(f"dataset.preprocessing.numeric={one}" for one in SCALINGS),
        "dataset.preprocessing.categorical=ordinal",
        "dataset.preprocessing.categorical=embedding",
        "dataset.preprocessing.categorical={kind: one_hot, binary: plus_minus}",
        "dataset.preprocessing.missing={kind: impute, indicator: false}",
        "dataset.preprocessing.frequent_values={}",
    ],
)
def test_how_each_cell_became_an_input(mixed, setting):
    code, text = invoked("trace", mixed, "--row", "1,10,29", "--json", "--set", setting)
    assert code == 0, text
    document = json.loads(text)
    inputs = document["steps"][0]["layers"][0]["inputs"]
    units = set()
    for row, section in enumerate(document["encoding"]):
        for entry in section["entries"]:
            if "text" in entry:
                continue
            assert close(computed(entry["numbers"]), entry["value"]), entry
            if entry["name"].startswith("input "):
                assert entry["value"] == inputs[row][entry["unit"] - 1]
                units.add(entry["unit"])
    assert len(units) == min(len(inputs[0]), 24)


def test_hours_and_words_are_shown_as_the_table_has_them(mixed):
    text = joined(invoked("trace", mixed, "--row", "2", "--digits", "4")[1])
    assert re.search(r"hours = 1?\d\.\d+\n  hours: x = \([\d.]+ - [\d.]+\)/[\d.]+ = ", text)
    assert "color = blue: category 1 of 3\n" in text
    assert "color=blue: x = [1 = 1] = 1\n" in text
    missing = joined(invoked("trace", mixed, "--row", "1", "--digits", "4")[1])
    assert re.search(r"hours = missing, filled with [\d.]+\n", missing)


def test_a_rounded_text_is_right_to_its_digits():
    """With ten digits a sum of products is right to about as many."""
    code, text = invoked("trace", ROOT / "configs/iris.yaml", "--row", "51,101")
    assert code == 0
    assert check_text(text, digits=8) > 100


def test_a_table_sums_up_the_steps():
    text = invoked("trace", ROOT / "configs/tutorials/single-weight.yaml", "--row", "all",
                   "--steps", "3", "--set", "training.learning_rate=0.0001")[1]  # fmt: skip
    lines = text.split("All 3 steps\n===========\n")[1].splitlines()
    assert lines[0].split()[:6] == ["step", "epoch", "η", "L", "|g|", "L'"]
    assert [line.split()[0] for line in lines[1:4]] == ["1", "2", "3"]
    document = json.loads(
        invoked("trace", ROOT / "configs/tutorials/sigmoid-2-2-1.yaml", "--steps", "11", "--json")[
            1
        ]
    )
    assert [row["L"] for row in document["summary"]] == [s["loss"] for s in document["steps"]]
    assert document["summary"][-1]["y'[1]"] < 0.615  # first printed as 0.61


def test_hostile_names_are_text_in_every_format(tmp_path):
    names = ["<script>alert(1)</script>", "$\\input{/etc/passwd}$ & 100 %", "é" * 1000 + "😀\u202e"]
    cells = ["x\x1b[2J\ny", "z" * 2000]
    write_csv(
        tmp_path / "t.csv",
        [*names, "c", "y"],
        [[k % 5, k % 3, k % 4, cells[k % 2], k % 2] for k in range(30)],
    )
    (tmp_path / "c.yaml").write_text(
        "dataset: {path: t.csv, target: y}\narchitecture: {hidden: [2]}\n"
        "training: {epochs: 1}\ntask: regression\n"
    )
    for form in ("--latex", "--words", "--json", "--markdown"):
        code, text = invoked("trace", tmp_path / "c.yaml", form)
        assert code == 0, text
        assert form == "--json" or not re.search("[\x1b\u202e]|z{61}|é{61}", text)
        assert form == "--latex" or form == "--json" or "<script>alert(1)</script>" in text
        if form == "--latex":
            check_latex(text)
            assert r"\input{" not in text
            assert max(map(ord, text)) < 256


def test_formats_that_exclude_each_other():
    code, text = invoked("trace", ROOT / "configs/iris.yaml", "--latex", "--words")
    assert code == 2
    assert "--latex and --words cannot be combined" in text
