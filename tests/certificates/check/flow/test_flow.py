"""The checker of flows on any two points: what is right passes, what is forged does not."""

from __future__ import annotations

import copy
import functools
import json
import time
from fractions import Fraction

import numpy as np
import pytest

import latephase as lp
from helpers import shares
from latephase.certificates.check.verify import NotACertificate, verify
from latephase.certificates.file.record import record
from samples.certificates import RUNS, certificate, exact, number, signed
from samples.mutations import STILL_TRUE, mutations, passed

OF = functools.cache(certificate)
NAMES = [n for n in RUNS if n.startswith("flow ") and OF(n)["path"]]


def claim(body, kind):
    return next(c for c in body["claims"] if c["kind"] == kind)


@pytest.mark.parametrize("seed", shares(8))
def test_random_flows_are_derived_again(seed):
    """Ground truth: a second implementation, from the same page."""
    rng, flow = np.random.default_rng([22, seed]), lp.GradientFlow()
    for _ in range(25):
        x1, x2 = rng.normal(size=2) * 1.5
        x2 = -rng.uniform(1, 6) / x1 if rng.integers(2) else x2
        w, b = rng.normal(size=(2, 2)) * 10 ** rng.uniform(-2, 1.5)
        net, data = lp.ShallowReLU(w, b), lp.Dataset([x1, x2], [1, -1])
        body = record(lp.certify(net, data, flow))
        assert body["verdict"] == "PROVED"
        assert verify(json.dumps(body)).faults == ()


@pytest.mark.parametrize("close", [1e-3, 1e-5, 1e-7, 1e-8])
def test_flows_on_points_that_are_close_are_derived_again(close):
    """Ground truth: a second implementation; near its limit z comes out of a cancellation."""
    rng, flow = np.random.default_rng([23, int(1 / close)]), lp.GradientFlow()
    for _ in range(25):
        x = rng.normal() * 2
        net = lp.ShallowReLU(*rng.normal(size=(2, 2)))
        cert = lp.certify(net, lp.Dataset([x, x * (1 + close)], [1, -1]), flow)
        assert verify(json.dumps(record(cert))).faults == ()


@pytest.mark.parametrize("far", [300.0, 4678.0320074382735, 1e5])
def test_flows_on_a_point_that_is_far_are_derived_again_at_once(far):
    """Ground truth: a second implementation, and a clock; the integral of l1 ends at its limit."""
    net = lp.ShallowReLU(
        [0.06111519172772628, -0.031740097336555105], [1.599230777855784, -0.1665744741576918]
    )
    cert = lp.certify(net, lp.Dataset([far, -0.46217773410941054], [1, -1]), lp.GradientFlow())
    text, start = json.dumps(record(cert)), time.process_time()
    assert verify(text).faults == ()
    assert time.process_time() - start < 2


@pytest.mark.parametrize("bits", [64, 192, 512])
@pytest.mark.parametrize("run", ["flow released", "flow revived", "flow from 0"])
def test_at_any_precision(run, bits):
    """Ground truth: the same implementation at other precisions."""
    assert verify(certificate(run, bits=bits)).faults == ()


def test_order_of_points_and_neurons_does_not_matter():
    """Ground truth: the canonical order of docs/certificates.md."""
    for names in (("inputs", "labels"), ("weights", "biases", "output_weights")):
        turned = copy.deepcopy(OF("flow released"))
        for name in names:
            turned["problem"][name].reverse()
        assert verify(signed(turned)).faults == ()


def forged(run, change):
    body = copy.deepcopy(OF(run))
    change(body)
    return verify(signed(body)).faults


def _without(n):
    return lambda body: body["path"].pop(n)


def _ends(n, name):
    return lambda body: body["path"][n].update(ends=name)


def _after(n, factor):
    def change(body):
        after = body["path"][n]["after"]
        for end in ("lower", "upper"):
            after[end] = number(exact(after[end]) * factor)

    return change


def _wide(body):
    after = body["path"][0]["after"]
    after["upper"] = number(exact(after["upper"]) * 8)


def _early_base(body):
    found = claim(body, "entry")
    found["base"] = str(int(found["base"]) - 1)


def _late_base(body):
    found = claim(body, "entry")
    found["base"] = str(int(found["base"]) + 1)


FORGED = {
    "a mode left out": ("flow released", _without(0)),
    "the last mode left out": ("flow released", _without(-1)),
    "an end too early": ("flow released", _after(1, Fraction(99, 100))),
    "an end too late": ("flow released", _after(1, Fraction(101, 100))),
    "another end": ("flow released", _ends(0, "a21")),
    "an end that does not fall": ("flow double slide", _ends(0, "a11")),
    "nothing ends a mode that ends": ("flow released", _ends(0, "nothing")),
    "nothing, and not one number": ("flow released", _ends(-1, "nothing")),
    "an interval beyond other ends": ("flow released", _wide),
    "a base before the entry": ("flow double slide", _early_base),
    "a base later than it need be": ("flow double slide", _late_base),
    "no approach": ("flow from 0", _without(-1)),
    "mirrored ends of what is not": ("flow even slide", _ends(0, "a21")),
    "steps of a flow": (
        "flow double slide",
        lambda body: body["path"].__setitem__(0, {"by": "steps", "steps": "3"}),
    ),
    "descent": (
        "flow double slide",
        lambda body: body["problem"].update(method="gradient_descent", step_size=number(1)),
    ),
    "a slide called double": (
        "flow single slide",
        lambda body: claim(body, "absorbed").update(
            regime="double_slide",
            statement="the run stays double_slide for ever: kinks attract",
        ),
    ),
    "the margin called optimal": (
        "flow wide slide",
        lambda body: claim(body, "constant").update(optimal=True),
    ),
    "a survivor called dead": (
        "flow survivor",
        lambda body: claim(body, "entry").update(pattern="0000"),
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_certificates_are_refused(name):
    """Ground truth: each contradicts docs/certificates.md in one place."""
    assert forged(*FORGED[name])


def test_points_at_which_a_flow_decouples_have_no_modes():
    """Ground truth: k12 = 0 has the closed form, and descent has steps."""
    for run in ("flow", "specialised"):
        body = copy.deepcopy(OF(run))
        body["path"] = copy.deepcopy(OF("flow double slide"))["path"]
        assert verify(signed(body)).faults


@pytest.mark.campaign
def test_a_change_with_a_new_digest_is_found_by_the_mathematics():
    """Ground truth: what the unchanged one proves; a change passes only if it is still true."""
    seen, reasons = passed(mutations(1600, 5, OF, NAMES), still_true)
    assert seen > 1300
    assert sum(reasons.values()) < seen / 8, reasons


def still_true(body, changed, what) -> str:
    """Why a changed certificate that passes is right; "" if there is no reason."""
    if what in STILL_TRUE:
        return STILL_TRUE[what]
    now, before = (functools.reduce(lambda x, k: x[k], what, b) for b in (changed, body))
    if what[0] not in ("claims", "path") or not isinstance(before, dict):
        return ""
    grown, last = exact(now) > exact(before), what[-1]
    close = abs(exact(now) - exact(before)) < abs(exact(before)) / 2**30
    if last == "log_from":  # the proof takes its levels more roughly than the checker
        later = grown or close or exact(claim_of(body, what)["upper"]) == 0
        return "a bound from about then on" if later else ""
    if what[0] == "claims" and claim_of(body, what)["kind"] == "rate":
        return "a bound that holds" if close or grown == (last == "upper") else ""
    around = functools.reduce(lambda x, k: x[k], what[:-1], body)
    other = exact(around["upper" if last == "lower" else "lower"])
    inside = exact(now) <= other if last == "lower" else exact(now) >= other
    return "another end, on the same side of the value" if inside else ""


def claim_of(body, what):
    return body["claims"][what[1]]


def test_costly_paths_end_in_bounded_time():
    """Ground truth: a clock; as many modes and bits as the limits allow, and more."""
    body = copy.deepcopy(OF("flow released"))
    body["path"] = body["path"] * 20
    with pytest.raises(NotACertificate, match="too many"):
        verify(signed(body))
    body["path"], start = body["path"][:18], time.process_time()
    assert verify(signed(body)).faults
    assert time.process_time() - start < 20
