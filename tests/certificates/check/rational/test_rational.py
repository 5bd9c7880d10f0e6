"""The checker in rationals against the one in balls, on files that are right and that are not."""

from __future__ import annotations

import functools
import itertools
import json
import random
import subprocess
import sys
import time
from collections import Counter
from fractions import Fraction

import pytest

import latephase as lp
from helpers import message_is_one_line, refusal, shares
from latephase.certificates.check.folder import verify_all
from latephase.certificates.check.verify import NotACertificate, Uncheckable, verify
from latephase.certificates.file.record import record
from samples.certificates import RUNS, certificate, settled, signed
from samples.mutations import mutations

OF = functools.cache(certificate)
FLOWS = ("flow", "flow unequal", "flow landing", "flow dead")


def is_checked(run: str) -> bool:
    (x1, x2), *_, step = RUNS[run]
    return (x1 * x2 <= -1 and step is not None) or run in FLOWS


CHECKED = [run for run in RUNS if is_checked(run)]


@pytest.mark.parametrize("run", CHECKED)
@pytest.mark.parametrize("bits", [64, 128, 512])
def test_what_balls_derive_rationals_derive_too(run: str, bits: int) -> None:
    """Ground truth: the checker in balls, and `certify`, of the same specification."""
    body = OF(run, bits=bits)
    report = verify(json.dumps(body), arithmetic="rational")
    assert report.faults == ()
    assert report == verify(json.dumps(body))
    assert report.claims == len(body["claims"]) > 0


@pytest.mark.parametrize("run", [run for run in RUNS if run not in CHECKED])
def test_other_runs_are_refused_in_one_line(run: str) -> None:
    """Ground truth: what the page says is checked: x1 x2 <= -1, flow where it is a closed form."""
    assert "rationals check" in refusal(verify, OF(run), arithmetic="rational")


def test_other_networks_and_too_much_work_are_refused_in_one_line() -> None:
    """Ground truth: the formats of the page, and 2^22 steps times bits."""
    message = refusal(verify, settled("three neurons"), arithmetic="rational")
    assert "other networks than a pair" in message
    body = signed({**OF("specialised"), "path": [{"by": "steps", "steps": "100000"}]})
    begun = time.process_time()
    assert "100,000 steps at 128 bits" in refusal(verify, body, arithmetic="rational")
    assert time.process_time() - begun < 1
    assert "one of balls, rational" in refusal(verify, body, arithmetic="float")


def valid(body, arithmetic: str) -> bool:
    """Whether a checker takes a file; a refusal must be told in one line."""
    try:
        return verify(json.dumps(body), arithmetic=arithmetic).valid
    except (NotACertificate, Uncheckable) as error:
        return not message_is_one_line(error)


@pytest.mark.parametrize("part", shares(8, sample=(1, 2)))
def test_a_changed_file_is_refused_by_both_or_by_none(part: int) -> None:
    """Ground truth: the checker in balls, whose own campaign asks the proof why a change passes."""
    passed: Counter[bool] = Counter()
    for name, _, changed, what in itertools.islice(mutations(1400, 7, OF, CHECKED), part, None, 8):
        in_balls, in_rationals = (valid(signed(changed), x) for x in ("balls", "rational"))
        assert in_balls == in_rationals, (name, what)
        passed[in_balls] += 1
    assert passed[False] > 120
    assert passed[True] > 1


@pytest.mark.campaign
def test_random_runs_are_derived_by_both() -> None:
    """Ground truth: `certify`, on networks of any size on any two points with x1 x2 <= -1."""
    rng, regimes = random.Random(19), Counter()
    for i in range(150):
        x1 = rng.choice([1.0, 2.0, rng.uniform(0.5, 5)])
        x2 = rng.choice([-1 / x1, -x1, -rng.uniform(1 / x1, 5)])
        if 1 + Fraction(x1) * Fraction(x2) > 0:
            x2 = -x1 - 1 / x1
        weights, biases = ([rng.gauss(0, 1.5) for _ in range(2)] for _ in range(2))
        method = lp.GradientDescent(10 ** rng.uniform(-1.5, 0.3))
        data = lp.Dataset([x1, x2], [1, -1])
        found = lp.certify(lp.ShallowReLU(weights, biases), data, method, max_steps=20_000)
        if found.verdict is lp.Verdict.UNDECIDED:
            continue
        report = verify(json.loads(json.dumps(record(found))), arithmetic="rational")
        assert report.faults == (), i
        regimes[report.regime] += 1
    assert min(regimes[name] for name in ("specialised", "one_dead", "both_dead")) > 20


def test_a_folder_tells_what_was_not_checked(tmp_path) -> None:
    """Ground truth: the two files that were put there."""
    for run in ("specialised", "double slide"):
        (tmp_path / f"{run}.json").write_text(json.dumps(OF(run)))
    found = verify_all(str(tmp_path), arithmetic="rational")
    assert [(name, report.valid) for name, report in found.reports] == [
        ("double slide.json", False),
        ("specialised.json", True),
    ]
    assert found.faults == []
    assert len(found.unchecked) == 1
    assert found.unchecked[0].startswith("double slide.json: ")
    one = verify_all(str(tmp_path / "double slide.json"), arithmetic="rational")
    assert (one.faults, len(one.unchecked)) == ([], 1)


WITHOUT_FLINT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("flint", "mpmath", "jax"):
            raise ImportError(name)
sys.meta_path.insert(0, Missing())
from latephase.cli import main
sys.argv[0] = "latephase"
sys.exit(main())
"""


def test_it_runs_where_flint_is_missing(tmp_path) -> None:
    """Ground truth: an import hook that refuses python-flint; and the exit codes of the page."""
    for run, code, word in ("specialised", 0, "1 PROVED"), ("double slide", 3, "unknown"):
        file = tmp_path / f"{run}.json"
        file.write_text(json.dumps(OF(run)))
        command = [sys.executable, "-c", WITHOUT_FLINT, "verify", str(file)]
        done = subprocess.run(
            [*command, "--arithmetic", "rational"], capture_output=True, text=True
        )
        assert (done.returncode, word in done.stdout) == (code, True), done.stderr
        assert subprocess.run(command, capture_output=True).returncode == 1  # in balls
