"""Words and numbers as they are printed: on the page (HTML), in figures (plain Unicode)."""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from latephase.core.shown import escaped
from latephase.draw.panels import formulas

_SUPERSCRIPT = str.maketrans("0123456789-+.n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺·ⁿ")
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SCIENTIFIC = re.compile(r"(?<![\w.^])([-−]?)(\d+(?:\.\d+)?)e([+-]?\d+)\b")
# Whole numbers that are set with commas: long ones, and of things that are counted.
_LONG = re.compile(
    r"(?<![\w.,^{=#\u2212-])(?:\d{5,12}|\d{4}(?= (?:networks|runs|samples|steps|trials|updates)\b))"
    r"(?![\w^]|[.,]\d)"
)
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# What touches a formula stays in its line.
_MATH = r"<math>(?:(?!</math>).)*</math>"
_TOUCHED = re.compile(rf"([(\[“]+{_MATH}[^\s<]*|{_MATH}[^\s<]+)")
_CODE = re.compile(r"`([^`]+)`")
_POWER = re.compile(r"\^(\{[^{}]+\}|[-−]?\d+(?:\.\d+)?(?![\w])|[A-Za-z]\w*)")
_INDEX = re.compile(
    r"(?<![A-Za-z0-9_`])([A-Za-zη]|max|min)_(\{[^{}]+\}|[A-Za-z0-9]{1,3})(?![A-Za-z0-9_])"
)
_GREEK = {"Theta": "Θ", "theta": "θ", "eta": "η", "rho": "ρ", "beta": "β", "alpha": "α"}
_GREEK |= {"Delta": "Δ"}
_SYMBOLS = {
    "+-": "±",
    "!=": "≠",
    "<=": "≤",
    ">=": "≥",
    " - ": " − ",
    " * ": " · ",
    "->": "→",
    " <- ": " ← ",
    "sqrt(": "√(",
}
_GREEK_WORD = re.compile(rf"(?<![\w`])({'|'.join(_GREEK)})(?=_|\b)")


def number(value: object) -> str:
    """A number for readers: 4 digits, thousands separated, powers of ten written out as 10^k."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return _integer(int(value))
    if isinstance(value, (float, np.floating)):
        return _real(float(value))
    return str(value)


def _integer(value: int) -> str:
    """Digits up to a trillion, a power of ten beyond (Python prints no integer of 4301 digits)."""
    if abs(value) < 10**12:
        return f"{value:,}".replace("-", "−")
    power = math.floor(math.log10(abs(value)))
    mantissa = 10.0 ** (math.log10(abs(value)) - power)
    return ("−" if value < 0 else "") + ten_to(f"{mantissa:.4g}", str(power))


def _real(value: float) -> str:
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value.is_integer() and abs(value) < 1e9:
        return _integer(int(value))
    mantissa, _, power = f"{value:.4g}".partition("e")
    if 1000 <= abs(value) < 1e6:
        mantissa, power = f"{float(f'{value:.4g}'):,.0f}", ""
    mantissa = mantissa.replace("-", "−")
    return ten_to(mantissa, str(int(power))) if power else mantissa


def ten_to(mantissa: str, power: str) -> str:
    """`mantissa × 10^{power}` in the notation that `html` and `plain` understand."""
    return f"10^{{{power}}}" if mantissa == "1" else f"{mantissa}\u00a0×\u00a010^{{{power}}}"


def html(text: object, names: dict[str, str] | None = None) -> Markup:
    """Text as HTML: formulas, powers, indices, `code`, and [key] linked to `names[key]`."""
    # Spaces that do not break are ours; whatever else no printer prints is written out.
    shown = "\u00a0".join(map(escaped, str(text).split("\u00a0")))
    parts = _CODE.split(shown)
    done = (f"<code>{escape(p)}</code>" if i % 2 else _marked(p) for i, p in enumerate(parts))
    return Markup(_linked("".join(done), names or {}))  # escaped above


def _marked(text: str) -> str:
    pieces = formulas.pieces(_spelt(text))
    marked = "".join(piece if is_formula else _words(piece) for is_formula, piece in pieces)
    return _TOUCHED.sub(r'<span class="formula">\1</span>', marked)


def _words(text: str) -> str:
    marked = _FLAG.sub(r"<code>\g<0></code>", str(escape(text)))
    marked = _INDEX.sub(lambda m: f"{m[1]}<sub>{_bare(m[2])}</sub>", marked)
    marked = _POWER.sub(lambda m: f"<sup>{_bare(m[1])}</sup>", marked)
    return re.sub(r"\blog10\b", "log<sub>10</sub>", marked)


def plain(text: str) -> str:
    """Text for a figure: powers and indices by Unicode digits where these exist."""
    text = _spelt(text)
    text = re.sub(r"\blog10\b", "log₁₀", text)
    text = _INDEX.sub(lambda m: m[1] + _bare(m[2]).translate(_SUBSCRIPT), text)
    return _POWER.sub(_raised, text)


def power_of_ten(exponent: int) -> str:
    """10 to an integer in Unicode, for the ticks of a logarithmic axis."""
    return "1" if exponent == 0 else "10" + str(exponent).translate(_SUPERSCRIPT)


def cell(value: Any) -> str:
    """One entry of a table."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, Enum):
        return value.name.replace("_", " ").lower()
    return number(value)


def _spelt(text: str) -> str:
    """What is typed in ASCII as it is written: Greek letters, signs, powers of ten."""
    for typed, sign in _SYMBOLS.items():
        text = text.replace(typed, sign)
    text = _GREEK_WORD.sub(lambda m: _GREEK[m[1]], text)
    text = re.sub(r"(?<![\w)\]}^.-])-(?=[\d.])", "−", text)
    text = re.sub(r"(?<=[=<>≤≥≠(,] )-(?=\w)", "−", text)
    text = re.sub(r"(?<=\d) x (?=\d)", " × ", text)
    text = re.sub(r"(?<=\d) ?%", "\u00a0%", text)
    text = _LONG.sub(lambda m: f"{int(m[0]):,}", text)
    return _SCIENTIFIC.sub(lambda m: "−" * bool(m[1]) + _scientific(m[2], int(m[3])), text)


def _scientific(mantissa: str, power: int) -> str:
    """A number that was typed with an e as `number` shows it: as a power only if it is one."""
    plain_ = -4 <= power < 6
    return number(float(f"{mantissa}e{power}")) if plain_ else ten_to(mantissa, str(power))


def _bare(text: str) -> str:
    return text.strip("{}").replace("-", "−").replace("inf", "∞")


def _raised(found: re.Match[str]) -> str:
    raised = found[1].strip("{}").replace("−", "-")
    if re.fullmatch(r"[-+0-9.n]+", raised):
        return raised.translate(_SUPERSCRIPT)
    return found[0]


def _linked(marked: str, names: dict[str, str]) -> str:
    """Keys inside square brackets as links; others are left as they stand."""
    if not names:
        return marked
    keys = re.compile(rf"\b({'|'.join(map(re.escape, names))})\b")
    link = r'<a href="#ref-\1">{}</a>'

    def bracket(found: re.Match[str]) -> str:
        return keys.sub(lambda m: link.replace(r"\1", m[1]).format(names[m[1]]), found[0])

    return re.sub(r"\[[^\[\]]*\]", bracket, marked)
