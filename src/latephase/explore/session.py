"""One visitor's page: its state, what is computed for it, and what it is told.

Every change goes the same way: a new state, at once to the controls; its run in a thread; the
figures and numbers once that has come.  The map follows when nothing else is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from latephase.core import InputError

from .answered import maps, shown
from .answered.compute import Followed, beside, follow, other
from .answered.export import MEDIA, file_of
from .asked import changes
from .asked.address import from_query
from .asked.state import State, checked
from .asked.stops import stops
from .latest import Job, Latest, Wanted, together
from .map_desk import MapDesk
from .views.margins import OverTimeView
from .views.network import NetworkView, watch_drags
from .views.neurons import NeuronView

Tell = Callable[[dict[str, Any]], None]


class Session:
    """The state of one page and its views."""

    def __init__(self, doc: Any, tell: Tell) -> None:
        self.doc, self.tell = doc, tell
        self.state = State()
        self.found: Followed | None = None
        self._held = False
        self.network = NetworkView(self._point_dragged)
        self.neurons = NeuronView(self._neuron_dragged, self.network.fig.x_range)
        for fig in (self.network.fig, self.neurons.fig):
            watch_drags(fig, self._drag_over)
        self.margins = OverTimeView(self._to_time, "margin")
        self.deficits = OverTimeView(self._to_time, "deficit", logarithmic=True)
        self.desk = MapDesk(doc, tell, self._to_place)
        self._runs, self._files = Latest(self._later), Latest(self._later)
        doc.on_session_destroyed(lambda context: self.close())

    @property
    def views(self) -> dict[str, Any]:
        """Views by the place of the page that they go to."""
        names = ("network", "neurons", "margins", "deficits")
        return {**{name: getattr(self, name) for name in names}, "chart": self.desk.view}

    def close(self) -> None:
        """Nobody looks any more."""
        self._runs.give(None)
        self._files.give(None)
        self.desk.close()

    # What comes from the page.

    def heard(self, message: dict[str, Any]) -> None:
        """Do what the page asks for; what cannot be is told in one line."""
        try:
            self._do(message)
        except InputError as error:
            self.tell({"error": str(error), "settings": shown.settings(self.state)})
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            told = f"expected what this page sends, got {type(error).__name__}: {error}; reload it"
            self.tell({"error": told[:400], "settings": shown.settings(self.state)})

    def _do(self, message: dict[str, Any]) -> None:
        if "open" in message:
            self._open(str(message["open"]), bool(message.get("dark")))
        elif "dark" in message:
            self._recolour(bool(message["dark"]))
        elif "file" in message:
            self._write(str(message["file"]))
        elif "map" in message:
            self.desk.ask(self.state, str(message["map"]))
        else:
            self._change(changes.changed(self.state, message))

    def _open(self, query: str, dark: bool) -> None:
        state, wrong = from_query(query)
        self.tell({"presets": shown.about_presets()})
        self._recolour(dark)
        self._change(state)
        if wrong:
            start = "The address was not understood, so this is the usual start"
            self.tell({"notice": f"{start}: {wrong}"})

    def _recolour(self, dark: bool) -> None:
        with together(self.doc):
            for view in self.views.values():
                view.recolour(dark)

    def _write(self, kind: str) -> None:
        found, at = self.found, self.state.at
        if kind not in MEDIA or found is None:
            return

        def work(_: Wanted) -> Any:
            return file_of(found, found.position(at), kind)

        self._files.give(Job(work, lambda file: self.tell({"file": file}), self._failed))

    # From drags.

    def _point_dragged(self, x: list[float], y: list[float], let_go: bool) -> None:
        values = {}
        for i, row in enumerate(self.state.inputs[: len(x)]):
            places = (x[i],) if self.state.d == 1 else (x[i], y[i])
            for k, (place, before) in enumerate(zip(places, row, strict=True)):
                if round(place, 2) != round(before, 2):
                    name = f"x{i + 1}" if self.state.d == 1 else f"x{i + 1}.{k + 1}"
                    values[name] = round(place, 2) + 0.0
        self._dragged(lambda: self.state.with_values(values), let_go)

    def _neuron_dragged(self, x: list[float], y: list[float], let_go: bool) -> None:
        self._dragged(lambda: self.neurons.dragged(self.state, x, y), let_go)

    def _dragged(self, made: Callable[[], State], let_go: bool) -> None:
        held, self._held = self._held, not let_go
        try:
            state = checked(made())
            if state != self.state or held:  # else what was shown is told back
                self._change(state)
        except InputError as error:
            self._held = False
            self.tell({"error": str(error)})
            if self.found is not None:
                self._show(self.state, self.found, None)

    def _drag_over(self) -> None:
        """The mouse was let go, whether or not it had hold of anything."""
        held, self._held = self._held, False
        if held:
            self._change(self.state)
        self.tell({"held": False})

    def _to_time(self, log10_t: float) -> None:
        known = stops(self.state.flow)
        nearest = min(range(len(known)), key=lambda k: abs(known[k].log10 - log10_t))
        self.heard({"stop": nearest})

    def _to_place(self, x: float, y: float) -> None:
        try:
            self._change(checked(maps.moved(self.state, round(x, 3), round(y, 3))))
        except InputError as error:
            self.tell({"error": str(error)})

    # The run.

    def _change(self, state: State) -> None:
        """Take a new state, and ask for its run."""
        self.state = state
        self.tell({"settings": shown.settings(state), "busy": True})

        def work(wanted: Wanted) -> tuple[Followed, Followed | None, dict[str, Any]]:
            found = follow(state, wanted)
            beside_it = follow(other(state), wanted) if state.beside else None
            return found, beside_it, shown.facts(state, found, beside_it)

        def done(result: tuple[Followed, Followed | None, dict[str, Any]]) -> None:
            found, beside_it, facts = result
            self.found = found
            self._show(state, found, beside_it)
            self.tell({"facts": facts, "busy": self._runs.busy and self.state != state})

        self._runs.give(Job(work, done, self._failed))
        if not self._held:
            self.desk.later(state)

    def _show(self, state: State, found: Followed, beside_it: Followed | None) -> None:
        k = found.position(state.at)
        # What is dragged stays where it is; so does what has gone on since this was asked for.
        held = (self._held or state != self.state) and state.d == self.state.d
        margins, deficits = found.over_time[:2]
        if beside_it is not None:
            margins = beside(margins, state, beside_it)
        with together(self.doc):
            self.network.show(state, found.scene(k), held)
            self.neurons.show(state, held)
            self.margins.show(margins, found.log10_t[k])
            self.deficits.show(deficits, found.log10_t[k])

    def _failed(self, line: str) -> None:
        self.tell({"error": line, "busy": False})

    def _later(self, function: Callable[[], None]) -> None:
        self.doc.add_next_tick_callback(function)
