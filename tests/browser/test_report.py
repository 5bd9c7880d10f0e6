"""The pages of a report and of a comparison as a reader meets them, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import samples.report as sample
from latephase.report import write_comparison, write_report

pytestmark = pytest.mark.browser
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCREEN = SIZES["desktop"][1]
SECONDS = 90  # that a slow machine may take to scroll
KINDS = ("report", "comparison")
OPEN = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
# Of each head that is shown its text, and how many lines of its own height that takes.
HEADS = """[...document.querySelectorAll('thead th')]
    .filter((head) => head.closest('thead').offsetWidth > 1).map((head) => {
    const looks = getComputedStyle(head), range = document.createRange();
    range.selectNodeContents(head);
    const height = range.getBoundingClientRect().height;
    return [head.textContent, height / parseFloat(looks.lineHeight)];
})"""
# What reaches over the right edge of the window, but for the inside of boxes that scroll.
WIDER = """[...document.querySelectorAll('body *')]
    .filter((one) => !one.closest('svg svg, svg *') && !one.parentElement.closest('.scroll'))
    .filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5)
    .map((one) => `${one.tagName}.${one.className} ${one.textContent.slice(0, 40)}`)"""
CLIPPED = """[...document.querySelectorAll('.scroll')]
    .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.ariaLabel)"""
WORD_IN_SIGHT = """[...document.querySelectorAll('#glossary :target')]
    .map((one) => one.getBoundingClientRect().top).some((top) => 0 <= top && top <= innerHeight)"""
UNREACHABLE = """[...document.querySelectorAll('.scroll')]
    .filter((one) => one.scrollWidth > one.clientWidth)
    .filter((one) => one.tabIndex !== 0 || !one.ariaLabel).length"""

Visits = Callable[..., Any]


def wait_until(page, true: str) -> None:
    """Wait for what a page is to say; it allows no `eval`, by which Playwright would."""
    end = time.monotonic() + SECONDS
    while not page.evaluate(true):
        if time.monotonic() > end:
            pytest.fail(f"not true within {SECONDS} s: {true}")
        page.wait_for_timeout(20)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> dict[str, Path]:
    """The made-up report and the made-up comparison, written where there is a browser for them."""
    folder = tmp_path_factory.mktemp("pages")
    claim, finding, runs = sample.comparison()
    report = write_report(sample.findings(), folder / "report", sample.PROVENANCE)
    made = write_comparison(claim, finding, runs, folder / "comparison", sample.PROVENANCE)
    return {"report": report, "comparison": made}


@pytest.fixture
def opened(pages: dict[str, Path], visit: Visits) -> Visits:
    """Opens a page of a kind, in a window of a size."""
    return lambda kind, size="desktop", **more: visit(pages[kind].as_uri(), SIZES[size], **more)


@pytest.mark.everyday
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("report", ("#question", ".asked", ".answer", ".first svg", ".counts li", ".kinds")),
        ("comparison", ("#question", ".asked", ".answer", ".first svg", ".effects dl")),
    ],
)
def test_the_first_screen_tells_the_story_without_scrolling(opened, kind, parts):
    """Ground truth: the window, 1280 by 800: question, answer, figure and counts end within it."""
    page = opened(kind).page
    for part in parts:
        found = page.locator(part).locator("visible=true")
        assert found.count() > 0, part
        for one in found.all():
            box = one.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= SCREEN, part
            assert box["height"] > 10, part


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_goes_wrong_and_nobody_else_is_asked(opened, kind):
    """Ground truth: the console and the network of the browser, over the whole page, all open."""
    seen = opened(kind)
    seen.page.evaluate(OPEN)
    seen.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    seen.page.wait_for_load_state("networkidle")
    assert (seen.errors, seen.elsewhere) == ([], [])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_wider_than_the_page(opened, kind, size):
    """Ground truth: the window; on a desk no table is cut, on a phone one that is can be scrolled
    by keyboard, too."""
    page = opened(kind, size).page
    page.evaluate(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.evaluate(WIDER) == []
    assert page.evaluate(UNREACHABLE) == 0
    if size == "desktop":
        assert page.evaluate(CLIPPED) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_heads_of_tables_have_two_lines_at_most(opened, kind, size):
    """Ground truth: the height of a line."""
    page = opened(kind, size).page
    page.evaluate(OPEN)
    heads = page.evaluate(HEADS)
    assert len(heads) > 10
    assert [head for head in heads if head[1] > 2.2] == []
    assert max(lines for _, lines in heads) > 1.5


def test_a_claim_is_one_screen_before_its_details(opened):
    """Ground truth: the window's height."""
    page = opened("report").page
    screens = page.locator(".claim .screen").all()
    assert len(screens) == len(sample.findings())
    assert max(one.bounding_box()["height"] for one in screens) <= SCREEN
    assert page.locator("details[open]").count() == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", KINDS)
def test_rules_of_accessibility(opened, kind, dark):
    """Ground truth: axe-core, over the whole page with all details open."""
    seen = opened(kind, dark=dark)
    seen.page.evaluate(OPEN)
    assert seen.axe() == []


@pytest.mark.parametrize("kind", KINDS)
def test_words_lead_to_the_glossary(opened, kind):
    """Ground truth: the ids of the page."""
    page = opened(kind).page
    links = page.evaluate("[...document.querySelectorAll('a.term')].map((one) => one.hash)")
    assert len(links) >= {"report": 8, "comparison": 1}[kind]
    assert all(page.locator(f"#glossary {link}").count() == 1 for link in set(links))
    page.locator("main .term").first.click()
    wait_until(page, WORD_IN_SIGHT)
    assert page.locator("#glossary :target").count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_side_bar_follows(opened, kind):
    """Ground truth: where it stands before; what it marks is where one is."""
    page = opened(kind).page
    bar = page.locator("nav.side")
    before = bar.bounding_box()
    assert page.locator("nav.side [aria-current]").inner_text() == "The answer"
    page.locator("nav.side a[href='#provenance']").click()
    wait_until(page, "scrollY > 1000")
    here = "document.querySelector('nav.side [aria-current]').textContent"
    wait_until(page, f"{here} === 'How this page was made'")
    assert bar.bounding_box()["y"] == before["y"]
    assert bar.is_visible()
    page.evaluate("document.querySelector('main > section:nth-of-type(2)').scrollIntoView()")
    wait_until(page, f"{here} !== 'The answer'")
    assert page.locator("nav.side [aria-current]").count() == 1
    page.locator("nav.side a[href='#glossary']").click()
    wait_until(page, f"{here} === 'Glossary'")


def test_by_keyboard_alone(opened):
    """Ground truth: the order of the page: skip link, side bar, details by Enter."""
    page = opened("report").page
    page.keyboard.press("Tab")
    link = page.locator(":focus")
    assert link.inner_text() == "Skip to the answer"
    assert link.bounding_box()["y"] >= 0
    page.keyboard.press("Enter")
    wait_until(page, "document.activeElement.id === 'content'")
    page.locator(".claim summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator(".claim details").first.get_attribute("open") is not None
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_all_details_at_once(opened):
    """Ground truth: the details of the page, which a button opens and closes."""
    page = opened("report").page
    page.locator("nav.side button").click()
    assert page.locator("details:not([open])").count() == 0
    page.locator("nav.side button").click()
    assert page.locator("details[open]").count() == 0


def test_without_javascript(opened):
    """Ground truth: the same page: its bar, its details and its links need none."""
    page = opened("report", java_script_enabled=False).page
    assert page.locator("nav.side button").count() == 0
    page.locator(".claim summary").first.click()
    assert page.locator(".claim .about").first.is_visible()
    page.locator("nav.side a[href='#provenance']").click()
    assert page.locator("nav.side").bounding_box()["y"] == 0


def test_on_paper(opened):
    """Ground truth: what a printer gets: no side bar, the story, and figures that are seen."""
    page = opened("report").page
    page.emulate_media(media="print")
    assert not page.locator("nav.side").is_visible()
    assert page.locator(".answer").is_visible()
    assert page.locator(".claim figure svg").locator("visible=true").count() >= 3
    assert page.pdf()[:5] == b"%PDF-"
