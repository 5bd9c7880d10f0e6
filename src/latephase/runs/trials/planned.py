"""The methods of a comparison: what they are called, and what tells them from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from latephase.core import InputError, Words
from latephase.core.closures import digest
from latephase.core.shown import LONGEST, shown
from latephase.problem import Method

_OURS = "latephase."


@dataclass(frozen=True)
class Planned:
    """Methods as they are compared, optax transformations wrapped.

    labels: what each is called, none twice;  settings: what decides what they do, as plain values:
    their texts whole, the step size they share, and digests of what users have written.
    """

    methods: tuple[Method, ...]
    labels: tuple[str, ...]
    settings: dict[str, Any]

    @classmethod
    def of(cls, methods: object) -> Planned:
        """Of a list, or of a dict of labels and methods.  Raises InputError."""
        from latephase.training.methods.table import stepped, texts_of

        if not isinstance(methods, list | tuple | Mapping):
            raise InputError("a list of methods, or a dict", methods, "put them in brackets")
        if isinstance(methods, Mapping):
            return cls.of(list(methods.values()))._called(list(methods))
        plan = [one if isinstance(one, Method) else own for one in methods if (own := stepped(one))]
        texts, step_size = texts_of(plan)
        if not texts:
            raise InputError("at least one method", Words("none"), "name for example gd")
        if twice := [text for text in texts if texts.count(text) > 1]:
            got = Words(f"{twice[0]} twice")
            raise InputError("every method once", got, "leave one of them out")
        settings = {"methods": texts, "step_size": "differs" if step_size is None else step_size}
        digests = [digest(one) if _is_of_a_user(one) else "" for one in plan]
        more = {"method_digests": digests} if any(digests) else {}
        return cls(tuple(plan), _labels(texts), settings | more)

    def _called(self, labels: list[Any]) -> Planned:
        """The same by the user's own labels."""
        for label in labels:
            if not isinstance(label, str) or not label.strip() or label != shown(label):
                expected = f"labels of methods, one line of at most {LONGEST} characters each"
                raise InputError(expected, label, "name them in a word or two")
        return Planned(self.methods, tuple(labels), {**self.settings, "method_labels": labels})


def _labels(texts: list[str]) -> tuple[str, ...]:
    """The texts, cut to the length of a name."""
    labels: list[str] = []
    for text in texts:
        label = shown(text)
        alike = sum(one.startswith(label) for one in labels)
        labels.append(f"{label} #{alike + 1}" if alike and label != text else label)
    return tuple(labels)


def _is_of_a_user(value: Any) -> bool:
    """Whether a method is, or holds, what somebody else has written: its text does not tell all."""
    if not is_dataclass(value) or not type(value).__module__.startswith(_OURS):
        return isinstance(value, Method) or callable(value) or hasattr(value, "update")
    return any(_is_of_a_user(getattr(value, one.name)) for one in fields(value))
