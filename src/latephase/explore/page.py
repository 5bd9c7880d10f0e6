"""The page as a document of Bokeh: the HTML with its figures, and the bridge between both sides."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import panel as pn
from panel.custom import JSComponent

from latephase.draw.panels.palette import THEME

from .session import Session

_LOOKS = Path(__file__).parent / "looks"


class Bridge(JSComponent):  # type: ignore[misc]
    """Carries messages between `looks/page.js`, which runs the controls, and a session."""

    _esm = _LOOKS / "page.js"

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.session: Session | None = None

    def _handle_msg(self, message: Any) -> None:
        if self.session is not None and isinstance(message, dict):
            self.session.heard(message)


def page() -> Any:
    """One page with its session: what the server makes for every visitor."""
    bridge = Bridge(sizing_mode="fixed", width=0, height=0)
    session = bridge.session = Session(pn.state.curdoc, bridge._send_msg)
    template = pn.Template(_html())
    for name, view in session.views.items():
        template.add_panel(name, pn.pane.Bokeh(view.fig, sizing_mode="stretch_both"))
    template.add_panel("bridge", bridge)
    template.add_variable("style", _style())
    return template


@cache
def _html() -> str:
    return (_LOOKS / "page.html").read_text(encoding="utf-8")


@cache
def _style() -> str:
    """The style sheet, with the colours of all pictures before it."""
    light, dark = (" ".join(f"{name}: {pair[k]};" for name, pair in THEME.items()) for k in (0, 1))
    sheet = (_LOOKS / "page.css").read_text(encoding="utf-8")
    return f":root {{ {light} }}\n:root[data-theme=dark] {{ {dark} }}\n{sheet}"
