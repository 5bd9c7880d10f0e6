"""How text that may be anybody's is shown: no control character acts, and no length is without end.

A file name, a decimal of a certificate, a field of a table may hold ESC, line ends, bidi controls
or a lone surrogate.  Printed as they stand they could write a line of their own, or over another.
"""

from __future__ import annotations

from decimal import MAX_EMAX, MIN_EMIN, ROUND_CEILING, Context, InvalidOperation
from itertools import takewhile
from typing import Any

LONGEST = 200  # characters of foreign text in a message
_GAP = "..."


def escaped(text: str) -> str:
    r"""The text with whatever is not printable written out.

    >>> escaped("a\x1b[2K\n\u202eb")
    'a\\x1b[2K\\n\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _written_out(c) for c in text)


def shortened(text: str, longest: int = LONGEST) -> str:
    """The text, or both its ends with an ellipsis between them."""
    if len(text) <= longest:
        return text
    tail = (longest - len(_GAP)) // 2
    return f"{text[: longest - len(_GAP) - tail]}{_GAP}{text[len(text) - tail :]}"


def shown(text: str, longest: int = LONGEST) -> str:
    """Foreign text as a message may hold it: one line, nothing that acts, of bounded length."""
    # Cut before and after: the first bounds the work, the second what escapes have added.
    return shortened(escaped(shortened(text, longest)), longest)


def quoted(text: str, longest: int = 80) -> str:
    """Foreign text in quotes, for the middle of a sentence."""
    return shortened(repr(shortened(text, 2 * longest)), longest)


def differing(one: Any, other: Any, longest: int = 80) -> tuple[str, str]:
    """Two unequal values of settings as text, short enough for a message: where they are long, the
    parts about the first difference.

    >>> differing([1, 2, 3], [1, 5, 3])
    ('[1, 2, 3]', '[1, 5, 3]')
    >>> differing("a" * 100 + "0", "a" * 100 + "7", longest=20)
    ("...aaaaaaa0'", "...aaaaaaa7'")
    """
    texts = ["none" if value is None else repr(value) for value in (one, other)]
    alike = (len(set(pair)) == 1 for pair in zip(*texts, strict=False))
    first = sum(1 for _ in takewhile(bool, alike))
    start = max(0, first - longest // 2) if max(map(len, texts)) > longest else 0
    parts = [text[start:] if start == 0 else _GAP + text[start + len(_GAP) :] for text in texts]
    cut = (p if len(p) <= longest else p[: longest - len(_GAP)] + _GAP for p in parts)
    return next(cut), next(cut)


def time_up(text: str, longest: int = 12) -> str:
    """A time of bounded length, rounded up: integers may be written out with all their digits."""
    if len(text) <= longest:
        return text
    up = Context(prec=5, rounding=ROUND_CEILING, Emax=MAX_EMAX, Emin=MIN_EMIN)
    try:
        return f"{up.create_decimal(text):e}".replace("e+", "e")
    except InvalidOperation:  # a power, 10**123456
        return shortened(text, longest)


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
