"""How the text behind a flag is read, and how a value is typed again."""

from __future__ import annotations

import typing

import pytest
import typer

from latephase.cli import flags

ALIASES = {
    name: typing.get_args(alias)
    for name, alias in vars(flags).items()
    if hasattr(alias, "__metadata__")
}


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (flags.matrix, "1,-1"),
        (flags.matrix, "0.1,-2e-320;nan,1.7976931348623157e+308"),
        (flags.numbers, "0.30000000000000004,-0.0,inf"),
        (flags.number, "1e-05"),
        (flags.number, "3"),
    ],
)
def test_a_value_is_typed_as_what_is_read_as_the_same(read, text):
    """Ground truth: texts of doubles by Python's shortest representation, integers without ".0"."""
    assert flags.typed(read(text, "--flag")) == text.replace("-0.0", "-0")


@pytest.mark.parametrize("name", ALIASES)
def test_every_flag_has_a_help(name):
    """Ground truth: the aliases, of which each is one option or argument with a help."""
    kind, option = ALIASES[name]
    assert kind is not None
    assert isinstance(option, (type(typer.Option()), type(typer.Argument())))
    assert option.help
    assert option.help.endswith((".", "...", "]"))


def test_no_flag_is_declared_twice():
    """Ground truth: helps that are the same belong to the same flag."""
    helps = [option.help for _, option in ALIASES.values()]
    assert len(helps) == len(set(helps)) > 30
