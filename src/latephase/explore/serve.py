"""The server of the page: on this machine alone, from files that lie on it."""

from __future__ import annotations

import errno
import ipaddress
import logging
import signal
import socket
import threading
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from latephase.core import InputError, Words

_LARGEST_PORT = 65535


def checked_address(address: str, *, everyone: bool) -> str:
    """The address to serve at, loopback unless it is said twice.  Raises InputError."""
    try:
        ours = address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        do = "take 127.0.0.1"
        raise InputError("an IP address as --address", address, do) from None
    if not ours and not everyone:
        do = "leave --address out, or add --let-others-in: whoever reaches it can use this machine"
        raise InputError("an address of this machine alone", address, do)
    return address


def checked_port(port: int) -> int:
    """The port, if there is such a one.  Raises InputError."""
    if not 0 <= port <= _LARGEST_PORT:
        do = "name another, or 0 for any free one"
        raise InputError(f"a --port up to {_LARGEST_PORT}", port, do)
    return port


def serve(address: str, port: int, *, everyone: bool = False, ready: Callable[[str], None]) -> None:
    """Serve the page until interrupted.

    address, port: where; port 0 takes a free one.  everyone: whether other addresses than loopback
    are meant.  ready: called with the page's address once it can be opened.  Raises InputError
    where the port is taken or not allowed.
    """
    checked_address(address, everyone=everyone)
    server = _server(address, checked_port(port))
    warnings.filterwarnings("ignore", message="step_size .* is above")  # the page says so itself
    from .latest import ENDING
    from .warm import warm_up

    ENDING.clear()
    try:
        server.start()
        warm_up()
        ready(f"http://{_shown(address)}:{server.port}/")
        server.io_loop.start()
    finally:
        ENDING.set()
        server.stop(wait=False)


def _server(address: str, port: int) -> Any:
    from panel.io.server import get_server

    from .page import page

    _hush()
    answer = signal.getsignal(signal.SIGINT)
    try:
        _try_port(address, port)
        server = get_server(
            {"/": page},
            address=address,
            port=port,
            websocket_origin="*",  # `_restrict` looks at all requests
            start=False,
            show=False,
            title="latephase explore",
            keep_alive_milliseconds=20_000,
            unused_session_lifetime_milliseconds=30_000,
            check_unused_sessions_milliseconds=10_000,
        )
    except OSError as error:
        raise _refused(error, address, port) from None
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, answer)  # Panel has put its own in its place
    _restrict(server, address)
    return server


def _hush() -> None:
    """Keep to ourselves what the libraries say of closed tabs, bad requests and other origins."""
    for name in ("bokeh", "panel"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for name in ("asyncio", "tornado", "bokeh.server.views.ws"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _try_port(address: str, port: int) -> None:
    """Raise OSError where the port cannot be had, before libraries open what they do not close."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind((address, port))


def _restrict(server: Any, address: str) -> None:
    """Answer those alone who ask for this machine by a name of its own.

    A page elsewhere may have its own name lead here, once it is open (DNS rebinding): it then asks
    for that name.  Bokeh looks at the origin of websockets only.
    """
    from tornado.routing import Matcher, Rule
    from tornado.web import RequestHandler

    class Elsewhere(Matcher):
        def match(self, request: Any) -> dict[str, Any] | None:
            headers = request.headers
            ours = is_asked_for(address, headers.get("Host", ""), headers.get("Origin"))
            return None if ours else {}

    class Refused(RequestHandler):
        def prepare(self) -> None:
            self.set_status(403)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(f"this page is for http://{_shown(address)}:{server.port}/ alone\n")

    server._tornado.default_router.rules.insert(0, Rule(Elsewhere(), Refused))


def is_asked_for(address: str, host: str, origin: str | None) -> bool:
    """Whether a request is for the page served at an address, and from no page of another origin.

    host: the header `Host`, a name or address with a port;  origin: the header `Origin`, if there
    is one.  Numbers are no names that could be made to lead here, so that where every address of
    this machine is served, all of them are taken.
    """
    if origin is not None and origin.partition("://")[2] != host:
        return False
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # half a bracket
        return False
    number = _number(name)
    if _loops(address):
        return name == "localhost" or (number is not None and number.is_loopback)
    if ipaddress.ip_address(address).is_unspecified:
        return number is not None or name in ("localhost", socket.gethostname().lower())
    return number == ipaddress.ip_address(address)


def _number(name: str) -> Any:
    """The IP address that a name is, None if it is none."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _loops(address: str) -> bool:
    return address == "localhost" or ipaddress.ip_address(address).is_loopback


def _shown(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _refused(error: OSError, address: str, port: int) -> InputError:
    if error.errno == errno.EADDRINUSE:
        got = Words(f"{port}, which another program uses")
        return InputError("a free --port", got, "name another, or 0 for any free one")
    if error.errno == errno.EACCES:
        got = Words(f"{port}, which is not allowed here")
        return InputError("a --port from 1024 on", got, "name another, or 0 for any free one")
    got = Words(f"{address}: {error.strerror or error}")
    return InputError("an address of this machine", got, "leave --address out")
