"""Bars in notebooks: only there, only where nobody listens, with the numbers of the work."""

from __future__ import annotations

import io
import sys
import types
from collections.abc import Iterator

import pytest

from latephase.core import watched
from latephase.core.calls import public


@public
def work(times: int, *, progress=None) -> int:
    """Counts up to `times`."""
    for done in range(times):
        if progress is not None:
            progress(done + 1, times)
    return times


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a kernel of a notebook looks like from inside, without widgets; its standard error."""
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr(watched, "_AFTER", 0.0)
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    return shown


def test_a_notebook_shows_a_bar(kernel: io.StringIO, monkeypatch: pytest.MonkeyPatch):
    """Ground truth: the bar of tqdm, asked at its end how far it has come."""
    from tqdm import auto, std

    ends: list[tuple[str, int, int]] = []

    class Bar(std.tqdm):
        def close(self) -> None:
            ends.append((self.desc, self.n, self.total))
            super().close()

    monkeypatch.setattr(auto, "tqdm", Bar)
    assert work(7) == 7
    assert ends[0] == ("work", 7, 7)


def test_who_listens_sees_no_bar(kernel: io.StringIO):
    """Ground truth: what the caller's own function is told."""
    heard: list[tuple[int, int]] = []
    work(2, progress=lambda *told: heard.append(told))
    assert heard == [(1, 2), (2, 2)]
    assert kernel.getvalue() == ""


def test_elsewhere_nothing_is_shown(capsys: pytest.CaptureFixture[str]):
    """Ground truth: no IPython, and one that is no notebook."""
    assert not watched.in_notebook()
    work(3)
    assert capsys.readouterr() == ("", "")
