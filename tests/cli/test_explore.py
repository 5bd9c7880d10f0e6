"""`latephase explore` before there is a page: what is refused, and how that is told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from latephase.cli.commands import explore

Latephase = Any


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that a program listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield str(server.getsockname()[1])


def refused(ended: Any) -> str:
    """The one line of an ending by bad input."""
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.count("\n") == 1
    assert ended.err.startswith("latephase: expected ")
    return ended.err


def test_a_missing_extra_is_told_with_how_to_install_it(
    latephase: Latephase, monkeypatch: pytest.MonkeyPatch
):
    """Ground truth: a Python without them."""
    monkeypatch.setattr(explore, "find_spec", lambda name: None)
    told = refused(latephase("explore"))
    assert "no panel and no bokeh" in told
    assert "python -m pip install 'latephase[explore]'" in told


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.0.7", "::"])
def test_another_address_is_refused_unless_told_twice(address: str, latephase: Latephase):
    """Ground truth: all but loopback."""
    pytest.importorskip("panel", reason="panel is not installed: .[explore]")
    assert "--let-others-in" in refused(latephase("explore", "--address", address))


@pytest.mark.parametrize("port", ["65536", "-1", "one"])
def test_what_is_no_port_is_refused(port: str, latephase: Latephase):
    """Ground truth: sixteen bits."""
    pytest.importorskip("panel", reason="panel is not installed: .[explore]")
    assert "--port" in refused(latephase("explore", "--port", port))


def test_a_taken_port_is_told(taken: str, latephase: Latephase):
    """Ground truth: a socket that listens there."""
    pytest.importorskip("panel", reason="panel is not installed: .[explore]")
    told = refused(latephase("explore", "--port", taken))
    assert f"got {taken}, which another program uses" in told
    assert "0 for any free one" in told


def test_without_a_display_no_browser_is_opened(monkeypatch: pytest.MonkeyPatch):
    """Ground truth: an environment without a screen."""
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("webbrowser.open", lambda where: pytest.fail("it was opened"))
    assert explore._opened("http://127.0.0.1:1/") is False
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr("webbrowser.open", lambda where: True)
    assert explore._opened("http://127.0.0.1:1/") is True


def test_help_has_examples(latephase: Latephase):
    """Ground truth: the examples themselves."""
    found = latephase("explore", "--help")
    assert found.code == 0
    assert "latephase explore --no-browser --port 8000" in found.out
