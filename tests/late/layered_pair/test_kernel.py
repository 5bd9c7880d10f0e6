"""Orbits and steps in machine code and in NumPy: one another, and adaptive quadrature."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

import latephase as lp
from helpers import relative_error
from latephase.late.engine import Goal
from latephase.late.engines.layered_pieces import LayeredPhase, follow_layered_trials
from latephase.late.layered_pair import follow_orbit, follow_steps
from latephase.late.layered_pair.compiled import COMPILED
from latephase.late.layered_pair.follow_orbit import TOLERANCE, follow_orbits
from latephase.late.layered_pair.leaving import Leaving
from latephase.late.layered_pair.orbit import SMALL, Orbits
from latephase.problem import TwoPointGeometry

needs_kernel = pytest.mark.skipif(not COMPILED, reason="no compiler at installation")


def by_numpy(run):
    """What a call finds without the kernel."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (follow_orbit, follow_steps):
            patch.setattr(module, "COMPILED", False)
        return run()


def drawn_orbits(discrete: bool) -> tuple[Orbits, Leaving]:
    """Orbits of two neurons each, of sizes from 1e-3 to 10; some fall on their kinks."""
    rng, length, count = np.random.default_rng(5), 1.4, 400
    size = 10 ** rng.uniform(-3, 1, count)
    p, m = rng.normal(size=(2, 2, count)) * size
    m[:, ::3] *= 1.5
    p, m = np.sign(p + m) * (p, m)  # active
    p[1, ::2] = m[1, ::2] = 0.0  # alone
    margin = length / 4 * (p**2 - m**2).sum(axis=0)
    spread = length / 2 * np.hypot(*p) * np.hypot(*m)
    log_tau = np.full(count, math.log(0.1))
    start = Orbits(log_tau, margin, spread, np.log(rng.integers(1, 1000, count)))
    if discrete:  # steps that may be followed
        log_tau += np.minimum(math.log(SMALL) - start.log_push, 0.0)
        start = Orbits(log_tau, margin, spread, start.log_time)
    return start, Leaving.of(p, m, np.full((2, count), -0.1), length, -0.3)


@needs_kernel
@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("discrete", [False, True])
def test_orbits(discrete, leaves):
    """Ground truth: NumPy, at times from the first steps to 10^1000 and infinity.

    An orbit of 1e-6 that escapes on the way has 35 times the rounding of a time in its margin."""
    start, leaving = drawn_orbits(discrete)
    times = np.append(np.geomspace(0.1, 2302.0, 60), np.inf)
    first = np.searchsorted(times, start.log_time, side="right")
    first[7] = times.size  # nothing is asked of it

    def run():
        return follow_orbits(start, times, first, discrete, leaving if leaves else None)

    ours, theirs = run(), by_numpy(run)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
        np.testing.assert_array_equal(np.isinf(one), np.isinf(other))
    there = np.isfinite(ours[0])
    assert there.mean() > 0.3
    rho = np.hypot(theirs[0], theirs[1])[there]
    off = np.abs(ours[0] - theirs[0])[there] / np.where(rho > 0, rho, np.inf)
    assert off.max() < 16 * TOLERANCE
    assert np.quantile(off, 0.99) < TOLERANCE / 4
    assert relative_error(ours[1][there], theirs[1][there]) < 1e-14
    when = np.isfinite(ours[2])
    assert when.any() == leaves
    assert relative_error(ours[2][when], theirs[2][when]) < 1e-13 if leaves else True


def pair(method, seed: int, points=(3.0, -1.0), trials: int = 60) -> LayeredPhase:
    """Networks that are stepped, some of which leave float64."""
    rng = np.random.default_rng(seed)
    w, b, v = rng.normal(size=(3, trials, 2))
    v[::9] *= 40
    geometry = TwoPointGeometry.of(lp.Dataset(list(points), [1, -1]))
    times = [lp.LogTime.parse(t) for t in ("0", "1", "2", "9", "33", "64", "500", "1e4", "1e30")]
    return follow_layered_trials(geometry, w, b, v, method, times, Goal(times[-1]))


@needs_kernel
@pytest.mark.parametrize("step_size", [0.05, 3.0])
def test_steps(step_size):
    """Ground truth: NumPy, bits of rounding apart that the reported error allows for."""

    def run():
        return pair(lp.GradientDescent(step_size), 3)

    ours, theirs = run(), by_numpy(run)
    np.testing.assert_array_equal(ours.journey.outcome, theirs.journey.outcome)
    np.testing.assert_array_equal(ours.journey.steps, theirs.journey.steps)
    np.testing.assert_array_equal(ours.seen.exact, theirs.seen.exact)
    np.testing.assert_array_equal(ours.journey.log_entry, theirs.journey.log_entry)
    there = np.isfinite(theirs.seen.error)
    np.testing.assert_array_equal(np.isfinite(ours.seen.error), there)
    assert there.mean() > 0.5
    assert relative_error(ours.seen.error[there], theirs.seen.error[there]) < 1e-6
    known = there & (theirs.seen.error < 1e-3)  # not thrown to 1e200 by the first steps
    one, other = (
        np.concatenate([s.parameters, s.output_weights[:, None]], axis=1)[..., known]
        for s in (ours.seen, theirs.seen)
    )
    sizes = np.linalg.norm(other, axis=1)
    off = np.linalg.norm(one - other, axis=1) / np.where(sizes > 0, sizes, np.inf)
    assert (off.max(axis=0) <= np.maximum(theirs.seen.error[known], 1e-15)).all()


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=needs_kernel), False])
def test_a_flow_that_begins_far_on_the_wrong_side(compiled):
    """Ground truth: the time at which the flow has a margin, by quadrature.

    A margin of -43 is as large as one of 43, but its way leads through 0: the series of late times
    was once taken for it, and was 1e-2 off at q = 0, unsaid."""
    tau, q0, spread = 100.0, -43.2, 4.1
    start = Orbits(*np.array([[math.log(tau)], [q0], [spread], [-math.inf]]))
    levels, logs = [-30.0, -5.0, 0.0, 3.0, 30.0, 60.0], []
    for level in levels:
        ends = np.append(np.arange(q0, level, 2.0), level)
        parts = [
            quad(
                lambda q, top=level: math.exp(q - top) / (2 * tau * math.hypot(q, spread)),
                low, high, epsabs=0, epsrel=1e-13,
            )[0]
            for low, high in pairwise(ends)
        ]  # fmt: skip
        logs.append(math.log(math.fsum(parts)) + level)

    def run():
        return follow_orbits(start, np.array(logs), np.zeros(1, int), False)[0][0]

    found = run() if compiled else by_numpy(run)
    assert (np.abs(found - levels) < 3e-13).all()


def test_any_batch_has_the_same_bits():
    """Ground truth: the same trials in other batches, bit by bit."""
    data, descent = lp.Dataset([3.0, -1.0], [1, -1]), lp.GradientDescent(0.05)
    told = {"trials": 40, "seed": 4, "samples": 20, "train_output": True}
    whole = lp.ensemble("he_normal", data, descent, **told)
    for batch in (7, 17):
        parts = lp.ensemble("he_normal", data, descent, **told, batch=batch)
        for name in whole:
            np.testing.assert_array_equal(parts[name].values, whole[name].values, err_msg=name)
