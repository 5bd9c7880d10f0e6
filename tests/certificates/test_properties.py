"""Certificates of arbitrary networks: never a crash, never an enclosure without the truth in it."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

import latephase as lp
from latephase.certificates.file.record import record

FLOATS = st.one_of(
    st.floats(-50, 50),
    st.sampled_from([0.0, -0.0, 1e-300, -1e-300, 5e-324, 1.0, -1.0, 1 / 3, 50.0, -50.0]),
)
POINTS = st.sampled_from(
    [(1, -1), (-1, 1), (2, -0.5), (3, -1), (0.5, -0.5), (1, 3), (0, 1), (3, -1 / 3)]
)
STEPS = st.floats(-3, 0.3).map(lambda x: 10.0**x)
PROBLEMS = st.tuples(FLOATS, FLOATS, FLOATS, FLOATS, POINTS, STEPS)


def certified(problem: tuple, **options) -> lp.Certificate:
    w1, w2, b1, b2, points, step_size = problem
    network, data = lp.ShallowReLU([w1, w2], [b1, b2]), lp.Dataset(points, [1, -1])
    return lp.certify(network, data, lp.GradientDescent(step_size), max_steps=500, **options)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PROBLEMS)
def test_start_is_exact_and_files_are_valid(problem):
    """Ground truth: rational arithmetic at t = 0, and the independent checker for the rest."""
    found = certified(problem)
    assert lp.verify(record(found)).faults == ()
    if found.proof is None:
        return
    w1, w2, b1, b2, points, _ = problem
    for j, (w, b) in enumerate(((w1, b1), (w2, b2))):
        for i, x in enumerate(points):
            exact = Fraction(w) * Fraction(x) + Fraction(b)
            lower, upper = (Fraction(end) for end in found.preactivations(0)[j][i])
            assert lower <= exact <= upper


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PROBLEMS)
def test_more_precision_never_contradicts(problem):
    """Ground truth: the same proof at 512 bits: the same regime, and enclosures that meet."""
    coarse, fine = certified(problem), certified(problem, bits=512)
    if coarse.proof is None or fine.proof is None:
        return
    assert coarse.regime is fine.regime
    for t in (0, 1, 20, "1e6", "1e1000"):
        low, high = coarse.deficit(t)
        least, most = fine.deficit(t)
        assert max(low, least) <= min(high, most)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PROBLEMS)
def test_swapping_neurons_and_labels_changes_nothing(problem):
    """Ground truth: the same problem with neurons and points listed in the other order."""
    w1, w2, b1, b2, (x1, x2), step_size = problem
    straight = certified(problem)
    network = lp.ShallowReLU([w2, w1], [b2, b1], [-1, 1])
    data = lp.Dataset([x2, x1], [-1, 1])
    swapped = lp.certify(network, data, lp.GradientDescent(step_size), max_steps=500)
    assert (straight.verdict, straight.reason) == (swapped.verdict, swapped.reason)
    if straight.proof is not None:
        assert straight.deficit("1e9") == swapped.deficit("1e9")
        assert straight.constant == swapped.constant
