"""`latephase certify` and `latephase verify`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest

import latephase as lp
from latephase.certificates.file.record import record
from latephase.store.marker import read_marker
from latephase.store.places import partial_of

DATA = ["--inputs", "1,-1", "--labels", "1,-1", "--step-size", "0.1"]
NETWORK = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])


def test_file_and_json_are_those_of_lp_certify(latephase, problem, tmp_path):
    """Ground truth: the record of lp.certify on the same problem."""
    ended = latephase("certify", *problem, "--out", "run.cert.json")
    assert ended.code == 0
    found = lp.certify(NETWORK, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1))
    known = json.loads(json.dumps(record(found)))
    assert json.loads((tmp_path / "run.cert.json").read_text()) == known
    assert json.loads(latephase("certify", *problem, "--json").out) == known
    assert "latephase verify run.cert.json" in ended.out


def test_a_time_that_is_not_decided_leaves_the_others(latephase, problem, monkeypatch):
    """Ground truth: the table without that time; a time that cannot be read is still refused."""
    found = lp.certificates.Certificate

    def deficit(self, t, known=found.deficit):
        if t == "300":
            raise lp.InputError("a time at which everything is decided", t, "take another")
        return known(self, t)

    whole = latephase("certify", *problem, "--at", "1e6,1e100").out
    monkeypatch.setattr(found, "deficit", deficit)
    ended = latephase("certify", *problem, "--at", "1e6,300,1e100")
    assert ended.code == 0
    rows = [line.split() for line in ended.out.splitlines()]
    assert ["300", "-", "-"] in rows
    assert [row for row in rows if row[:1] in (["1e6"], ["1e100"])] == [
        line.split() for line in whole.splitlines() if line.split()[:1] in (["1e6"], ["1e100"])
    ]
    assert latephase("certify", *problem, "--at", "1e6,soon").code == 2


@pytest.mark.parametrize(
    ("flags", "code", "word"),
    [
        ("--weights 0.7,-0.4 --biases 0.1,0.2", 0, "PROVED"),
        ("--weights 0.7,-0.4 --biases 0.1,0.2 --claim one_dead", 4, "REFUTED"),
        ("--weights -1e30,1 --biases 0,0", 3, "UNDECIDED"),
    ],
)
def test_exit_code_is_the_verdict(latephase, flags, code, word):
    """Ground truth: the contract: 0 proved, 3 undecided, 4 refuted."""
    ended = latephase("certify", *DATA, *flags.split())
    assert ended.code == code
    assert re.search(rf"^verdict +{word}:", ended.out, re.M)


def test_both_layers_and_their_loss(latephase, problem, tmp_path):
    """Ground truth: the record of lp.certify on the same problem, and the checker."""
    more = ("--train-output", "--loss", "logistic")
    ended = latephase("certify", *problem, *more, "--out", "run.cert.json")
    net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], train_output=True)
    data, method = lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1)
    known = json.loads(json.dumps(record(lp.certify(net, data, method, loss="logistic"))))
    assert json.loads((tmp_path / "run.cert.json").read_text()) == known
    assert re.search(r"^rate +\S+ <= \|x\*\(t\) - limit\| \* sqrt\(ln t\) <= \S+", ended.out, re.M)
    assert "--train-output" in latephase("certify", *problem, *more).out
    assert "--loss logistic" in latephase("certify", *problem, *more).out
    assert latephase("verify", "run.cert.json").code == 0
    assert latephase("certify", *problem, "--loss", "logistic").code == 0  # as any network
    assert latephase("certify", *problem, "--loss", "hinge").code == 2
    flow = ["--inputs", "1,-1", "--labels", "1,-1", "--method", "gf", "--train-output"]
    undecided = latephase("certify", *flow, "--weights", "0.7,-0.4", "--biases", "0.1,0.2")
    assert undecided.code == 3


def test_any_network(latephase, tmp_path):
    """Ground truth: lp.certify on the same problem, and the checker."""
    net = lp.ShallowReLU([0.7, -0.4, 0.3], [0.1, 0.2, 0.1], [1, -1, 1])
    known = lp.certify(net, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1))
    flags = "--weights 0.7,-0.4,0.3 --biases 0.1,0.2,0.1 --output-weights 1,-1,1 --step-size 0.1"
    ended = latephase("certify", *DATA, *flags.split(), "--out", "run.cert.json")
    assert ended.code == 0
    assert json.loads((tmp_path / "run.cert.json").read_text()) == json.loads(
        json.dumps(record(known))
    )
    for t in ("1e6", "1e100", "1e1000"):
        printed = re.search(rf"^{t} +(\S+) +(\S+)$", ended.out, re.M)
        lower, upper = known.robustness_margin(t)
        assert Decimal(printed[1]) <= lower <= upper <= Decimal(printed[2])
    assert len(re.findall(r"^rate +\S+ <= \(limit - margin\) \* ln t <= ", ended.out, re.M)) == 2
    assert latephase("verify", "run.cert.json").code == 0
    dead = "--weights 1,2,3 --biases -9,-9,-9 --output-weights 1,-1,1 --step-size 0.1"
    ended = latephase("certify", *DATA, *dead.split())
    assert (ended.code, "moves no neuron" in ended.out) == (0, True)
    asked = latephase("certify", *DATA, *dead.split(), "--claim", "trained")
    assert asked.code == 4


def test_printed_bounds_enclose_the_deficit(latephase, problem):
    """Ground truth: the decimals of lp.certify, which the printed ones must not cut."""
    ended = latephase("certify", *problem)
    found = lp.certify(NETWORK, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(0.1))
    for t in ("1e6", "1e100", "1e1000"):
        printed = re.search(rf"^{t} +(\S+) +(\S+)$", ended.out, re.M)
        lower, upper = found.deficit(t)
        assert Decimal(printed[1]) <= lower <= upper <= Decimal(printed[2])


def test_verify_says_valid_invalid_and_not_a_certificate(latephase, problem, tmp_path):
    """Ground truth: the contract: 0 valid, 1 invalid and which claim, 2 not a certificate."""
    latephase("certify", *problem, "--out", "run.cert.json")
    ended = latephase("verify", "run.cert.json")
    assert ended.code == 0
    assert "1 of 1 certificates; 9 claims" in ended.out
    body = json.loads((tmp_path / "run.cert.json").read_text())
    body["claims"][3]["zero"] = True
    (tmp_path / "edited.json").write_text(json.dumps(body))
    ended = latephase("verify", "edited.json")
    assert ended.code == 1
    assert "claim 4 (constant)" in ended.out
    text = (tmp_path / "run.cert.json").read_text()
    (tmp_path / "cut.json").write_text(text[: len(text) // 2])
    (tmp_path / "empty").mkdir()
    for name in ("cut.json", "absent.json", "empty"):
        ended = latephase("verify", name)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert ended.err.startswith("latephase: expected ")


def test_resuming_a_complete_folder_keeps_it_or_refuses(latephase, tmp_path):
    """Ground truth: the bytes of the folder; other settings are bad input."""
    flags = ["certify", *DATA, "--init", "he_normal", "--trials", "20", "--out", "certs"]
    latephase(*flags)
    before = {p.name: p.read_bytes() for p in (tmp_path / "certs").iterdir()}
    ended = latephase(*flags, "--resume")
    assert (ended.code, "PROVED" in ended.out) == (0, True)
    for other in (["--seed", "6"], ["--claim", "slow"]):
        ended = latephase(*flags, "--resume", *other)
        assert (ended.code, ended.err.count("\n")) == (2, 1)
        assert other[0].lstrip("-") in ended.err
    assert {p.name: p.read_bytes() for p in (tmp_path / "certs").iterdir()} == before


def test_late_starts_are_printed_with_their_exponent(latephase):
    """Ground truth: the time in the Python result, which the printed one must not precede."""
    ended = latephase("certify", *DATA[:4], "--step-size", "1e-300", "--weights", "0.7,-0.4",
                      "--biases", "0.1,0.2")  # fmt: skip
    found = lp.certify(NETWORK, lp.Dataset([1, -1], [1, -1]), lp.GradientDescent(1e-300))
    printed = re.search(r"for all t >= (\S+)", ended.out)[1]
    assert Decimal(printed) >= Decimal(found.rate[2].text)
    assert Decimal(printed) < Decimal(found.rate[2].text) * Decimal("1.001")


def test_folder_is_written_resumed_and_verified(latephase, tmp_path):
    """Ground truth: the files of a run that was not interrupted."""
    flags = ["certify", *DATA, "--init", "he_normal", "--trials", "300", "--out"]
    ended = latephase(*flags, "certs")
    assert ended.code == 0
    assert re.search(r"PROVED +one_dead +wrong sides frozen +\d+", ended.out)
    again = latephase(*flags, "other", "--resume")
    assert again.code == 0
    for file in (tmp_path / "certs").iterdir():
        assert file.read_bytes() == (tmp_path / "other" / file.name).read_bytes()
    ended = latephase("verify", "certs")
    assert (ended.code, "300 of 300 certificates" in ended.out) == (0, True)


def test_what_was_edited_in_a_folder_is_found(latephase, tmp_path):
    """Ground truth: the contract: 1 invalid, and which line or how many there are."""
    latephase("certify", *DATA, "--init", "he_normal", "--trials", "20", "--out", "certs")
    part = tmp_path / "certs" / "certificates-00000.jsonl"
    lines = part.read_text().splitlines(keepends=True)
    part.write_text("".join(lines[:-1]) + lines[-1].replace("PROVED", "REFUTED"))
    ended = latephase("verify", "certs")
    assert ended.code == 1
    assert "certificates-00000.jsonl:20" in ended.out
    part.write_text("".join(lines[1:2] + lines[1:]))
    assert "certificates-00000.jsonl:1: not about trial 0" in latephase("verify", "certs").out
    part.write_text("".join(lines[:-1]))
    assert "19 certificates, and the settings say 20" in latephase("verify", "certs").out


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ("--weights 0.7,-0.4", "--biases"),
        ("", "--init"),
        ("--init he_normal --weights 1,1 --biases 0,0", "--init alone"),
        ("--init he_norm", "he_norm"),
        ("--init he_normal --trials 0", "trials"),
        ("--init he_normal --resume", "--out"),
        ("--weights 0.7,-0.4 --biases 0.1,0.2 --trials 5", "--trials"),
        ("--weights 0.7,-0.4 --biases 0.1,0.2 --resume", "--resume"),
        ("--weights 0.7,-0.4 --biases 0.1,0.2 --claim best", "best"),
        (
            "--weights 1,2,3 --biases 0,0,0 --output-weights 1,-1,1 --claim one_dead",
            "any network",
        ),
        ("--weights nan,1 --biases 0,0", "nan"),
    ],
)
def test_bad_input_is_told_in_one_line(latephase, tmp_path, flags, word):
    """Ground truth: the contract: exit code 2, expected, got, what to do; nothing written."""
    ended = latephase("certify", *DATA, *flags.split())
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert ended.err.startswith("latephase: expected ")
    assert word in ended.err
    assert list(tmp_path.iterdir()) == []


def finished(partial: Path) -> int:
    """Trials that the marker of an output under way counts as finished."""
    marker = read_marker(partial)
    return marker.finished_trials if marker else 0


def ctrl_c_works():
    """A background job of a shell inherits an ignored SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.filterwarnings("ignore:os.fork")  # JAX may run here; a child that only execs is safe
def test_ctrl_c_keeps_the_finished_parts(tmp_path):
    """Ground truth: the folder left behind, and the same command with --resume."""
    out = tmp_path / "certs"
    command = [sys.executable, "-m", "latephase", "certify", *DATA, "--init", "he_normal"]
    command += ["--trials", "40000", "--out", str(out)]
    env = {**os.environ, "PYTHONPATH": str(Path(lp.__file__).parents[1])}
    given = {"stderr": subprocess.PIPE, "text": True, "env": env, "preexec_fn": ctrl_c_works}
    with subprocess.Popen(command, **given) as running:
        deadline = time.monotonic() + 60
        # A part is there before the marker counts it; only then does an interruption keep it.
        while not finished(partial_of(out)) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        err = running.stderr.read()
    assert running.returncode == 130, err
    assert "latephase: interrupted; " in err
    assert "--resume" in err
    assert not out.exists()
    assert list(partial_of(out).glob("certificates-*.jsonl"))
