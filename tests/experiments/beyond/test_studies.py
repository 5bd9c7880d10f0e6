"""The three studies in small: their numbers against what is known without them."""

from __future__ import annotations

import numpy as np
import pytest

import latephase as lp
from helpers import relative_error
from latephase.experiments import BEYOND, Bench, Support
from latephase.experiments.beyond import digits, leaky_layers, share_of_best, transition, wider


def test_the_studies_go_beyond_the_paper():
    """Ground truth: the issue's list; numbers go on from the certificates."""
    assert [claim.number for claim in BEYOND] == list(range(11, 28))
    assert {c.key for c in BEYOND[1:4]} == {"transition", "wider", "digits"}


@pytest.mark.parametrize(("c", "fast"), [(0.5, True), (1.0, False), (2.0, False)])
def test_transition(c, fast):
    """Ground truth: docs/theory.md: slides with C = 0 for k12 = 1 - c^2 > 0, specialised else."""
    found = transition.spot(Bench(trials=40, seed=3), c)
    assert (found.fast, found.slow) == (fast, not fast)
    assert found.regimes == {"double_slide" if fast else "specialised"}


def test_a_wider_run_is_at_its_limit():
    """Ground truth: at ln t = 2303 a direction is off by about |offset| / (ln t |direction|)."""
    found = wider.run_one(4, 2, 1, 0, 0)
    assert found.outcome in ("settled", "unfitted", "transient")
    again = wider.run_one(4, 2, 1, 0, 0)
    assert (found.outcome, found.settled) == (again.outcome, again.settled)
    assert not found.settled or found.distance < 1e-2


def test_decisions():
    """Ground truth: the criterion of claim 13, on made-up outcomes."""
    good = wider.Ended(2, 2, 1, "settled", True, 1e-4, 0.5, 1.0, 0.1)
    bad = wider.Ended(2, 2, 1, "settled", False, 0.5, 0.5, 1.0, 0.1)
    assert wider.decide([good] * 30) is Support.SUPPORTED
    assert wider.decide([good] * 20 + [bad] * 10) is Support.NOT_SUPPORTED
    assert wider.decide([good] * 5) is Support.UNDECIDED


def test_shares_of_the_best():
    """Ground truth: the criterion of claim 23, on made-up runs: none is above the best."""

    def ended(neurons, share, exact=True):
        return share_of_best.Ended(3, neurons, "gf", 2 * share, 2.0, exact)

    narrow, wide = [ended(4, 0.8)] * 5, [ended(6, 0.7)] * 5
    assert share_of_best.decide(narrow + wide) is Support.SUPPORTED
    assert share_of_best.decide([*narrow, *wide, ended(12, 1.1, exact=False)]) is (
        Support.NOT_SUPPORTED
    )
    assert share_of_best.decide(narrow + [ended(6, 0.9)] * 5) is Support.NOT_SUPPORTED
    assert share_of_best.decide(narrow[1:] + wide + [ended(4, np.nan)]) is Support.UNDECIDED


def test_no_run_is_better_than_the_best():
    """Ground truth: the enumeration, of a run that fits three points."""
    found = share_of_best.runs_of(3, [4], lp.GradientFlow(), share_of_best.FRESH, 0, 2, True)
    shares = [one.share for one in found if np.isfinite(one.share)]
    assert shares
    assert max(shares) <= 1 + 1e-12


def test_leaky_layers():
    """Ground truth: the criterion of claim 25, on made-up exponents; and one run, at slope 0.3."""
    good = leaky_layers.Decay(0.5, 0, leaky_layers.SPECIALISED, 0.2647)
    bad = leaky_layers.Decay(0.5, 0, leaky_layers.SPECIALISED, 0.5)
    apart = leaky_layers.Decay(0.5, 0, "one role for both neurons", 0.0)
    assert leaky_layers.decide([good] * 10 + [apart]) is Support.SUPPORTED
    assert leaky_layers.decide([good] * 10 + [bad]) is Support.NOT_SUPPORTED
    assert leaky_layers.decide([good] * 9 + [apart]) is Support.UNDECIDED
    one = leaky_layers.followed(0.3, 1, 0)
    assert one.end == leaky_layers.SPECIALISED
    assert leaky_layers.off(one) < 0.01


def test_digits_are_scaled_principal_components():
    """Ground truth: 183 threes, 174 eights; components are uncorrelated, of variance 1 in all."""
    pytest.importorskip("sklearn", reason="pip install 'latephase[studies]'")
    data = digits.digits()
    assert (data.n, data.d, int((data.labels == 1).sum())) == (357, 10, 183)
    covariance = data.inputs.T @ data.inputs / data.n
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-10
    assert relative_error(np.trace(covariance) / 10, 1.0) < 1e-12


def digit_path(normal: float, robust: float, error: float = 1e-6) -> digits.Path:
    """A network whose margins grow by these factors."""
    two = np.array([0.0, 100.0])
    margins = np.array([0.5, 0.5 * normal]), np.array([0.4, 0.4 * robust])
    return digits.Path(0, two, -two, *margins, error)


def test_digit_decisions():
    """Ground truth: the criterion of claim 14; Wilson's interval of 18 of 20 is 0.70 to 0.97, of
    12 of 20 it is 0.39 to 0.78."""
    up, down, still = digit_path(1.05, 1.02), digit_path(1.05, 0.98), digit_path(1.001, 1.02)
    assert digits.decide([up] * 18 + [down] * 2) is Support.SUPPORTED
    assert digits.decide([up] * 12 + [down] * 8) is Support.UNDECIDED
    assert digits.decide([up] * 2 + [down] * 18) is Support.NOT_SUPPORTED
    assert digits.decide([up] * 2 + [still] * 18) is Support.NOT_SUPPORTED
    assert digits.decide([up] * 19) is Support.UNDECIDED
    assert digits.decide([up] * 19 + [digit_path(1.05, 1.02, np.nan)]) is Support.UNDECIDED


def test_digit_networks_are_trained_without_overflow():
    """Ground truth: the loss at which training usually ends, 1e-7; seeds 1 to 4 once overflowed."""
    pytest.importorskip("sklearn", reason="pip install 'latephase[studies]'")
    data = digits.digits()
    for net in digits.trained(range(1, 5), data):
        log_loss = np.logaddexp.reduce(-data.labels * net(data.inputs))
        assert digits.USUAL - 10 < log_loss < digits.USUAL
