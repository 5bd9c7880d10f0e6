"""Text in tokens, and a reader that goes over them and back."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import TypeVar

from .mathml import INDEX, LETTER, RAISED

_TOKEN = re.compile(
    rf"""(?P<space>[ \u00a0\n]+)
    |(?P<word>[A-Za-z]+(?:['’-][A-Za-z]+)+|C\ compiler|[A-Za-z]{{2,}}[./][A-Za-z][\w./]+\w)
    |(?P<symbol>(?:{LETTER}|[a-zA-Z]{{2,6}}(?=_)){INDEX}?(?:\*|[′'’]+(?![a-z]))?)
        (?![^\W{"".join(RAISED)}½]|\*)
    |(?P<raised>[{"".join(RAISED)}]+)
    |(?P<number>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?|½)(?![A-Za-z]{{2}})
    |(?P<other>[^\W\d_]\w*)
    |(?P<sign>.)""",
    re.X | re.S,
)


class Ends(Exception):
    """What is read does not go on like this."""


@dataclass(frozen=True)
class Token:
    """A piece of a text, of a kind that `tokens_of` names, from `start` to `end`."""

    kind: str
    text: str
    start: int
    end: int


_END = Token("end", "", 0, 0)
_T = TypeVar("_T")


def tokens_of(text: str) -> list[Token]:
    """Spaces, words, variables, numbers and signs, one after the other."""
    return [
        Token(str(found.lastgroup), found[0], found.start(), found.end())
        for found in _TOKEN.finditer(text)
    ]


class Reader:
    """Goes over tokens;  at: of the one that is next;  signs, depth, bars: what a grammar counts;
    symbols: the variables that it met."""

    def __init__(self, tokens: list[Token], at: int) -> None:
        self.tokens, self.at = tokens, at
        self.symbols: list[str] = []
        self.signs = self.depth = self.bars = 0

    def maybe(self, read: Callable[[], _T]) -> _T | None:
        """What is read, or nothing where it ends too early."""
        kept, known = (self.at, self.signs, self.depth, self.bars), len(self.symbols)
        try:
            return read()
        except Ends:
            self.at, self.signs, self.depth, self.bars = kept
            del self.symbols[known:]
            return None

    def next(self, known: Container[str] | None = None) -> str:
        """Go over a token that is one of those known."""
        text = self.text
        if (known is not None and text not in known) or not text:
            raise Ends
        self.at += 1
        return text

    def skip(self) -> bool:
        """Go over a space; whether there was one."""
        is_space = self.token.kind == "space"
        self.at += is_space
        return is_space

    @property
    def token(self) -> Token:
        return self.tokens[self.at] if self.at < len(self.tokens) else _END

    @property
    def text(self) -> str:
        return self.token.text

    def length(self, begun: int) -> int:
        return self.tokens[self.at - 1].end - self.tokens[begun].start
