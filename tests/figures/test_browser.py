"""Pages in headless Chromium: they fetch nothing, answer the pointer, and are accessible.

Without a Chromium and the packages of the extra `browser` these tests are skipped, with the reason.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium, opened, violations
from command_line import ROOT, bpnet
from figured_runs import HOSTILE, hostile_table, train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    runs = {name: train(name, folder) for name in ("iris", "regression", "folds")}
    runs["replicas"] = train("replicas", folder / "several", "--set", "replicas=16")
    assert bpnet("cv", ROOT / "configs/iris.yaml", "--folds", "2", "--runs", folder).code == 0
    runs["cv"] = folder / "iris-cv-001"
    config = hostile_table(folder)
    assert bpnet("train", config, "--runs", folder).code == 0
    runs["hostile"] = folder / "hostile-001"
    made = {}
    for name, run in runs.items():
        made[name] = folder / f"{name}.html"
        assert bpnet("report", run, "-o", made[name]).code == 0
    made["several runs"] = folder / "several.html"
    said = bpnet("report", runs["iris"], runs["regression"], "-o", made["several runs"])
    assert said.code == 0
    return made


NAMES = ("iris", "regression", "folds", "replicas", "cv", "hostile", "several runs")


def draw_all(page: Any) -> int:
    """Scroll through a page until every panel is drawn, and return their number."""
    panels = page.locator(".panel")
    for k in range(panels.count()):
        panels.nth(k).scroll_into_view_if_needed()
        page.wait_for_selector(f".panel[data-drawn] >> nth={k}", state="attached")
    return int(panels.count())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_quiet_accessible_and_fits(
    browser: Any, pages: dict[str, Path], name: str, scheme: str
) -> None:
    width = {"light": 1200, "dark": 390}[scheme]  # a desk and a phone
    page, problems = opened(
        browser, pages[name], color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    assert draw_all(page) > 5
    assert problems == []
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.close()


def test_curves_answer_the_pointer(browser: Any, pages: dict[str, Path]) -> None:
    page, problems = opened(browser, pages["iris"])
    panel = page.locator(".panel").first
    panel.scroll_into_view_if_needed()
    page.wait_for_selector(".panel[data-drawn]")
    box = panel.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    page.mouse.move(*middle)
    page.mouse.move(middle[0] + 3, middle[1])
    tip = page.locator("#vg-tooltip-element.visible")
    tip.wait_for()
    assert "epoch" in tip.inner_text()
    labels = panel.locator(".role-axis-label").first.text_content()
    page.keyboard.down("Shift")
    for _ in range(5):
        page.mouse.wheel(0, -300)
    page.keyboard.up("Shift")
    page.wait_for_function(
        "([labels]) => document.querySelector('.panel .role-axis-label').textContent !== labels",
        arg=[labels],
    )
    assert problems == []
    page.close()


def test_a_table_is_sorted_by_its_head(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["iris"])
    table = page.locator("table.sortable").first
    head = table.locator("th button").nth(1)

    def column() -> list[float]:
        cells = table.locator("tbody td:nth-child(2)")
        return [float(text) for text in cells.all_inner_texts()]

    before = column()
    head.press("Enter")  # by the keyboard
    assert column() == sorted(before) != before
    head.click()
    assert column() == sorted(before, reverse=True)
    assert table.locator("th").nth(1).get_attribute("aria-sort") == "descending"
    page.close()


def test_without_scripts_every_figure_and_number_is_there(
    browser: Any, pages: dict[str, Path]
) -> None:
    page, problems = opened(browser, pages["iris"], java_script_enabled=False)
    for panel in page.locator(".panel").all():
        assert panel.locator("svg").first.is_visible()
    summary = page.locator("summary").first
    summary.click()
    assert page.locator("details table").first.is_visible()
    assert problems == []
    page.close()


def test_hostile_names_are_text(browser: Any, pages: dict[str, Path]) -> None:
    page, problems = opened(browser, pages["hostile"])
    draw_all(page)
    assert problems == []  # also no violation of the policy
    text = page.inner_text("body")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    text = page.inner_text("body")
    for name in HOSTILE[:3]:
        assert name in text
    assert page.evaluate("document.dir + document.querySelectorAll('b').length") == "0"
    page.close()


def test_a_page_prints(browser: Any, pages: dict[str, Path], tmp_path: Path) -> None:
    page, _ = opened(browser, pages["iris"])
    path = tmp_path / "printed.pdf"
    page.pdf(path=path)
    assert path.stat().st_size > 20_000
    page.close()
