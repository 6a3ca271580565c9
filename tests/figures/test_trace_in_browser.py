"""The page of a trace in headless Chromium: keys step, colors change, and nothing is fetched."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import chromium, opened, violations
from command_line import ROOT, bpnet
from figured_runs import hostile_table

pytestmark = pytest.mark.slow
CASES = {
    "iris": ("configs/tutorials/iris-4-5-3.yaml", ["--steps", "3"]),
    "xor": ("configs/xor.yaml", ["--row", "all", "--steps", "4"]),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("traces")
    subjects = {name: (ROOT / config, words) for name, (config, words) in CASES.items()}
    subjects["hostile"] = (hostile_table(folder), [])
    for name, (config, words) in subjects.items():
        said = bpnet("trace", config, "--html", *words)
        assert said.code == 0, said.err
        (folder / f"{name}.html").write_text(said.out, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in subjects}


def data(name: str) -> Any:
    config, words = CASES[name]
    return json.loads(bpnet("trace", ROOT / config, "--json", *words).out)


def shown(page: Any) -> Any:
    """Open the page's script: wait until its first number is shown."""
    page.wait_for_selector("#equation:not([hidden])")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["iris", "xor", "hostile"])
def test_a_page_is_quiet_accessible_and_fits(
    browser: Any, pages: dict[str, Path], name: str, scheme: str
) -> None:
    width = {"light": 1200, "dark": 390}[scheme]
    page, problems = opened(
        browser, pages[name], color_scheme=scheme, viewport={"width": width, "height": 800}
    )
    shown(page)
    assert problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.close()


def test_keys_walk_through_every_number(browser: Any, pages: dict[str, Path]) -> None:
    page, problems = opened(browser, pages["iris"])
    shown(page)
    trace = data("iris")
    sections = [*trace["encoding"], *trace["steps"][0]["sections"]]
    numbers = [entry for one in sections for entry in one["entries"] if "value" in entry]
    page.keyboard.press("Home")
    for k, number in enumerate(numbers):
        value = page.get_attribute("#full", "data-value")
        assert float(value) == number["value"], (k, number)
        assert page.inner_text("#symbol") == number["symbol"]
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert float(page.get_attribute("#full", "data-value")) == numbers[-2]["value"]
    page.keyboard.press("Home")
    seen = [page.inner_text("#where").split(" · ")[0]]
    for _ in sections:
        page.keyboard.press("PageDown")
        seen.append(page.inner_text("#where").split(" · ")[0])
    order = [one["title"] for one in sections if any("value" in e for e in one["entries"])]
    assert list(dict.fromkeys(seen)) == list(dict.fromkeys(order))
    assert problems == []
    page.close()


@pytest.mark.parametrize("name", CASES)
def test_nodes_and_edges_have_the_traces_numbers(
    browser: Any, pages: dict[str, Path], name: str
) -> None:
    page, _ = opened(browser, pages[name])
    shown(page)
    trace = data(name)
    for step in range(len(trace["steps"])):
        page.locator("#step").fill(str(step + 1))
        traced = trace["steps"][step]
        for color in ("value", "gradient", "change"):
            page.select_option("#color", color)
            for k, layer in enumerate(traced["layers"], start=1):
                outputs, after = layer["outputs"][0], traced["outputs_after"][k - 1][0]
                expected = {
                    "value": outputs,
                    "gradient": layer["deltas"][0],
                    "change": [new - old for new, old in zip(after, outputs, strict=True)],
                }[color]
                values = page.evaluate(
                    "k => [...document.querySelectorAll(`.node[data-column='${k}']`)]"
                    ".map(one => Number(one.dataset.value))",
                    k,
                )
                assert values == expected
                weight = layer["parameters"]["weight"]
                edges = page.evaluate(
                    "k => [...document.querySelectorAll(`.edge[data-layer='${k}']`)]"
                    ".map(one => Number(one.dataset.value))",
                    k,
                )
                matrix = {
                    "value": weight["before"],
                    "gradient": weight["gradient"],
                    "change": [
                        [b - a for a, b in zip(old, new, strict=True)]
                        for old, new in zip(weight["before"], weight["after"], strict=True)
                    ],
                }[color]
                assert edges == [value for row in matrix for value in row]
    page.close()


def test_a_node_in_focus_shows_its_equation(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["xor"])
    shown(page)
    page.locator(".node[data-column='1'][data-unit='2']").focus()
    assert "unit 2" in page.inner_text("#where")
    assert page.inner_text("#symbol").startswith("z")
    assert page.locator(".node.current").count() == 1
    page.select_option("#row", index=2)
    assert "row 3, unit 2" in page.inner_text("#where")
    page.locator(".edge[data-layer='2']").first.dispatch_event("click")
    assert page.locator(".edge.current").count() == 1
    page.close()


def test_surfaces_are_drawn_anew_for_each_step(browser: Any, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["xor"])
    shown(page)
    canvas = page.locator("#surfaces canvas").first
    first = canvas.evaluate("one => one.toDataURL()")
    page.locator("#step").fill("4")
    assert canvas.evaluate("one => one.toDataURL()") != first
    assert " to " in canvas.get_attribute("aria-label")
    page.close()


def test_without_scripts_the_numbers_are_there(browser: Any, pages: dict[str, Path]) -> None:
    page, problems = opened(browser, pages["iris"], java_script_enabled=False)
    assert page.locator("ul.numbers li").first.is_visible()
    assert page.locator("#network").is_visible()
    assert not page.locator("#controls").is_visible()
    assert problems == []
    page.close()
