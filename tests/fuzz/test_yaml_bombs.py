"""Configs that are small and hold, or seem to hold, very much."""

from pathlib import Path

import pytest
from harness import survives

TABLE = "dataset: {path: t.csv, target: y}\n"


def _aliases(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" for k in range(1, levels)]
    return "\n".join(lines) + "\n"


def _merges(levels: int, *, lists: bool) -> str:
    lines = ["m0: &m0 {x0: 0, y0: 0}"]
    for k in range(1, levels):
        twice = f"[*m{k - 1}, *m{k - 1}]" if lists else f"*m{k - 1}, <<: *m{k - 1}"
        lines.append(f"m{k}: &m{k} {{<<: {twice}, x{k}: 0}}")
    return "\n".join(lines) + "\n"


BOMBS = {
    "aliases": _aliases(12),
    "merges of lists": _merges(40, lists=True),
    "merges given twice": _merges(40, lists=False),
    "flow lists nested 100,000 deep": "a: " + "[" * 100_000,
    "flow mappings nested 100,000 deep": "a: " + "{a: " * 100_000,
    "block lists nested 3,000 deep": "a:\n" + "\n".join("  " * k + "-" for k in range(1, 3000)),
    "block lists on one line": "a:\n  " + "- " * 100_000 + "1",
    "20,000 unknown keys": TABLE + "\n".join(f"k{k}: 1" for k in range(20_000)),
    "20,000 unknown keys of a section": TABLE
    + "training:\n"
    + "\n".join(f"  k{k}: 1" for k in range(20_000)),
    "5,000 encodings of columns": TABLE.replace(
        "}", ", preprocessing: {columns: {" + ", ".join(f"k{k}: nope" for k in range(5_000)) + "}}}"
    ),
    "5,000 layers": TABLE + "architecture: {layers: [" + "{units: 0}, " * 5_000 + "]}",
    "20,000 targets": "dataset: {path: t.csv, target: ["
    + ", ".join(f"t{k}" for k in range(20_000))
    + "]}",
    "20,000 inline columns": "dataset: {rows: [[1, 2]], target: y, columns: ["
    + ", ".join(f"t{k}" for k in range(20_000))
    + "]}",
    "20,000 test rows": TABLE.replace(
        "}", ", split: {test_rows: [" + ", ".join(map(str, range(20_000))) + "]}}"
    ),
    "an order of 20,000": TABLE.replace(
        "}",
        ", preprocessing: {columns: {a: {kind: ordinal, order: ["
        + ", ".join(f"v{k}" for k in range(20_000))
        + "]}}}}",
    ),
    "an anchor of a million characters": "a: &" + "a" * 1_000_000 + " 1\nb: *b\n",
    "one long text": "a: " + "a" * 10_000_000,
    "a million commas": "a: [" + "," * 1_000_000 + "]",
    "401 digits": TABLE + "training: {epochs: " + "9" * 401 + "}",
    "5,000 digits": TABLE + "training: {epochs: " + "9" * 5000 + "}",
    "hexadecimal": TABLE + "training: {epochs: 0x" + "f" * 5000 + "}",
    "a float of 5,000 digits": TABLE + "training: {dropout: 1" + "9" * 5000 + ".5}",
    "309 digits": TABLE + "training: {l2: 1" + "0" * 309 + "}",
    "an exponent of 5,000 digits": TABLE + "training: {l2: 1e" + "9" * 5000 + "}",
    "a seed of 25 digits": TABLE + "seed: " + "9" * 25,
    "10^12 units": TABLE + "architecture: {layers: [{units: 1000000000000}]}",
    "10^12 epochs of a member": TABLE + "folds: 1000000000000",
    "10^9 replicas": TABLE + "replicas: 1000000000",
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    rows = [f"{k},{k * k % 7},{k % 2}" for k in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    return tmp_path


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_config_that_holds_very_much_is_refused_soon(bomb: str, here: Path) -> None:
    (here / "c.yaml").write_text(BOMBS[bomb])
    said = survives("check", "c.yaml", cwd=here, seconds=8)
    assert said.code in (2, 3, 4)
    assert len(said.err) < 20_000
