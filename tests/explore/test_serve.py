"""Where the page may be served."""

from __future__ import annotations

import pytest

from helpers import refusal
from latephase.explore.serve import checked_address, checked_port, is_asked_for

pytestmark = pytest.mark.quick
pytest.importorskip("panel", reason="panel is not installed: .[explore]")


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_is_no_question(address: str):
    """Ground truth: loopback addresses."""
    assert checked_address(address, everyone=False) == address


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.2", "8.8.8.8"])
def test_others_are_let_in_only_if_told_twice(address: str):
    """Ground truth: all other addresses."""
    assert "--let-others-in" in refusal(checked_address, address, everyone=False)
    assert checked_address(address, everyone=True) == address


@pytest.mark.parametrize("address", ["", "example.org", "127.0.0.1.5", "<b>"])
def test_no_address_at_all_is_refused(address: str):
    """Ground truth: what is none."""
    refusal(checked_address, address, everyone=True)


def test_ports_end_at_65535():
    """Ground truth: sixteen bits."""
    assert checked_port(0) == 0
    assert checked_port(65535) == 65535
    refusal(checked_port, 65536)


OURS = {
    "127.0.0.1": ["127.0.0.1:5006", "localhost:5006", "[::1]:5006", "LOCALHOST:8080"],
    "localhost": ["localhost:5006", "127.0.0.1:5006"],
    "0.0.0.0": ["192.168.1.2:5006", "localhost:5006", "[fe80::1]:5006"],
    "192.168.1.2": ["192.168.1.2:5006"],
}
THEIRS = {
    "127.0.0.1": ["elsewhere.example:5006", "127.0.0.1.elsewhere.example", "192.168.1.2:5006", ""],
    "localhost": ["localhost.elsewhere.example:5006", "[::1", "a b"],
    "0.0.0.0": ["elsewhere.example:5006", "192.168.1.2.elsewhere.example:5006"],
    "192.168.1.2": ["elsewhere.example:5006", "192.168.1.3:5006", "localhost:5006"],
}


@pytest.mark.parametrize("address", OURS)
def test_only_names_of_this_machine_are_answered(address: str):
    """Ground truth: names that no other machine can have, and names that lead anywhere."""
    for host in OURS[address]:
        assert is_asked_for(address, host, None), host
        assert is_asked_for(address, host, f"http://{host}"), host
        assert not is_asked_for(address, host, "http://elsewhere.example"), host
        assert not is_asked_for(address, host, "null"), host
    for host in THEIRS[address]:
        assert not is_asked_for(address, host, None), host
        assert not is_asked_for(address, host, f"http://{host}"), host
