"""Make the pictures of the README and the guide from real runs: `python tests/pictures.py`.

It needs the extras `plots` and `browser`, and Chromium. The pictures are in .github/pictures/.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from support.chromium import chromium, opened

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / ".github" / "pictures"


def bpnet(*words: str | Path, cwd: Path) -> bytes:
    """Run a command, and return what it prints."""
    command = [sys.executable, "-c", "from bpnet.cli import main; main()", *map(str, words)]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True).stdout


def shot(
    browser: Any, page: Path, name: str, *, height: int, keys: int = 0, wait: str, to: str = "h1"
) -> None:
    """Write a picture of a page from an element on, after some steps through it."""
    shown, problems = opened(browser, page, viewport={"width": 880, "height": height})
    shown.wait_for_selector("h1")
    shown.evaluate("place => document.querySelector(place).scrollIntoView()", to)
    shown.wait_for_selector(wait)
    for _ in range(keys):
        shown.keyboard.press("ArrowRight")
    assert problems == [], problems
    shown.screenshot(path=PICTURES / name)


def main() -> None:
    """Train, and draw."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        here = Path(folder)
        penguins, tutorials = ROOT / "configs/penguins.yaml", ROOT / "configs/tutorials"
        bpnet("train", penguins, "--set", "training.snapshots=20", cwd=here)
        bpnet("report", "runs/penguins-001", "-o", "report.html", cwd=here)
        shot(
            browser,
            here / "report.html",
            "report.png",
            height=760,
            wait=".panel[data-drawn]",
            to="#run-1-curves",
        )
        # as its title is seen
        config = "configs/tutorials/iris-4-5-3.yaml"
        trace = bpnet("trace", config, "--html", "--digits", "4", cwd=ROOT)
        (here / "trace.html").write_bytes(trace)
        shot(browser, here / "trace.html", "trace.png", height=760, keys=13, wait=".current")
        single = tutorials / "single-weight.yaml"
        bpnet("train", single, "--set", "training.snapshots=15", cwd=here)
        run = "runs/single-weight-001"
        bpnet("plot", run, "loss-surface", "-o", PICTURES / "loss-surface.svg", cwd=here)
        bpnet(
            "plot", "runs/penguins-001", "decision", "--animate", "-o", PICTURES / "decision.gif",
            cwd=here,
        )  # fmt: skip


if __name__ == "__main__":
    main()
