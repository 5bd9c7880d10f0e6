"""Command lines and files that nobody would write: whatever comes, an answer of ours in time.

Ground truth: the exit codes and the one line on stderr that the command line promises.  The flags
come from the registry of the command line itself, so that new ones are tried by themselves.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from failure.harness.cases import scaled
from failure.harness.lab import Lab, report
from failure.harness.outputs import CERTIFICATE, CERTIFICATES, ENSEMBLE, NETWORK, POINTS, TARGET
from failure.harness.runner import Ended, in_one_line
from latephase.cli.app import app

ANSWERS = {0, 2, 3, 4, 130}
IN_TIME = 60  # seconds; the machine may be busy
# Small enough for what is valid to end soon, or so large that it is refused.
WORDS = (
    *("0", "1", "-1", "2", "3", "1,-1", "-1,1", "0.7,-0.4", "0.1,0.2", "1;2", "1,2;3,4", "1,,2"),
    *(
        "nan",
        "inf",
        "-inf",
        "1e-320",
        "1e400",
        "-0.0",
        "0x10",
        "1_0",
        "1e1000",
        "2**3",
        "10**99999",
    ),
    *("9" * 5000, "18446744073709551616", "1e", "e", ",", ";", "", " ", "-", "--", "=", "\t", "\n"),
    *(
        "he_normal",
        "gd",
        "gf",
        "settled",
        "slow",
        "logistic",
        "exponential",
        "sam:radius=1",
        "gd,gd",
    ),
    *("sam:radius=", "gd:x=1", "all", "missing.csv", "points.csv", "net.npz", "run.cert.json", "."),
    *("/", "~", "~nobody/x", "s3://a/b", "é", "٣", "١,٢", "\U0001f600", "\udcff", "a" * 5000, "*"),
    *(
        "../x",
        "/dev/null",
        "/proc/self/mem",
        "'",
        '"',
        "$HOME",
        "`id`",
        "%s",
        "{}",
        "[]",
        "\\",
        "\x1b",
    ),
)
VALID = f"{POINTS} --step-size 0.1 --until 10 --trials 2 --seed 1 --samples 2 --init he_normal"
VALID += " --weights 0.7,-0.4 --biases 0.1,0.2 --at 1 --methods gd --max-steps 10 --eps 0.5"


def grammar() -> dict[str, list[tuple[str, bool]]]:
    """The flags of every command, each with whether it takes a value, from the registry."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {
        name: [
            (flag, not getattr(one, "is_flag", False))
            for one in command.params
            for flag in (one.opts if one.param_type_name == "option" else ("",))
        ]
        for name, command in commands.items()
        if name != "explore"  # which serves until it is stopped: tests/cli/test_explore.py
    }


@st.composite
def command_lines(draw: st.DrawFn) -> tuple[str, ...]:
    """A command with the flags that make it valid, or some of them, and with others."""
    known = grammar()
    name = draw(st.sampled_from(sorted(known)))
    pairs = dict(zip(*[iter(VALID.split())] * 2))
    words = [name]
    for flag, valued in known[name]:
        valid = pairs.get(flag)
        if draw(st.integers(0, 9)) < (8 if valid else 2):
            words += [flag] if flag else []
            if valued:
                nice = valid is not None and draw(st.integers(0, 9)) < 8
                words.append(valid if nice else draw(st.sampled_from(WORDS)))
    if draw(st.integers(0, 9)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(WORDS)))
    return tuple(words)


def answered(ended: Ended) -> bool:
    """Whether a command ended as the command line promises."""
    verdict = ended.code in (0, 1, 3, 4) and not ended.err  # 1: certificates that are not valid
    return (verdict and (ended.code != 1 or "invalid" in ended.out)) or (
        ended.code in ANSWERS and (ended.code == 0 or in_one_line(ended))
    )


@pytest.fixture
def place(lab: Lab) -> Path:
    """A folder with a file of each kind that commands read."""
    place = lab.folder()
    for output, name in ((NETWORK, "net.npz"), (CERTIFICATE, "run.cert.json")):
        (place / name).write_bytes((lab.result(output) / TARGET).read_bytes())
    (place / "points.csv").write_text("x,label\n1,1\n-1,-1\n")
    return place


@pytest.mark.parametrize("count", scaled(8, 80))
def test_command_lines(lab: Lab, place: Path, count: int):
    """Ground truth: exit code in ANSWERS, one line on stderr, in time."""

    @seed(count)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(command_lines())
    def answers(words: tuple[str, ...]) -> None:
        ended = lab.runner.run(lab.reading(words, place, patience=IN_TIME))
        lab.runner.counts["fuzzed command lines"] += 1
        assert answered(ended), (words, ended)

    answers()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """The content with a few edits: bytes, digits, whole lines, parts of itself, other types."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(content) + 1)
        end = min(len(content), at + rng.choice((1, 1, 2, 8, 64)))
        put = rng.choice(
            (
                *(
                    b"",
                    b"0",
                    b"-",
                    b"9" * 400,
                    b"null",
                    b"[]",
                    b"{}",
                    b'"',
                    b"NaN",
                    b"1e999",
                    b"\0",
                ),
                *(b"\xff", b"\n", b",", b"true", b"\xef\xbb\xbf", content[at:end] * 3),
                *(rng.randbytes(4), b"[" * 100_000, "é".encode(), b'{"a":1,"a":2}'),
            )
        )
        content = content[:at] + put + content[end:]
    return content


FIRST = f"run {POINTS} --step-size 0.1 --until 10"
READERS = {
    "points.csv": "run --data points.csv --weights 1,-1 --biases 0,0 --step-size 0.1 --until 10",
    "net.npz": f"{FIRST} --network net.npz",
    "run.cert.json": "verify run.cert.json",
}


def mutations(lab: Lab, place: Path, name: str, words: list[str], count: int) -> Iterator[str]:
    """What a command answers wrongly to mutations of a file."""
    file, rng = place / name, random.Random(f"{name} {count}")
    content = file.read_bytes()
    for _ in range(count):
        file.write_bytes(mutated(content, rng))
        ended = lab.runner.run(lab.reading(tuple(words), place, patience=IN_TIME))
        lab.runner.counts["fuzzed files"] += 1
        if not answered(ended):
            yield f"{file.read_bytes()[:200]!r}: {ended.code} {ended.err.strip()[-300:]!r}"
    file.write_bytes(content)


@pytest.mark.parametrize("count", scaled(2, 25))
@pytest.mark.parametrize("name", READERS)
def test_files_that_are_read(lab: Lab, place: Path, name: str, count: int):
    """Ground truth: exit code in ANSWERS, one line on stderr, in time."""
    bad = list(mutations(lab, place, name, READERS[name].split(), count))
    assert not bad, report(name, {str(i): [one] for i, one in enumerate(bad)})


@pytest.mark.campaign
@pytest.mark.parametrize("output", [ENSEMBLE, CERTIFICATES], ids=lambda output: output.name)
def test_records_of_an_output_that_is_resumed(lab: Lab, output):
    """Ground truth: exit code in ANSWERS, one line on stderr; settings, markers, parts."""
    for file in sorted(lab.result(output).rglob("*.json*")):
        place = lab.folder(output, 1)
        name = file.relative_to(lab.result(output)).as_posix()
        words = list(output.arguments(1, *output.again))
        bad = list(mutations(lab, place, name, words, 1 if output is ENSEMBLE else 6))
        assert not bad, report(name, {str(i): [one] for i, one in enumerate(bad)})
        lab.drop(place)
