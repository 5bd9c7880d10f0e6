"""The map of a session: which part of the plane it shows, when it is made again, and of what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .answered import maps
from .asked.state import State
from .latest import Job, Latest, Wanted, together
from .views.chart import MapView

_PAUSE_MS = 350  # after the last change, before a map is begun


class MapDesk:
    """Makes the map of what is set, off the event loop, and shows it as it grows."""

    def __init__(
        self,
        doc: Any,
        tell: Callable[[dict[str, Any]], None],
        to_place: Callable[[float, float], None],
    ) -> None:
        self.doc, self.tell = doc, tell
        self.view = MapView(to_place, self._zoomed)
        self._state = State()
        self._box = maps.box_around(self._state)
        self._work = Latest(doc.add_next_tick_callback)
        self._found: maps.Map | None = None
        self._of: Any = None  # what the map that was asked for last is of
        self._stands: dict[str, Any] = {"state": "later"}  # and how far that is
        self._colour = ""  # that it was painted in
        self._timer: Any = None

    def close(self) -> None:
        """Nobody looks any more."""
        self._work.give(None)

    def later(self, state: State) -> None:
        """Follow a state once nothing has changed for a moment; its dot at once."""
        axes = (state.map_x, state.map_y)
        same = axes == (self._state.map_x, self._state.map_y)
        self._box = maps.box_around(state, self._box if same else None)
        self._state = state
        self._frame()
        self._tell()
        if self._timer is not None:
            self.doc.remove_timeout_callback(self._timer)
        self._timer = self.doc.add_timeout_callback(self._now, _PAUSE_MS)

    def _now(self) -> None:
        self._timer = None
        self.ask(self._state, "if quick")

    def _zoomed(self, box: maps.Box) -> None:
        if box != self._box:
            self._box = box
            self.later(self._state)

    def _frame(self) -> None:
        state = self._state
        here = (state.value(state.map_x), state.value(state.map_y))
        with together(self.doc):
            self.view.frame(self._box, (state.map_x, state.map_y), here)

    def ask(self, state: State, how: str) -> None:
        """The map of a state: of the whole usual part of the plane, "if quick", or "now"."""
        self._state = state
        if how == "whole":
            self._box = maps.box_around(state)
            self._frame()
        of = (maps.what_decides(state), self._box)
        if of == self._of and self._found is not None:
            if self._colour != state.colour:
                self._paint()
        elif maps.is_quick(state) or how == "now":
            self._begin(state, of)
        else:
            self._work.give(None)
            self._of = self._found = None
            self.view.empty()
            self._stand("asks")

    def _stand(self, name: str, says: Any = None) -> None:
        self._stands = {"state": name, "says": says}
        self._tell()

    def _tell(self) -> None:
        now = self._of is None or self._of == (maps.what_decides(self._state), self._box)
        self.tell({"map": self._stands if now else {"state": "later"}})

    def _begin(self, state: State, of: Any) -> None:
        self._of, box = of, self._box
        self._stand("busy")

        def came(found: maps.Map) -> None:
            if self._of == of:
                self._found = found
                self._paint()

        def work(wanted: Wanted) -> None:
            for found in maps.finer(state, box, wanted):
                self.doc.add_next_tick_callback(lambda found=found: came(found))

        def told(name: str) -> Callable[[Any], None]:
            def tell(says: Any) -> None:
                if self._of == of:
                    self._stand(name, says)

            return tell

        self._work.give(Job(work, told("done"), told("failed")))

    def _paint(self) -> None:
        if self._found is None:
            return
        self._colour = self._state.colour
        with together(self.doc):
            split = maps.over_a_pair(self._state)
            legend = self.view.show(self._found, self._state.colour, threshold=split)
        self.tell({"legend": legend})
