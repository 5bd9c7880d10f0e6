"""A session without a browser: what it is told, what it answers, and how fast."""

from __future__ import annotations

import time
from queue import Queue
from typing import Any

import pytest

pytest.importorskip("panel", reason="panel is not installed: .[explore]")

from bokeh.document import Document
from bokeh.events import PanEnd

from latephase.explore.answered.shown import number
from latephase.explore.asked.presets import PRESETS
from latephase.explore.asked.state import State
from latephase.explore.session import Session

SECONDS = 60.0
BUDGET = 0.1  # seconds of processor time that an answer of the pair engine may take


class Page:
    """What a browser would do: send messages, and wait for the answers."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.queue: Queue[Any] = Queue()
        doc = Document()
        doc.add_next_tick_callback = self.queue.put  # type: ignore[method-assign]
        doc.add_timeout_callback = lambda call, after: call  # type: ignore[method-assign]
        doc.remove_timeout_callback = lambda call: None  # type: ignore[method-assign]
        self.session = Session(doc, self.told.append)
        for view in self.session.views.values():
            doc.add_root(view.fig)

    def send(self, **message: Any) -> dict[str, Any]:
        """Everything that was told until there are facts, or an error."""
        self.told.clear()
        self.session.heard(message)
        end = time.monotonic() + SECONDS
        while not {"facts", "error"} & {key for one in self.told for key in one}:
            self.queue.get(timeout=max(end - time.monotonic(), 0.01))()
        return {key: value for one in self.told for key, value in one.items()}


@pytest.fixture
def page() -> Page:
    found = Page()
    found.send(open="", dark=False)
    return found


def test_it_answers_a_change_with_settings_and_facts(page: Page):
    """Ground truth: the state, and four numbers."""
    answer = page.send(values={"w1": 1.5})
    assert answer["settings"]["neurons"][0]["w"] == [1.5]
    names = [one["name"] for one in answer["facts"]["numbers"]]
    assert names == ["Margin now", "At the start", "Limit", "Rate"]
    assert page.session.state.weights[0] == (1.5,)


def test_a_change_of_a_pair_takes_less_than_a_tenth_of_a_second(page: Page):
    """Ground truth: the clock of the processor, which others on the machine do not move."""
    took = []
    for k in range(12):
        began = time.process_time()
        page.send(values={"w1": 0.7 + 0.01 * k, "w2": -0.4 - 0.01 * k})
        took.append(time.process_time() - began)
    assert sorted(took)[len(took) // 2] < BUDGET, took


def test_what_is_missing_is_shown_in_logarithms_also_where_it_stays(page: Page):
    """Ground truth: the heading of its card: log10 of the deficit of a network that never fits, 1,
    is 0 at all times."""
    page.send(values={"w1": -2.65, "b1": 0.0, "w2": -1.78, "b2": 0.0})
    shown = page.session.deficits._panel.series[0]
    assert {float(y) for y in shown.y} == {0.0}


@pytest.mark.parametrize("number", range(len(PRESETS)))
def test_every_preset_is_shown_in_both_schemes(page: Page, number: int):
    """Ground truth: no error."""
    assert "error" not in page.send(preset=number)
    page.session.heard({"dark": True})
    assert "error" not in page.send(stop=30)


def test_a_refused_change_leaves_the_state(page: Page):
    """Ground truth: the state before; one line."""
    before = page.session.state
    for message in ({"values": {"x1": -1.0}}, {"time": "never"}, {"remove_point": 7}, {"step": 1}):
        told = page.send(**message)["error"]
        assert "\n" not in told
        assert page.session.state == before


def test_a_malformed_address_is_told(page: Page):
    """Ground truth: the usual state."""
    answer = page.send(open="?w=1,a", dark=False)
    assert "was not understood" in answer["notice"]
    assert page.session.state == State()


def test_dragging_moves_points_and_neurons(page: Page):
    """Ground truth: where they were let go, to two digits."""
    session = page.session
    session._point_dragged([1.2345, -1.0], [0.0, 0.0], False)
    session._point_dragged([1.2345, -1.0], [0.0, 0.0], True)
    assert session.state.inputs == ((1.23,), (-1.0,))
    x = [float(v) for v in session.neurons.handles.source.data["x"]]
    session._neuron_dragged([0.5, x[1]], [2.0, session.state.weights[1][0]], True)
    assert session.state.weights[0] == (2.0,)
    assert session.state.biases == (-1.0, 0.2)


def test_the_end_of_a_drag_is_not_overtaken_by_its_middle(page: Page):
    """Ground truth: where the point was let go; the answer to a place on the way comes after."""
    session = page.session
    source = session.network._flat.source
    session._point_dragged([1.14, -1.0], [0.0, 0.0], False)
    late = page.queue.get(timeout=SECONDS)  # the answer to 1.14, ready and not shown yet
    source.data = {**source.data, "x": [1.2, -1.0]}  # as the browser tells that it was let go
    assert session.state.inputs[0] == (1.2,)
    late()
    assert session.state.inputs[0] == (1.2,)
    assert list(source.data["x"]) == [1.2, -1.0]
    page.queue.get(timeout=SECONDS)()
    assert session.state.inputs[0] == (1.2,)
    assert list(source.data["x"]) == [1.2, -1.0]


def test_after_a_drag_of_nothing_nothing_is_in_a_hand(page: Page):
    """Ground truth: the points of the next start, and its map: neither follows while one drags."""
    session, mapped = page.session, []
    session.desk.later = mapped.append  # type: ignore[method-assign]
    session._point_dragged([1.0, -1.0], [0.0, 0.0], False)  # the mouse has hit no point
    session.network.fig._trigger_event(PanEnd(model=session.network.fig))
    page.queue.get(timeout=SECONDS)()  # what is shown is told back, which `send` would take for its
    page.send(preset=3)
    assert session.state.inputs == ((0.5,), (-0.5,))
    assert list(session.network._flat.source.data["x"]) == [0.5, -0.5]
    assert mapped[-1] == session.state


def test_what_is_shown_is_not_taken_for_a_drag(page: Page):
    """Ground truth: one change that was asked for is one run."""
    asked = []
    give = page.session._runs.give
    page.session._runs.give = lambda job: (asked.append(job), give(job))  # type: ignore[method-assign]
    page.send(values={"x1": 1.5, "w1": 0.9})
    assert len(asked) == 1


def test_a_point_that_is_dragged_on_to_another_is_refused(page: Page):
    """Ground truth: the state before."""
    page.session._point_dragged([-1.0, -1.0], [0.0, 0.0], True)
    assert page.session.state == State()
    assert any("error" in one for one in page.told)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("value", "best", "text"),
    [
        (0.25, 1.0, "0.25"),
        (1.0, 1.0, "1"),
        (0.99999987, 1.0, "0.9999999"),
        (0.4999999, 0.5, "0.4999999"),
        (0.0, 1.0, "0"),
        (1e-7, 1.0, "1e−07"),
        (float("nan"), 1.0, "–"),
    ],
)
def test_a_number_is_told_from_the_best_possible(value: float, best: float, text: str):
    """Ground truth: the numbers, written by hand."""
    assert number(value, best) == text
