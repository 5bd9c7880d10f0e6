"""What the checker asks of a file before it computes: JSON, the schema, canonical numbers, digest.

Whatever the file holds, it is read in bounded time and memory. Source: docs/certificates.md, "The
file" and "Limits". Nothing here is shared with what writes the files.
"""

from __future__ import annotations

import hashlib
import json
import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from latephase.core.errors import InputError, Words
from latephase.core.foreign import content, json_in
from latephase.core.shown import shown

Body = dict[str, Any]
Number = dict[str, str]

LAYERED_FORMAT = "latephase certificate 2"  # both layers trained
SETTLED_FORMAT = "latephase certificate 3"  # any network that has settled
_SCHEMAS = {LAYERED_FORMAT: "schema-layers.json", SETTLED_FORMAT: "schema-settled.json"}
BYTES = 1 << 20  # a certificate has some 6000
_LISTS = {"path": 1000, "claims": 20}  # the longest that the schema allows
_EXPONENT = 3 * 10**18  # beyond, the decimal module cannot write the number
_STEPS = 200_000  # single steps
_COST = {
    "orbit": 100,
    "half": 100,
    "hold": 100,
    "mode": 10_000,
}  # how many of them the other legs cost
_WORK = 1 << 27  # single steps times bits: a minute at most
_AS_MANY = 8  # pre-activations whose steps, all together, cost as much as one of a pair
_SHOWN = Context(prec=17, Emax=MAX_EMAX, Emin=MIN_EMIN)
_WHOLE = Context(prec=50_000, Emax=MAX_EMAX, Emin=MIN_EMIN)  # room for 12000 digits times 2^5000
_ERRORS = Decimal("-1e-40"), Decimal("1e-40")  # many times those of a logarithm of 80 digits
_FINE = Context(prec=80, Emax=MAX_EMAX, Emin=MIN_EMIN)


class NotACertificate(InputError):
    """What came is no certificate, or one that cannot be checked in reasonable time."""

    def __init__(self, got: str) -> None:
        do = "pass a file that `latephase certify` wrote, whole and unedited"
        super().__init__("a certificate", Words(got), do)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self.got),)


class Uncheckable(InputError):
    """A certificate that an arithmetic does not check."""

    def __init__(self, got: str) -> None:
        expected = "a certificate of two neurons on two points that rationals check"
        super().__init__(expected, Words(got), "leave out the arithmetic: balls check all of them")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self.got),)


def read(source: object) -> tuple[Body, list[Number]]:
    """The certificate in a JSON text, bytes, a Path or an object, and every number in it.

    Its form is that of the schema. Raises NotACertificate on anything else, and on what would take
    too long to check.
    """
    try:
        body, numbers = _parsed(_text(source))
    except (InputError, OSError, TypeError, ValueError, RecursionError) as error:
        why = error.got if isinstance(error, InputError) else error
        raise NotACertificate(f"something else ({shown(str(why), 180)})") from None
    # Its form, then what it will cost.
    if not _fits(body, numbers):
        raise NotACertificate(f"another form of {_misshapen(body)}")
    walked = (leg for leg in body["path"] if leg["by"] == "steps")
    steps = sum(_COST.get(leg["by"], 0) for leg in body["path"])
    steps += sum(whole(leg["steps"]) for leg in walked)
    size = 1
    if body["format"] == SETTLED_FORMAT:  # pairs have four pre-activations
        size = -(-len(body["problem"]["inputs"]) * len(body["problem"]["weights"]) // _AS_MANY)
    if steps > _STEPS or steps * size * (body["bits"] or 0) > _WORK:
        raise NotACertificate(f"too many single steps at {body['bits']} bits")
    if any(abs(int(x["exponent"])) > _EXPONENT for x in numbers):
        raise NotACertificate(f"an exponent beyond {_EXPONENT}")
    return body, numbers


def _parsed(text: str | bytes) -> tuple[Any, list[Number]]:
    """What a JSON text holds, and every object in it that has a mantissa."""
    numbers: list[Number] = []

    def noted(pairs: list[tuple[str, Any]]) -> Body:
        if "mantissa" in (found := dict(pairs)):
            numbers.append(found)
        return found

    return json_in(text, of_pairs=noted, floats=False), numbers


def _text(source: object) -> str | bytes:
    """The text of a source, of which no more is read than a certificate may have."""
    if isinstance(source, str) and len(source) < 4096 and not source.lstrip().startswith("{"):
        source = Path(source)  # no certificate: the name of a file
    if isinstance(source, Path):
        return content(source, "certificate", BYTES)
    if not isinstance(source, str | bytes):
        source = json.dumps(source)
    if len(source) > BYTES:
        raise ValueError(f"more than {BYTES:,} bytes")
    return source


@cache
def _schema(name: str = "schema.json") -> dict[str, Any]:
    text = files("latephase.certificates").joinpath(name).read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _schema_of(body: Any) -> str:
    """The name of the schema that a file of this format has."""
    name = body.get("format") if isinstance(body, dict) else None
    return _SCHEMAS.get(name, "schema.json") if isinstance(name, str) else "schema.json"


def _fits(body: Any, numbers: list[Number]) -> bool:
    """Whether the file has the form of the schema: its numbers, the whole, each claim by its kind.

    A fifth of the time that jsonschema takes to try every kind for every claim.
    """
    whole_file, claim_of_kind = _validators(_schema_of(body))
    if not (all(map(_is_number, numbers)) and whole_file.is_valid(body)):
        return False
    kinds = [str(claim.get("kind")) if isinstance(claim, dict) else "" for claim in body["claims"]]
    return all(kind in claim_of_kind for kind in kinds) and all(
        claim_of_kind[kind].is_valid(claim)
        for kind, claim in zip(kinds, body["claims"], strict=True)
    )


def _is_number(x: dict[str, Any]) -> bool:
    """Whether an object is a number, by the patterns of the schema: a file holds fifty of them."""
    parts = _schema()["$defs"]["number"]["properties"]
    return x.keys() == parts.keys() and all(
        type(x[name]) is str
        and len(x[name]) <= part.get("maxLength", BYTES)
        and re.search(part.get("pattern", ""), x[name]) is not None
        for name, part in parts.items()
    )


@cache
def _validators(name: str) -> tuple[Any, dict[str, Any]]:
    """Validators of the file with claims of any form, and of each kind of claim."""
    from jsonschema import Draft202012Validator as Validator

    schema = _inlined(_schema(name), _schema(name)["$defs"])
    parts = schema["properties"]
    claim = parts["claims"]["items"]
    kinds = {choice["properties"]["kind"]["const"]: choice for choice in claim.pop("oneOf")}
    whole_file = {**schema, "properties": {**parts, "claims": {**parts["claims"], "items": True}}}
    checks = {kind: Validator({"allOf": [claim, choice]}) for kind, choice in kinds.items()}
    return Validator(whole_file), checks


def _inlined(part: Any, defined: dict[str, Any]) -> Any:
    """A part of the schema with its references replaced, but for those to numbers, which are
    checked by themselves."""
    if isinstance(part, dict):
        if part.get("$ref") == "#/$defs/number":
            return {"type": "object", "required": ["mantissa"]}
        if "$ref" in part:
            return _inlined(defined[part["$ref"].rpartition("/")[2]], defined)
        return {name: _inlined(value, defined) for name, value in part.items() if name != "$defs"}
    return [_inlined(value, defined) for value in part] if isinstance(part, list) else part


def _misshapen(body: Any) -> str:
    """What jsonschema finds most wrong, in one line."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    if isinstance(body, dict):  # a long list takes seconds to be told entry by entry
        body = {
            key: value[: _LISTS[key] + 1] if key in _LISTS and isinstance(value, list) else value
            for key, value in body.items()
        }
    error = best_match(Draft202012Validator(_schema(_schema_of(body))).iter_errors(body))
    if error is None:
        return "the whole"
    place = "/".join(map(str, error.absolute_path)) or "the whole"
    return f"{shown(place, 60)}: {shown(error.message, 120)}"


def faults(body: Body, numbers: list[Number]) -> list[str]:
    """A line for each number that is not canonical, and for a digest of other content."""
    lines = [
        f"number {shown(x['decimal'])}: not in canonical form" for x in numbers if _uncanonical(x)
    ]
    rest = {key: value for key, value in body.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    if body["digest"] != hashlib.sha256(text.encode()).hexdigest():
        lines.append("digest: not that of the content")
    return lines


def _uncanonical(x: Number) -> bool:
    """Whether the mantissa is even or the decimal is not the nearest of 17 digits."""
    if x["mantissa"] == "0":
        return (x["exponent"], x["decimal"]) != ("0", "0")
    return x["mantissa"][-1] in "02468" or x["decimal"] not in _decimals(x)


def _decimals(x: Number) -> set[str]:
    """The text of 17 digits; none where the logarithm of a huge or tiny number leaves two."""
    mantissa, exponent = Decimal(x["mantissa"]), int(x["exponent"])
    if abs(exponent) <= 5000:
        return {str(_SHOWN.plus(_WHOLE.multiply(mantissa, _power_of_two(exponent))))}
    digits = _FINE.multiply(_FINE.log10(Decimal(2)), exponent)
    whole_digits = digits.to_integral_value(context=_FINE)
    rest = _FINE.power(10, _FINE.subtract(digits, whole_digits))
    near = (_FINE.multiply(rest, _FINE.multiply(mantissa, _FINE.add(1, d))) for d in _ERRORS)
    texts = {str(_SHOWN.scaleb(_SHOWN.plus(y), whole_digits)) for y in near}
    return texts if len(texts) == 1 else set()


@lru_cache(maxsize=256)
def _power_of_two(exponent: int) -> Decimal:
    power = _WHOLE.power(Decimal(2 if exponent > 0 else 5), abs(exponent))
    return _WHOLE.scaleb(power, min(exponent, 0))


def whole(digits: str) -> int:
    """int(digits) without Python's limit of 4300 digits."""
    return int(digits) if len(digits) < 4000 else int(Decimal(digits))


def is_double(x: Number) -> bool:
    """Whether the number is a finite float64."""
    size, exponent = whole(x["mantissa"]).bit_length(), int(x["exponent"])
    return size <= 53 and -1074 <= exponent <= 1024 - size
