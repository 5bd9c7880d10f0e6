"""`latephase explore` in a real browser, as somebody uses it: by mouse, by keyboard, on a phone."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from helpers import relative_error

pytestmark = [pytest.mark.browser, pytest.mark.slow]
pytest.importorskip("panel", reason="panel is not installed: .[explore]")

DESKTOP, PHONE = (1280, 800), (390, 844)
SECONDS = 90  # that a server may take to answer, or to end
SETTLED = "?w=2,-0.4&b=0,0"  # begins with the best possible margin, and loses some of it
_LIFE = 1800  # seconds, after which a server that was forgotten ends by itself

# What is shown is of what is set, nothing is in a hand, and all figures have been painted once.
ANSWERED = """() => {
  const { asked, answered, held } = document.body.dataset;
  const painted = Bokeh.documents.every((one) => one.is_idle);
  return painted && held === undefined && answered !== undefined && answered === asked;
}"""
# What was sent to the figures is painted in the frame after this one.
NEXT_FRAMES = "() => new Promise((on) => requestAnimationFrame(() => requestAnimationFrame(on)))"
CUT_OFF = """() => [...document.querySelectorAll("td input")]
  .filter((box) => box.scrollWidth > box.clientWidth).map((box) => `${box.id}: ${box.value}`)"""
# Where a place of the data is on the screen; the figures are views of Bokeh, some below others.
PLACE = """([plot, x, y]) => {
  const inside = (node) => {
    while (node) { if (node.id === plot) return true; node = node.parentNode ?? node.host; }
    return false;
  };
  const views = [...Bokeh.index].flatMap(
    function all(view) { return [view, ...[...(view.children?.() ?? [])].flatMap(all)]; });
  const figure = views.find((view) => view.model?.type === "Figure" && inside(view.el));
  const box = figure.canvas_view.el.getBoundingClientRect();
  const { x_scale, y_scale } = figure.frame;
  return [box.left + x_scale.compute(x), box.top + y_scale.compute(y)];
}"""


@dataclass(frozen=True)
class Served:
    """A server that was started as a command."""

    address: str
    process: subprocess.Popen[str]


def started(*arguments: str) -> subprocess.Popen[str]:
    """`latephase explore` in a process of its own."""
    command = [sys.executable, "-m", "latephase", "explore", "--no-browser", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


@pytest.fixture(scope="module")
def served(chromium: str) -> Iterator[Served]:
    """One server for the tests of this file; ended by Ctrl-C, which a test looks at."""
    process = started("--port", "0")
    limit = threading.Timer(_LIFE, process.kill)
    limit.start()
    assert process.stdout is not None
    line = process.stdout.readline()
    address = next((word for word in line.split() if word.startswith("http://")), "")
    assert address, line + (process.stderr.read() if process.stderr else "")
    yield Served(address, process)
    limit.cancel()
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.fixture
def opened(visit: Callable[..., Any], served: Served) -> Callable[..., Any]:
    """Opens the page with a query, and waits for the first answer."""

    def open_page(query: str = "", **more: Any) -> Any:
        found = visit(served.address + query, **more)
        settle(found.page)
        return found

    return open_page


def margin(page: Any) -> float:
    """The large number on the page, all of its digits."""
    return float(page.locator("#numbers dd.value").first.get_attribute("data-raw"))


def settle(page: Any) -> None:
    """Wait until the page shows what is set."""
    page.wait_for_function(ANSWERED)
    page.evaluate(NEXT_FRAMES)


def answered(page: Any, act: Callable[[], Any]) -> None:
    """Do something that changes the state, and wait until what is shown is of that."""
    before = page.evaluate("document.body.dataset.asked")
    act()
    page.wait_for_function("(before) => document.body.dataset.asked !== before", arg=before)
    settle(page)


def typed(page: Any, field: str, value: str) -> None:
    """Type a value, and Enter."""
    page.fill(field, value)
    page.press(field, "Enter")


def dragged(page: Any, plot: str, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag what is at one place of a figure to another, as slowly as a hand does."""
    x, y = page.evaluate(PLACE, [plot, *begin])
    u, v = page.evaluate(PLACE, [plot, *end])
    page.mouse.move(x, y)
    page.mouse.down()
    for k in range(1, 11):
        page.mouse.move(x + (u - x) * k / 10, y + (v - y) * k / 10)
        page.wait_for_timeout(25)
    page.mouse.up()
    settle(page)


def by_command(latephase: Callable[..., Any], page: Any) -> dict[str, float]:
    """Margins by time of the command that the page offers to copy."""
    import shlex

    words = shlex.split(page.locator("#copy-command").get_attribute("data-text"))
    assert words[:2] == ["latephase", "run"]
    found = latephase(*words[1:], "--json")
    assert found.code == 0, found.err
    return {one["t"]: one["robustness_margin"] for one in json.loads(found.out)["samples"]}


@pytest.mark.everyday
def test_it_loads_cleanly_and_asks_no_other_host(opened: Callable[..., Any]):
    """Ground truth: what the browser says itself of errors and requests."""
    found = opened()
    found.page.wait_for_selector("#plot-chart[data-state=done]")
    assert found.errors == []
    assert found.elsewhere == []


def test_the_margin_is_that_of_the_copied_command(opened: Callable[..., Any], latephase: Any):
    """Ground truth: `latephase run --json`, on what the button copies."""
    page = opened(SETTLED).page
    samples = by_command(latephase, page)
    assert relative_error(margin(page), samples["1e100"]) <= 1e-12
    assert samples["1e100"] < samples["0"]
    assert "worse than at the start" in page.inner_text("#numbers")


def test_a_point_is_dragged(opened: Callable[..., Any], latephase: Any):
    """Ground truth: the place where it was let go, and the command for it."""
    found = opened()
    page, before = found.page, margin(found.page)
    dragged(page, "plot-network", (1.0, 0.0), (1.2, 0.0))
    assert page.input_value("#x0-0") == "1.2"
    assert "x=1.2,-1" in page.url
    assert margin(page) != before
    assert relative_error(margin(page), by_command(latephase, page)["1e100"]) <= 1e-12
    assert found.errors == []


def test_nothing_is_in_a_hand_after_a_drag_of_nothing(opened: Callable[..., Any]):
    """Ground truth: the start that is chosen next, whose points are shown and whose map follows."""
    page = opened().page
    dragged(page, "plot-network", (-0.5, 0.0), (-0.3, 0.0))
    answered(page, lambda: page.select_option("#preset", label="A slide: two points at ±½"))
    page.wait_for_selector("#plot-chart[data-state=done]")
    dragged(page, "plot-network", (0.5, 0.0), (0.7, 0.0))
    assert page.input_value("#x0-0") == "0.7"


def test_a_kink_is_dragged(opened: Callable[..., Any]):
    """Ground truth: weight and kink of the place, bias = -weight * kink."""
    page = opened("?w=1,-1&b=0.5,0.5").page
    dragged(page, "plot-neurons", (-0.5, 1.0), (0.25, 0.6))
    weight, bias = float(page.input_value("#w0-0")), float(page.input_value("#b0"))
    assert abs(weight - 0.6) <= 0.05
    assert abs(-bias / weight - 0.25) <= 0.05
    assert (page.input_value("#w1-0"), page.input_value("#b1")) == ("-1", "0.5")


def test_time_is_scrubbed(opened: Callable[..., Any], latephase: Any):
    """Ground truth: the samples of `latephase run --json` at the time that the page says."""
    page = opened(SETTLED).page
    slider = page.locator("#time")
    for value in ("0", "150", slider.get_attribute("max")):
        answered(page, lambda value=value: slider.fill(value))
        samples = by_command(latephase, page)
        assert relative_error(margin(page), samples[page.input_value("#time-text")]) <= 1e-12
    assert page.input_value("#time-text") == "1e1000"


def test_an_address_is_opened_again(opened: Callable[..., Any]):
    """Ground truth: the page that made the address."""
    query = "?init=he_normal&seed=5&m=3&v=1,-1,0.5&both=1&eta=0.05&t=1000"
    page = opened(query).page
    assert page.input_value("#init") == "he_normal"
    assert page.is_checked("#both")
    assert page.locator("#neurons-table tr").count() == 3
    again = opened(page.url.partition("/?")[2] and "?" + page.url.partition("/?")[2]).page
    assert margin(again) == margin(page)
    assert page.input_value("#time-text") == "1000"


@pytest.mark.parametrize("query", ["?w=<script>alert(1)</script>", "?x=1,1"])
def test_a_malformed_address_is_told_and_leaves_the_usual_start(
    query: str, opened: Callable[..., Any]
):
    """Ground truth: the page that is opened without a query."""
    found = opened(query)
    told = found.page.inner_text("#error span")
    assert "expected " in told
    assert ", got " in told
    assert found.page.input_value("#w0-0") == "0.7"
    assert found.errors == []


def test_extreme_input_is_told_and_nothing_freezes(opened: Callable[..., Any]):
    """Ground truth: one line of the library's own, and an answer to the next change."""
    found = opened()
    page = found.page
    for field, value in (("#w0-0", "1e300"), ("#time-text", "1e2000"), ("#step-number", "0")):
        typed(page, field, value)
        page.wait_for_selector("#error:not([hidden])")
        assert "expected " in page.inner_text("#error span"), field
        page.click("#error button")
    for field, value in (("#step-number", "1e6"), ("#w0-0", "-1000"), ("#step-number", "1e-9")):
        answered(
            page,
            lambda field=field, value=value: (page.fill(field, value), page.press(field, "Enter")),
        )
    answered(page, lambda: (page.fill("#w0-0", "0.5"), page.press("#w0-0", "Enter")))
    assert "Traceback" not in page.inner_text("body")
    assert found.errors == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_can_be_read_by_everybody(size: tuple[int, int], dark: bool, opened: Callable[..., Any]):
    """Ground truth: axe-core's rules; and nothing sticks out at the side."""
    found = opened(SETTLED, size=size, dark=dark)
    page = found.page
    assert page.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert found.axe() == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    boxes = [page.locator(f"#plot-{name} canvas").first.bounding_box() for name in PLOTS]
    assert all(box["width"] > 150 and box["height"] > 80 for box in boxes), boxes
    if size == DESKTOP:
        cards = page.locator(".card").all()
        assert all(
            card.bounding_box()["y"] + card.bounding_box()["height"] <= 800 for card in cards
        )


PLOTS = ("network", "neurons", "margins", "deficits", "chart")


def test_by_keyboard_alone(opened: Callable[..., Any]):
    """Ground truth: what is under the focus, as a browser moves it."""
    page = opened().page
    focused = "document.activeElement.id || document.activeElement.name"
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused))
    wanted = {"preset", "copy-command", "theme", "method", "step", "both", "init", "slope"}
    wanted |= {"w0-0", "b1", "x0-0", "y1", "add-point", "time", "play", "map-x", "map-colour"}
    assert wanted <= set(seen), wanted - set(seen)
    page.focus("#preset")
    answered(page, lambda: page.keyboard.press("w"))  # "Worse at ..."
    assert page.input_value("#w0-0") == "2"
    page.focus("#time")
    answered(page, lambda: page.keyboard.press("Home"))
    assert margin(page) == 1.0
    page.focus("#theme")
    page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_every_start_is_answered(opened: Callable[..., Any]):
    """Ground truth: the list itself; each is shown without an error, and no number is cut off."""
    found = opened()
    page = found.page
    choices = page.locator("#preset option").all_inner_texts()[1:]
    assert len(choices) >= 6
    for name in [*choices[1:], choices[0]]:  # it is opened with the first
        answered(page, lambda name=name: page.select_option("#preset", label=name))
        assert page.is_hidden("#error"), name
        assert page.evaluate(CUT_OFF) == [], name
    assert found.errors == []


def test_a_tap_on_the_map_goes_there(opened: Callable[..., Any]):
    """Ground truth: the place that was tapped."""
    page = opened().page
    page.wait_for_selector("#plot-chart[data-state=done]")
    x, y = page.evaluate(PLACE, ["plot-chart", 1.0, -1.5])
    answered(page, lambda: page.mouse.click(x, y))
    assert abs(float(page.input_value("#w0-0")) - 1.0) <= 0.05
    assert abs(float(page.input_value("#w1-0")) + 1.5) <= 0.05
    assert "specialised" in page.inner_text("#legend")


def test_a_figure_is_saved(opened: Callable[..., Any]):
    """Ground truth: the first bytes of SVG and PNG."""
    page = opened().page
    for button, begins in (("#save-svg", b"<?xml"), ("#save-png", b"\x89PNG")):
        with page.expect_download() as started_download:
            page.click(button)
        with open(started_download.value.path(), "rb") as file:
            assert file.read(len(begins)) == begins


def test_two_tabs_are_two_states(opened: Callable[..., Any]):
    """Ground truth: the tab that nothing was done in."""
    one, other = opened().page, opened().page
    before = margin(other)
    answered(one, lambda: typed(one, "#w0-0", "1.5"))
    assert margin(one) != before
    assert margin(other) == before
    assert other.input_value("#w0-0") == "0.7"


def test_a_socket_of_another_origin_is_refused(served: Served):
    """Ground truth: HTTP's 403 to a page of another host, and 101 to our own."""
    parts = urlsplit(served.address)
    answers = {}
    for origin in (f"http://{parts.netloc}", "http://elsewhere.example"):
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port or 0, timeout=SECONDS
        )
        headers = {"Origin": origin, "Upgrade": "websocket", "Connection": "Upgrade"}
        headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
        headers |= {"Sec-WebSocket-Protocol": "bokeh, token"}
        connection.request("GET", "/ws", headers=headers)
        answers[origin] = connection.getresponse().status
        connection.close()
    ours, theirs = answers.values()
    assert (ours, theirs) == (101, 403)


def test_another_name_for_this_machine_is_refused(served: Served):
    """Ground truth: a page elsewhere whose name was made to lead here; and our own names."""
    parts, answers = urlsplit(served.address), {}
    for name in ("127.0.0.1", "localhost", "elsewhere.example", "127.0.0.1.elsewhere.example"):
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port or 0, timeout=SECONDS
        )
        for path in ("/", "/static/js/bokeh.min.js"):
            connection.request("GET", path, headers={"Host": f"{name}:{parts.port}"})
            answer = connection.getresponse()
            told = answer.read()
            answers.setdefault(answer.status, set()).add(name)
            assert (served.address.encode() in told) == (answer.status == 403)
        connection.close()
    assert set(answers) == {200, 403}
    assert answers[200] == {"127.0.0.1", "localhost"}


def test_biases_are_taken_away_and_given_back(opened: Callable[..., Any], latephase: Any):
    """Ground truth: the command that is copied; two neurons without biases on ±1."""
    page = opened("?t=1e20").page
    answered(page, lambda: page.uncheck("#bias"))
    assert page.locator("#b0").count() == 0
    assert "b=" in page.url
    assert "--no-biases" in (page.get_attribute("#copy-command", "data-text") or "")
    assert relative_error(margin(page), by_command(latephase, page)["1e20"]) <= 1e-7
    answered(page, lambda: page.check("#bias"))
    assert page.input_value("#b0") == "0"


def test_a_long_number_is_short_until_it_is_edited(opened: Callable[..., Any]):
    """Ground truth: the number in the address of the page."""
    page = opened("?w=-0.123456789012,0.4").page
    assert page.input_value("#w0-0") == "-0.123"
    page.focus("#w0-0")
    assert page.input_value("#w0-0") == "-0.123456789012"
    page.focus("#w1-0")
    assert page.input_value("#w0-0") == "-0.123"
    assert "w=-0.123456789012" in page.url
    assert page.evaluate("document.getElementById('w0-0').scrollWidth") <= page.evaluate(
        "document.getElementById('w0-0').clientWidth"
    )


def test_the_map_over_the_data_says_where_it_is_slow_and_why(opened: Callable[..., Any]):
    """Ground truth: docs/theory.md: x1 x2 = -1 divides the plane; both inputs may not be one."""
    page = opened().page
    answered(page, lambda: page.click("#map-data"))
    page.wait_for_selector("#plot-chart[data-state=done]")
    legend = page.inner_text("#legend")
    for words in ("specialised", "double slide", "no run", "x1 x2 = −1"):
        assert words in legend
    assert "no point moves the other's neuron" in page.inner_text("#why")
    x, y = page.evaluate(PLACE, ["plot-chart", 0.5, -0.5])
    answered(page, lambda: page.mouse.click(x, y))
    assert "is above −1" in page.inner_text("#why")


def test_a_taken_port_is_told_in_one_line(served: Served):
    """Ground truth: the port that the server of these tests has."""
    port = str(urlsplit(served.address).port)
    second = started("--port", port)
    out, err = second.communicate(timeout=SECONDS)
    assert second.returncode == 2
    assert err.startswith("latephase: expected a free --port, got ")
    assert port in err
    assert err.count("\n") == 1
    assert out == ""


def test_ctrl_c_ends_it(served: Served):
    """Ground truth: the exit code of an interruption, and its one line.  The last of this file."""
    served.process.send_signal(signal.SIGINT)
    _, err = served.process.communicate(timeout=SECONDS)
    assert served.process.returncode == 130
    assert err == f"latephase: interrupted; the page at {served.address} is closed\n"
