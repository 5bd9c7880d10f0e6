"""Formulas inside running text, found as they are typed and set as MathML.

`x*(t) = (b2 - b1)/(w1 - w2)` is read by a small grammar; what it cannot read stays text.  So
sentences stay readable where nothing is set: on a terminal, in JSON, in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import escape

from . import mathml
from .mathml import FUNCTIONS, RAISED, THIN
from .tokens import Ends, Reader, Token, tokens_of

_RELATIONS = set("=≠<>≤≥~≈→←∈")
_ADDED = {"+": "+", "±": "±", "−": "−", "-": "−"}
_TIMES = {"·": "·", "*": "·", "×": "×", "/": "/"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ALONE = {*"dijkmnpqrstuvwxyCDLNαβγδεηθκλμρστφω∞"}  # others may be words
_ARTICLES = ("a", "A", "I")
_PANELS = set("abcd")  # (a) and (b, c) are parts of figures
_Chunks = list[tuple[str, int]]
_ONE_PIECE, _PIECE = 20, 30  # characters: a browser breaks no line inside of a formula


def pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces: (False, as it stands) or (True, a formula as MathML)."""
    tokens = tokens_of(text)
    begun = k = 0
    while k < len(tokens):
        formula = _Formula(tokens, k) if _may_begin(tokens, k) else None
        if formula is None or not formula.is_one:
            k += 1
            continue
        start, end = tokens[k].start, tokens[formula.at - 1].end
        if start > begun:
            yield False, text[begun:start]
        yield True, formula.markup(end - start)
        begun, k = end, formula.at
    if begun < len(text):
        yield False, text[begun:]


def _may_begin(tokens: list[Token], k: int) -> bool:
    """Whether a formula may begin here: not in the middle of something else."""
    before = tokens[k - 1] if k else None
    if tokens[k].kind in ("space", "word"):
        return False
    return before is None or before.kind == "space" or before.text in '([{,:;"“/|'


class _Formula(Reader):
    """What the grammar reads from one token on; `at` is behind what was read.

    symbols: the variables in it;  signs: of relations, sums and products, in number;  depth: of
    brackets;  bars: sizes that are not closed;  chunks: markup and length of what may stand in
    lines of its own.
    """

    def __init__(self, tokens: list[Token], at: int) -> None:
        super().__init__(tokens, at)
        self.chunks = self.maybe(self._equation) or []

    @property
    def is_one(self) -> bool:
        """Whether this is a formula rather than a number, a word or the letter of a panel."""
        if self.signs:
            return bool(self.symbols)
        if len(self.symbols) > 1:
            return not {*self.symbols} <= _PANELS
        return bool(self.symbols) and bool(len(self.symbols[0]) > 1 or _ALONE & {*self.symbols})

    def markup(self, length: int) -> str:
        """As MathML, in several elements where it is long."""
        most, room = length if length <= _ONE_PIECE else _PIECE, 0
        joined: list[str] = []
        for markup, size in self.chunks:
            if joined and size <= room:
                joined[-1] += markup
                room -= size
            else:
                joined.append(markup)
                room = most - size
        return " ".join(f"<math><mrow>{markup}</mrow></math>" for markup in joined)

    def _equation(self) -> _Chunks:
        chunks = self._sum()
        while more := self.maybe(self._related):
            chunks += more
        return chunks

    def _related(self) -> _Chunks:
        self.skip()
        sign = self.next(_RELATIONS)
        self.skip()
        (first, size), *rest = self._sum()
        self.signs += 1
        return [(mathml.sign(sign, "0.28em") + first, size + 3), *rest]

    def _sum(self) -> _Chunks:
        begun, lead = self.at, self._lead()
        chunks = [(lead + self._product(), self.length(begun))]
        while more := self.maybe(self._added):
            chunks.append(more)
        return chunks

    def _added(self) -> tuple[str, int]:
        spaced, begun = self.skip(), self.at
        sign = self.next(_ADDED)
        if self.skip() != spaced or not (spaced or self.depth):  # outside of brackets a hyphen
            raise Ends
        self.signs += 1
        return mathml.sign(_ADDED[sign], "0.22em") + self._product(), self.length(begun)

    def _lead(self) -> str:
        """The sign in front of a sum or an exponent, if there is one."""
        if self.text not in _ADDED:
            return ""
        return mathml.lead(_ADDED[self.next(_ADDED)])

    def _product(self) -> str:
        done = self._factor()
        while more := self.maybe(self._multiplied):
            done += more
        return done

    def _multiplied(self) -> str:
        spaced = self.skip()
        if self.text in _TIMES:
            sign = self.next(_TIMES)
            if self.skip() and sign == "/" and self.token.kind == "other":
                raise Ends
            self.signs += 1
            return mathml.sign(_TIMES[sign], "0" if sign == "/" else "0.17em") + self._factor(True)
        follows = self.token.kind == "symbol" or self.text in {*FUNCTIONS, "(", "[", "√"}
        if not follows and not (self.text == "|" and self.bars == 0 and spaced):
            raise Ends
        if self.text in _ARTICLES and spaced:
            raise Ends
        return (THIN if spaced else "") + self._factor()

    def _factor(self, signed: bool = False) -> str:
        """A base with its exponent;  signed: after · or /, where words may stand, too."""
        base = self._base(signed)
        if self.token.kind == "raised":
            above = "".join(f"<mi>{RAISED[one]}</mi>" for one in self.next())
        elif self.text == "^":
            self.at += 1
            above = self._exponent()
        else:
            return base
        self.signs += 1
        return mathml.raised(base, above)

    def _exponent(self) -> str:
        if self.text in ("{", "("):
            return self._inside()
        return self._lead() + self._factor(True)

    def _base(self, signed: bool) -> str:
        token = self.token
        if token.text in _CLOSING:
            return self._group()
        self.at += 1
        if token.kind == "number":
            return f"<mn>{token.text}</mn>"
        if token.text in FUNCTIONS:
            return self._function(FUNCTIONS[token.text])
        if token.kind == "symbol":
            self.symbols.append(token.text)
            return mathml.symbol(token.text) + (
                self._group(called=True) if self.text == "(" else ""
            )
        if token.text == "√":
            inside = self._inside() if self.text == "(" else self._factor()
            return f"<msqrt>{inside}</msqrt>"
        if token.text == "|":
            return self._size()
        if token.text.isalpha() and (signed or self._is_multiplied()):
            return f"<mtext>{escape(token.text)}</mtext>"
        raise Ends

    def _function(self, name: str) -> str:
        if self.text == "(":
            return name + self._group()
        if not self.skip():
            raise Ends
        name += THIN + self._factor()
        while self.token.kind == "symbol":  # ln 2t
            name += self._factor()
        return name

    def _group(self, called: bool = False) -> str:
        """What is in brackets, and these;  called: the arguments of a function."""
        opening, known, signs = self.text, len(self.symbols), self.signs
        inside = self._inside()
        if not called and signs == self.signs and {*self.symbols[known:]} <= _PANELS:
            raise Ends
        return mathml.fence(opening) + inside + mathml.fence(_CLOSING[opening])

    def _inside(self) -> str:
        closing = _CLOSING[self.next(_CLOSING)]
        bars, self.bars = self.bars, 0
        self.depth += 1
        done = _joined(self._equation())
        while self.text == ",":
            self.at += 1
            self.skip()
            done += "<mo>,</mo>" + _joined(self._equation())
        self.next(closing)
        self.depth -= 1
        self.bars = bars
        return done

    def _size(self) -> str:
        self.bars += 1
        done = _joined(self._equation())
        self.next("|")
        self.bars -= 1
        self.signs += 1
        return mathml.fence("|") + done + mathml.fence("|")

    def _is_multiplied(self) -> bool:
        """Whether a word goes on as a product: deficit · ln t, or rate/N."""
        ahead = self.tokens[self.at : self.at + 2]
        texts = [token.text for token in ahead if token.kind != "space"]
        return texts[:1] == ["·"] or [token.text for token in ahead[:1]] == ["/"]


def _joined(chunks: _Chunks) -> str:
    return "".join(markup for markup, _ in chunks)
