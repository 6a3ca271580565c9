"""The example of the guide in JavaScript: an exported model in Node gives what `predict` gives."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT
from workflow_runs import predicted, train_file, write_csv

from bpnet.workflows.export import export

PACKAGE = "onnxruntime-node"
EVERY_ROW = """
const ort = require("onnxruntime-node");
const fs = require("fs");

async function main() {
  const [file, golden] = process.argv.slice(2);
  const model = await ort.InferenceSession.create(file);
  const rows = fs.readFileSync(golden, "utf8").trim().split("\\n").map((line) => JSON.parse(line));
  const cells = {};
  for (const name of model.inputNames) {
    const values = rows.map((row) => row.inputs[name]);
    const numbers = values.map((value) => value === null ? NaN : value);
    cells[name] = typeof values.find((value) => value !== null) === "string"
      ? new ort.Tensor("string", values, [rows.length, 1])
      : new ort.Tensor("float64", numbers, [rows.length, 1]);
  }
  const { label, probabilities } = await model.run(cells);
  console.log(JSON.stringify({ label: label.data, probabilities: [...probabilities.data] }));
}

main();
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runtime for Node, fetched by npm."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"private": true}')
    # its script would fetch libraries for graphics cards
    install = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", PACKAGE]
    try:
        done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm install {PACKAGE} takes longer than 300 s")
    if done.returncode:
        pytest.skip(f"npm install {PACKAGE}: {done.stderr.strip()[-200:]}")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table with categories and missing values."""
    config = ROOT / "configs" / "penguins.yaml"
    return train_file(config, tmp_path_factory.mktemp("runs"), "training.epochs=10").run


def answer(folder: Path, script: str, *words: str) -> str:
    """Return what a script prints."""
    (folder / "script.js").write_text(script, "utf-8")
    command = ["node", "script.js", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.slow
def test_the_example_of_the_guide_predicts_as_bpnet_does(folder: Path, run: Path) -> None:
    export(run, folder / "penguins.onnx")
    page = (ROOT / "bpnet" / "guide" / "export.md").read_text("utf-8")
    (script,) = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    printed = answer(folder, script)
    names = re.findall(r"^ +(\w+): (?:text|number)\((.*)\)", script, re.MULTILINE)
    columns = {name: [cell.strip(' "') for cell in cells.split(",")] for name, cells in names}
    rows = [[column[k].replace("NaN", "") for column in columns.values()] for k in range(2)]
    expected = predicted(run, write_csv(folder / "rows.csv", list(columns), rows))
    assert re.findall(r"'(\w+)'", printed) == expected["predicted_species"]
    numbers = [float(text) for text in re.findall(r"\d\.\d+(?:e-\d+)?", printed)]
    classes = [name for name in expected if name.startswith("probability_")]
    p = [expected[name][k] for k in range(2) for name in classes]
    np.testing.assert_allclose(numbers, p, atol=1e-6)


@pytest.mark.slow
def test_every_golden_row_agrees_in_node(folder: Path, run: Path) -> None:
    result = export(run, folder / "golden.onnx")
    given = json.loads(answer(folder, EVERY_ROW, "golden.onnx", result.golden.name))
    rows = [json.loads(line)["outputs"] for line in result.golden.read_text("utf-8").splitlines()]
    assert given["label"] == [row["label"] for row in rows]
    p = np.array([row["probabilities"] for row in rows])
    np.testing.assert_allclose(np.reshape(given["probabilities"], p.shape), p, atol=1e-6)
