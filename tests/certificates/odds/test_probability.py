"""Certified probabilities against samples, closed forms, and enclosures against single orbits."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import inf, sqrt

import numpy as np
import pytest
from flint import ctx
from scipy import integrate, stats
from scipy.special import ndtr

from helpers import message_is_one_line, often, shares
from latephase.certificates.odds.landing import after_one_step, ladder
from latephase.certificates.odds.normal_biases import RESULT_BITS, normal_landing
from latephase.certificates.odds.normal_mass import S_BITS
from latephase.certificates.odds.pboxes import exceedance
from latephase.certificates.odds.probability import certified_distribution
from latephase.certificates.odds.uniform_biases import FRACTION_BITS, landed_on_cells
from latephase.core import InputError
from latephase.core.balls import bounds, exact, precision
from latephase.problem import Dataset, GradientDescent, GradientFlow, initializers
from latephase.problem.initializers import Initializer

# 200,000 networks are sampled, and masses are narrowed down, for many initializers.
pytestmark = pytest.mark.slow

DATA = Dataset([1.0, -1.0], [1, -1])
CONSTANTS = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 20.0)
TRIALS, STEPS = 200_000, 1000


def certified(initializer, step_size=0.1, constants=CONSTANTS, undecided=0.02):
    return certified_distribution(
        initializer, DATA, GradientDescent(step_size), constants, undecided=undecided
    )


def scaled(law: str, scale: float) -> Initializer:
    """Weights and biases of that law and scale."""
    draw = {"normal": initializers.standard_normal, "uniform": initializers.uniform}[law].draw
    return Initializer(f"{law} {scale}", draw, lambda fan_in, fan_out: scale, False)


def landed(right, wrong, c):
    """Final wrong-side pre-activations, float64, one map per point; -0.0 if not there by STEPS."""
    right, wrong = right.copy(), wrong.copy()
    moving = np.flatnonzero(wrong > 0)
    for _ in range(STEPS):
        step = c * np.exp(np.minimum(wrong[moving] - right[moving], 700.0))
        right[moving] += step
        wrong[moving] -= step
        moving = moving[wrong[moving] > 0]
    return np.minimum(wrong, -0.0)


def sampled(initializer, step_size):
    """|C| of TRIALS networks, infinite where one is dead."""
    weights, biases = initializers.get(initializer)(trials=TRIALS, seed=7)
    plus, minus = weights[:, :, 0] + biases, biases - weights[:, :, 0]
    alive = (plus[:, 0] > 0) & (minus[:, 1] > 0)
    p2 = landed(plus[alive, 0], plus[alive, 1], 2 * step_size)
    q1 = landed(minus[alive, 1], minus[alive, 0], 2 * step_size)
    sizes = np.full(TRIALS, inf)
    sizes[alive] = np.abs(p2 - q1) / 2
    return sizes


def outside(lower, upper, hits, trials):
    """By how many standard deviations a count of hits lies outside [lower, upper] at most."""
    lower, upper, share = np.array(lower), np.array(upper), hits / trials
    nearest = np.clip(share, lower, upper)
    deviation = np.sqrt(np.maximum(nearest * (1 - nearest), 1 / trials) / trials)
    return np.max(np.abs(share - nearest) / deviation)


SAMPLED = [
    *((name, 0.1) for name in initializers.names() if name != "uniform"),  # pytorch_default again
    ("standard_normal", 1.0), ("standard_normal", 0.01), ("pytorch_default", 2.0),
    (scaled("normal", 20.0), 1e10), (scaled("normal", 1e-3), 1e-3), (scaled("normal", 0.3), 0.2),
    (scaled("uniform", 50.0), 0.1), (scaled("uniform", 1e-3), 1e-3), (scaled("uniform", 0.2), 0.05),
]  # fmt: skip


@pytest.mark.parametrize("case", shares(len(SAMPLED), everyday=range(0, len(SAMPLED), 3)))
def test_bands_contain_sampled_shares(case):
    """Ground truth: 200,000 networks drawn and stepped in float64, to five standard deviations."""
    initializer, step_size = SAMPLED[case]
    sizes = sampled(initializer, step_size)
    # Quantiles, but none so small that float64 has not landed it within STEPS.
    low, high = np.quantile(sizes[np.isfinite(sizes)], [0.02, 0.999])
    constants = np.geomspace(max(low, 2e-3 * min(high, 1.0)), high, 6)
    found = certified(initializer, step_size, constants)
    hits = np.sum(sizes[:, None] <= constants, axis=0)
    assert outside(found.lower, found.upper, hits, TRIALS) < 5
    assert outside(*found.trained, np.sum(np.isfinite(sizes)), TRIALS) < 5


@pytest.mark.parametrize(
    "name", often(["standard_normal", "pytorch_default", "he_uniform"], ["standard_normal"])
)
def test_bands_contain_what_descent_does_in_weights_and_biases(name):
    """Ground truth: gradient descent of 20,000 networks in (w, b), which knows of no decoupling."""
    trials, step_size = 20_000, 0.5
    weights, biases = initializers.get(name)(trials=trials, seed=3)
    w, b = weights[:, :, 0].T.copy(), biases.T.copy()
    x, v = np.array([1.0, -1.0])[:, None], np.array([1.0, -1.0])[:, None, None]
    for _ in range(800):
        a = w[:, None] * x + b[:, None]  # (neuron, point, trial)
        output = np.maximum(a[0], 0) - np.maximum(a[1], 0)
        pull = step_size * v * x * np.exp(-x * output) * (a > 0)  # labels are the inputs
        w += pull[:, 0] - pull[:, 1]
        b += pull[:, 0] + pull[:, 1]
    alive = (w + b > 0) | (b - w > 0)
    both = alive.all(axis=0)
    sizes = np.where(both, np.abs(w[1] + b[1] - b[0] + w[0]) / 2, inf)
    some = np.array([0.05, 0.2, 0.5, 2.0])
    found = certified(name, step_size, some)
    hits = np.sum(sizes[:, None] <= some, axis=0)
    assert outside(found.lower, found.upper, hits, trials) < 5
    assert outside(*found.trained, both.sum(), trials) < 5
    assert outside(*found.one_dead, (alive.sum(axis=0) == 1).sum(), trials) < 5
    assert outside(*found.both_dead, (~alive).all(axis=0).sum(), trials) < 5


@pytest.mark.parametrize("name", initializers.names())
def test_a_quarter_a_half_a_quarter(name):
    """Ground truth: two independent fair coins; they are also the end of the distribution."""
    found = certified(name, constants=[1e75], undecided=0.1)
    assert found.trained == found.both_dead == (0.25, 0.25)
    assert found.one_dead == (0.5, 0.5)
    assert 0.24 < found.lower[0] <= found.upper[0] == 0.25


@pytest.mark.parametrize("name", initializers.names())
def test_bands_rise_and_keep_the_order_asked_for(name):
    """Ground truth: a distribution function, 0 at 0 because it has no atoms."""
    some = (0.0, 0.02, 0.3, 2.0)
    found = certified(name, constants=some, undecided=0.1)
    for bound in (found.lower, found.upper):
        assert list(bound) == sorted(bound)
        assert bound[0] == 0.0
    assert all(low <= high for low, high in zip(found.lower, found.upper))
    assert found.undecided == max(high - low for low, high in zip(found.lower, found.upper))
    backward = certified(name, constants=some[::-1], undecided=0.1)
    assert backward == replace(
        found, constants=some[::-1], lower=found.lower[::-1], upper=found.upper[::-1]
    )


@pytest.mark.parametrize(
    "name", often(["standard_normal", "large_normal", "pytorch_default"], ["standard_normal"])
)
def test_coarse_and_fine_bands_meet(name):
    """Ground truth: the true value lies in both."""
    some = (0.03, 0.2, 1.0)
    coarse, fine = (certified(name, constants=some, undecided=wanted) for wanted in (0.3, 0.05))
    assert all(a <= b for a, b in zip(coarse.lower, fine.upper))
    assert all(a <= b for a, b in zip(fine.lower, coarse.upper))
    assert fine.undecided < coarse.undecided


@pytest.mark.parametrize("c", [1e-4, 0.05, 0.4, 1.5, 4.0])
def test_he_normal_in_closed_form(c):
    """Ground truth: P(||w1| - |w2|| / 2 <= c) of half-normals by quadrature in float64."""
    law = stats.halfnorm(scale=sqrt(2))
    share, _ = integrate.quad(
        lambda x: 2 * law.pdf(x) * (law.cdf(x + 2 * c) - law.cdf(x)), 0, 20, epsrel=1e-10
    )
    found = certified("he_normal", constants=[c])
    assert found.lower[0] * (1 - 1e-6) <= share / 4 <= found.upper[0] * (1 + 1e-6)
    assert found.undecided < 1e-15


@pytest.mark.parametrize("name", ["he_uniform", "xavier_uniform"])
def test_uniform_without_bias_in_exact_rationals(name):
    """Ground truth: (1 - (1 - 2c/h)^2) / 4 with h the exact double, and 1/4 from c = h/2 on."""
    h = Fraction(initializers.get(name).scale(1, 2))
    found = certified(name)
    for c, low, high in zip(found.constants, found.lower, found.upper):
        truth = (1 - max(0, 1 - 2 * Fraction(c) / h) ** 2) / 4
        assert Fraction(low) <= truth <= Fraction(high)
        assert high - low <= np.spacing(low)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("he_normal", 1e-3),
        pytest.param("standard_normal", 1e-3, marks=pytest.mark.campaign),
        pytest.param("pytorch_default", 1e-2, marks=pytest.mark.campaign),
    ],
)
def test_undecided_mass_is_as_small_as_wanted(name, wanted):
    """Ground truth: the criterion, fixed beforehand: joint mass 1e-3, and 1e-2 when coupled."""
    assert certified(name, undecided=wanted).undecided <= wanted


@pytest.mark.parametrize("c", [1e-3, 0.2, 3.0])
def test_ladder_is_climbed_by_single_orbits(c):
    """Ground truth: the map in 200-bit balls, from rungs and from points between two ends."""
    with precision(96):
        found = ladder(c, -3.0, 4.0, finest=1e-3, gap=0.05, share=20)
        ends = np.linspace(-3, 4, 50)
        low, high = after_one_step(c, [exact(end) for end in ends.tolist()])
    assert np.all(found.lower[:-1] <= found.upper[1:])
    between = np.sort(np.random.default_rng(0).uniform(found.lower[0], found.lower[-1], (50, 2)))
    a, b = found.between(*between.T)
    assert np.all((found.upper[a] <= between[:, 0]) & (between[:, 1] <= found.lower[b]))
    assert len(found.lower) % found.phases == 0
    draws = np.random.default_rng(0).uniform(ends[0], ends[-1], 500)
    with precision(200):
        twice = 2 * exact(c)
        for i in range(0, len(found.lower) - found.phases, 17):
            for start in (found.lower[i], found.upper[i]):
                after = exact(start) + twice * (-exact(start)).exp()
                assert bounds(after)[0] <= Fraction(found.upper[i + found.phases]) + Fraction(
                    1, 2**49
                )
                assert bounds(after)[1] >= Fraction(found.lower[i + found.phases]) - Fraction(
                    1, 2**49
                )
        for u, k in zip(draws.tolist(), np.searchsorted(ends, draws) - 1):
            least, most = bounds(exact(u) + twice * (-exact(u)).exp())
            assert Fraction(low[k]) <= least
            assert most <= Fraction(high[k])


@pytest.mark.parametrize(("c", "half_width"), [(0.2, 1.0), (2.0, 1.0), (0.05, 3.0), (1e-3, 0.01)])
def test_landed_values_lie_in_their_cells(c, half_width):
    """Ground truth: single orbits in float64, which err by less than a thousandth of a cell."""
    n = 64
    with precision(96):
        found = landed_on_cells(c, half_width, n)
    draws = np.random.default_rng(1).uniform(0, n, (20_000, 2))
    cell = 2 * half_width / n
    truth = landed(*(draws.T * cell), c) / cell * 2**FRACTION_BITS
    i, k = draws.astype(int).T
    there = truth != 0  # those that are there
    assert there.mean() > 0.3
    slack = 2**FRACTION_BITS / 1000
    assert np.all(found.low[i, k][there] <= truth[there] + slack)
    assert np.all(found.high[i, k][there] >= truth[there] - slack)
    assert np.median(found.high - found.low) < 5 * 2**FRACTION_BITS


LANDING = [
    (0.2, 1.0, (-0.5, -0.1, -0.03, -0.01, -0.003)),
    (40.0, 0.1, (-45.0, -40.0, -38.0)),  # L = (S - u_1) / 2 whatever the start
    (2e-3, 0.05, (-1.5e-3, -1e-3, -3e-4)),  # |u_0| lies many steps from u_0
]


def landing_share(start, x, c, s):
    """P(S > |u_0|, L <= x | u_0 = start), orbits stepped in float64; S of deviation 2 s."""
    u, share = start, np.zeros_like(start)
    for _ in range(400):
        before = np.maximum(np.abs(start), u)
        u = u + 2 * c * np.exp(-u)
        share += ndtr(np.maximum(u + 2 * x, before) / (2 * s)) - ndtr(before / (2 * s))
    return share


@pytest.mark.parametrize(("c", "s", "points"), LANDING)
def test_landing_law_holds_for_each_orbit_of_a_cell(c, s, points):
    """Ground truth: orbits from the ends and the inside of cells, stepped in float64."""
    found = normal_landing(c, s, 8, 0.9 * min(map(abs, points)))
    for x in points:
        cells, *bands = found.within_cells(x)
        low, high = (band / 2**S_BITS for band in bands)
        for part in (1e-9, 0.3, 0.7, 1 - 1e-9):
            share = landing_share(cells.begin + part * (cells.end - cells.begin), x, c, s)
            assert np.all(low <= share + 1e-12)
            assert np.all(share <= high + 1e-12)


@pytest.mark.parametrize(("c", "s", "points"), LANDING)
def test_landing_law_of_independent_normals(c, s, points):
    """Ground truth: midpoint rule over 20,000 u_0, all orbits stepped in float64."""
    found = normal_landing(c, s, 20, 0.9 * min(map(abs, points)))
    edges = np.linspace(-16 * s, 16 * s, 20_001)
    start = (edges[1:] + edges[:-1]) / 2
    weights = stats.norm.pdf(start, scale=2 * s) * np.diff(edges)
    for x in points:
        low, high = (bound / 2**RESULT_BITS for bound in found.below(x))
        truth = np.dot(landing_share(start, x, c, s), weights)
        assert low * (1 - 1e-6) <= truth <= high * (1 + 1e-6)
        assert high - low < 0.04


GRID = np.array([-3.0, -2.0, -0.5, 0.0])
EARLY, LATE = np.array([5, 6, 9, 12]), np.array([1, 4, 6, 12])  # masses up to the points of GRID


@pytest.mark.parametrize("distance", [0, Fraction(1, 3), 1, Fraction(5, 2), 10**400])
def test_bounds_of_a_difference_hold_in_the_worst_case(distance):
    """Ground truth: sums over all pairs, everything as far down or up as the bounds allow."""
    low_ends = [-(10**500), *np.nextafter(GRID[:-1], 0).tolist()]
    lower_ends = [Fraction(end) - Fraction(1, 10**9) for end in low_ends]
    early, late = np.diff(EARLY, prepend=0), np.diff(LATE, prepend=0)

    def share(p, q):
        """P(p - q > distance) for two laws, each of points and masses."""
        return sum(
            a * b
            for (x, a) in zip(*p)
            for (y, b) in zip(*q)
            if Fraction(x) - Fraction(y) > distance
        )

    box = np.stack([LATE, EARLY])
    low, high = exceedance(GRID, box, box, Fraction(distance))
    down, up = (low_ends, early), (GRID.tolist(), late)
    assert low <= share(down, up)
    assert share(up, down) <= high
    # No looser than a hair: where a difference is met exactly, it may count on either side.
    assert high <= share((GRID.tolist(), late), (lower_ends, early))
    assert share((lower_ends, early), up) <= low


@pytest.mark.campaign
def test_precision_is_left_alone():
    """Ground truth: the precision before the call."""
    before = ctx.prec
    certified("standard_normal", undecided=0.2)
    certified("uniform", undecided=0.5)
    assert ctx.prec == before


OTHER = Initializer(
    "exponential", lambda g, shape: g.exponential(size=shape), lambda i, o: 1.0, True
)
BAD = [
    {"data": Dataset([1.0, -1.0], [-1, 1])}, {"data": Dataset([1.0, -2.0], [1, -1])},
    {"data": Dataset([[1.0, 0.0], [-1.0, 0.0]], [1, -1])}, {"data": None},
    {"data": Dataset([1.0, -1.0, 2.0], [1, -1, 1])}, {"method": GradientFlow()}, {"method": None},
    {"constants": []}, {"constants": [0.1, -1e-9]}, {"constants": [np.nan]}, {"constants": 0.5},
    {"undecided": 0.0}, {"undecided": 1}, {"undecided": None}, {"initializer": "kaiming"},
    {"initializer": OTHER}, {"initializer": scaled("normal", 0.0)},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD)
def test_what_is_not_proved_is_refused_in_one_line(change):
    """Ground truth: the contract of certified_distribution."""
    arguments = {
        "initializer": "he_normal", "data": DATA, "method": GradientDescent(0.1),
        "constants": [0.1], "undecided": 0.1,
    } | change  # fmt: skip
    with pytest.raises(InputError) as caught:
        certified_distribution(**arguments)
    assert message_is_one_line(caught.value)


def test_the_order_of_the_points_does_not_matter():
    """Ground truth: the same data in the other order."""
    other = certified_distribution(
        "he_normal", Dataset([-1, 1], [-1, 1]), GradientDescent(0.1), [0.3], undecided=0.1
    )
    assert other == certified("he_normal", constants=[0.3], undecided=0.1)
