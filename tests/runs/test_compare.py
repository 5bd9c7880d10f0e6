"""Methods side by side: the same networks as elsewhere, the theory's numbers, honest clocks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import latephase as lp
from latephase.experiments.bench.decay import decay
from latephase.margin import largest_normalised_margin, normalised_margin
from latephase.problem import TwoPointGeometry
from latephase.training.loops.follow import follow
from latephase.training.methods.table import METHODS, named, stepped, texts_of

PAPER = lp.Dataset([1.0, -1.0], [1, -1])
OUTER = np.array([1.0, -1.0])


def test_gradient_descent_is_that_of_ensemble() -> None:
    """Ground truth: `ensemble`, whose pieces do not step."""
    data = lp.Dataset([3.0, -1.0], [1, -1])
    settings = {"trials": 40, "seed": 5, "until": 3000, "at": [0, 10, 3000]}
    stepped_ = lp.compare("he_uniform", data, [lp.GradientDescent(0.1)], **settings)
    known = lp.ensemble("he_uniform", data, lp.GradientDescent(0.1), **settings)
    for name in ("weights", "biases", "boundary", "robustness_margin", "log_loss"):
        got, want = stepped_[name].values[0], known[name].values
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=name)


OF_TRIAL = ("outcome", "regime", "limit_margin", "limit_normalised_margin", "margin_constant")
OF_TRIAL += ("law_constant", "law_offset", "law_exponent", "limit_boundary", "entry_log10_t")


@pytest.mark.parametrize(
    ("inputs", "until"), [((3.0, -1.0), 300), ((0.5, -0.5), 30_000), ((1.0, 2.0), 300)], ids=str
)
def test_what_a_trial_has_one_of_is_that_of_ensemble(inputs, until) -> None:
    """Ground truth: `ensemble`, of trials that specialise, that slide, and that have not settled at
    this horizon; of a method with a memory nothing is known."""
    data = lp.Dataset(list(inputs), [1, -1])
    settings = {"trials": 30, "seed": 5, "until": until, "at": [until, 0]}
    found = lp.compare("he_uniform", data, [lp.GradientDescent(0.1), lp.Nesterov(0.1)], **settings)
    known = lp.ensemble("he_uniform", data, lp.GradientDescent(0.1), **settings)
    assert np.isfinite(known.limit_margin).any() == (inputs != (1.0, 2.0))  # it takes longer there
    for name in OF_TRIAL:
        np.testing.assert_array_equal(found[name].values[0], known[name].values, err_msg=name)
        assert found[name].dims == ("algorithm", "trial")
        assert found[name].attrs == known[name].attrs
    assert ((found.law_rigour[0] == "") == (known.regime == "unsettled")).all()
    other = found.isel(algorithm=1)
    assert set(other.regime.values) == {"unsettled"}
    assert set(other.law_rigour.values) == {""}
    assert other.limit_boundary.isnull().all()
    assert (found.rigour == "measured").all()
    assert (found.error.sel(time="0") == 0).all()
    assert found.error.sel(time=str(until)).isnull().all()


@pytest.mark.parametrize(
    ("method", "loss"),
    [
        (lp.PowerStep(0.1, exponent=0), "logistic"),
        (lp.PowerStep(0.1, exponent=0.5), "exponential"),
        (lp.StochasticGradientDescent(0.1), "exponential"),
        (lp.LossScaled(0.1), "exponential"),
    ],
    ids=str,
)
def test_methods_that_follow_the_flow_have_its_limit(method, loss) -> None:
    """Ground truth: the gap at the end, which is that of the law; the limit of gradient descent."""
    data = lp.Dataset([3.0, -1.0], [1, -1])
    settings = {"trials": 40, "seed": 5, "until": "1e4", "at": ["1e4"], "loss": loss}
    found = lp.compare("he_uniform", data, [method], **settings).isel(algorithm=0)
    known = found.where(found.law_rigour != "", drop=True)
    assert known.sizes["trial"] > 3
    assert set(known.regime.values) == {"specialised"}
    assert (known.limit_boundary == 0.5).all()
    assert (found.regime == "specialised").equals(np.isfinite(found.limit_margin))
    off = known.boundary.isel(time=0) - known.limit_boundary
    if isinstance(method, lp.LossScaled):  # its flow time is no power of t
        assert known.law_constant.isnull().all()
        flow = known.current_law_constant / (known.log_flow_time + known.current_law_offset)
        assert (abs(off / flow - 1).median() < 0.005).all()
    else:
        law = known.law_constant / (np.log(1e4) + known.law_offset)
        drawn = isinstance(method, lp.StochasticGradientDescent)  # its flow time varies by 1.4 %
        assert (abs(off / law - 1).median() < (0.03 if drawn else 0.005)).all()


def test_steps_that_shrink_too_fast_have_no_limit_of_the_flow() -> None:
    """Ground truth: the sum of 1/(t+1)^2, which is finite: ln(1/L) stays bounded."""
    assert lp.LossScaled(0.1, decay=1.0).follows_flow
    assert not lp.LossScaled(0.1, decay=2.0).follows_flow


# docs/theory.md, "Remedies": |x*| at t = 10^2 .. 10^5 on x = 1, -1 with C = 0.25, step size 0.5.
TABLE = {
    "gd": (4.9e-2, 3.4e-2, 2.6e-2, 2.1e-2),
    "power_step:step_size=0.1": (3.4e-2, 2.1e-2, 1.5e-2, 1.2e-2),
    "nesterov": (3.0e-2, 2.0e-2, 1.4e-2, 1.1e-2),
    "loss_scaled": (4.9e-3, 5.0e-4, 5.0e-5, 5.0e-6),
    "normalized_gd": (4.9e-3, 5.0e-4, 5.0e-5, 5.0e-6),
    "loss_scaled:decay=0.5": (2.3e-2, 7.7e-3, 2.5e-3, 7.9e-4),
    "dual_acceleration": (1.9e-4, 2.0e-6, 2.0e-8, 2.0e-10),
}


@pytest.mark.parametrize("text", TABLE)
def test_the_decays_of_the_theory(text: str) -> None:
    """Ground truth: the table of the theory page, two digits."""
    found = follow(
        np.array([[[1.0], [-0.75]]]),  # null components 0.75 and -0.25: C = 0.25
        np.array([[0.25, 0.5]]),
        [10**2, 10**3, 10**4, 10**5],
        inputs=PAPER.inputs,
        labels=PAPER.labels,
        output_weights=OUTER,
        method=stepped(named(text, 0.5)),
    )
    w, b = found.weights[:, 0, :, 0], found.biases[:, 0]
    gaps = np.abs((b[:, 0] - b[:, 1]) / (w[:, 0] - w[:, 1]))
    np.testing.assert_allclose(gaps, TABLE[text], rtol=0.05)


@pytest.mark.parametrize("text", [name for name, method in METHODS.items() if method.spans])
def test_methods_in_the_span_conserve_the_null_components(text: str) -> None:
    """Ground truth: w_j - x_j b_j, which no gradient of point j changes; 1000 steps from a start
    that has specialised, so that no other point is ever seen."""
    data = lp.Dataset([3.0, -1.0], [1, -1])
    start = (np.array([[[1.0], [-1.0]]]), np.array([[0.5, 0.25]]))
    found = follow(
        *start,
        [0, 1000],
        inputs=data.inputs,
        labels=data.labels,
        output_weights=OUTER,
        method=stepped(named(text, 0.05)),
    )
    null = found.weights[:, 0, :, 0] - np.array([3.0, -1.0]) * found.biases[:, 0]
    np.testing.assert_allclose(null[1], null[0], rtol=1e-9)
    assert np.abs(found.biases[1] - found.biases[0]).min() > 1e-3


@pytest.mark.parametrize(
    "inputs", [(1.0, -1.0), (3.0, -1.0), (0.5, -0.5), (3.0, 0.5), (-0.25, 2.0)]
)
def test_the_largest_normalised_margin(inputs: tuple[float, float]) -> None:
    """Ground truth: SLSQP on the shortest theta with both margins at least 1, from 40 starts."""
    data = lp.Dataset(list(inputs), [1, -1])

    def margins(theta: np.ndarray) -> np.ndarray:
        w, b = theta[:2], theta[2:]
        a = np.maximum(w[:, None] * np.array(inputs) + b[:, None], 0)
        return np.array([a[0, 0] - a[1, 0] - 1, a[1, 1] - a[0, 1] - 1])

    best = np.inf
    for start in np.random.default_rng(0).normal(size=(40, 4)) * 2:
        rule = {"type": "ineq", "fun": margins}
        found = minimize(lambda t: t @ t, start, method="SLSQP", constraints=rule)
        if margins(found.x).min() > -1e-6:
            best = min(best, found.x @ found.x)
    wanted = largest_normalised_margin(TwoPointGeometry.of(data))
    np.testing.assert_allclose(wanted, best**-0.5, rtol=1e-4)


def test_gradient_descent_tends_to_the_largest_normalised_margin() -> None:
    """Ground truth: the paper's theorem; at 10^1000 the gap is of the order of 1 / ln t."""
    run = lp.simulate(
        lp.ShallowReLU([0.9, -0.6], [0.3, 0.55]),
        PAPER,
        lp.GradientDescent(0.1),
        until="1e1000",
        at=["1e1000"],
    )
    w, b = run.trajectory.weights.values[0], run.trajectory.biases.values[0]
    gamma = normalised_margin(w, b, OUTER, PAPER.inputs, PAPER.labels)
    assert 0 <= largest_normalised_margin(TwoPointGeometry.of(PAPER)) - gamma < 1e-3


T = np.geomspace(1, 1e4, 41)
SHAPES = {
    "1/ln t": (0.3 / (np.log(T) + 2.0), 0.3),
    "power": (5.0 * T**-1.5, 1.5),
    "exponential": (0.2 * np.exp(-T / 700), 1 / 700),
    "stalled": (np.full(41, 4e-3), 4e-3),
}


@pytest.mark.parametrize("model", SHAPES)
def test_a_decay_is_recognised(model: str) -> None:
    """Ground truth: the curve it was made of, with 0.05 % of noise from trial to trial."""
    curve, value = SHAPES[model]
    noise = 1 + 5e-4 * np.random.default_rng(0).normal(size=(20, 41))
    found = decay(T, curve * noise)
    assert found.model == model
    np.testing.assert_allclose(found.value, value, rtol=0.02)
    assert found.low <= found.value <= found.high
    assert found.weight > 0.5


def test_a_gap_that_is_rounding_has_vanished() -> None:
    assert decay(T, np.full((5, 41), 1e-16)).model == "vanished"


def test_a_growing_gap_is_said_to_grow() -> None:
    assert decay(T, np.tile(1e-3 * T**0.3, (5, 1))).text == "t^0.30 (grows)"


def test_texts_name_methods_and_are_read_again() -> None:
    methods = [
        named(text, 0.25) for text in ("gd", "adam:eps=0:step_size=0.5", "sgd:replacement=0")
    ]
    methods.append(lp.SpanProjection(0.25, 100.0, lp.HeavyBall(0.25, 0.5)))
    texts, common = texts_of(methods)
    assert common is None
    assert [named(text, 1.0) for text in texts] == methods
    assert texts_of(methods[:1]) == (["gd"], 0.25)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo", "expected the name of a method, got 'foo' (str); use one of gd, power_step"),
        ("adam:eps=0:eps=1", "expected eps of adam once"),
        ("adam:epsilon=1", "expected a parameter of adam, got 'epsilon'; use one of step_size"),
        ("adam:eps", "expected eps=NUMBER behind adam:, got 'eps'; write adam:eps=1"),
        ("adam:eps=small", "expected a number as eps"),
        ("heavy_ball:momentum=1", "expected momentum in [0, 1), got 1.0 (float)"),
        ("weight_decay:strength=-1", "expected strength >= 0, got -1.0 (float)"),
        ("prgd:ratio=1", "expected ratio > 1, got 1.0 (float)"),
    ],
)
def test_bad_methods_are_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(lp.InputError) as caught:
        named(text, 0.1)
    assert said in str(caught.value)


def test_adam_warns_where_theory_says_nothing() -> None:
    with pytest.warns(UserWarning, match=r"theory needs beta2 > beta1\^2"):
        lp.Adam(0.1, beta1=0.9, beta2=0.8)


def test_bad_comparisons_are_refused() -> None:
    gd = lp.GradientDescent(0.1)
    settings = {"trials": 2, "seed": 0, "until": 10}
    for methods, data, more, said in (
        ([], PAPER, {}, "at least one method"),
        ([gd, gd], PAPER, {}, "every method once"),
        ([lp.GradientFlow()], PAPER, {}, "a method that is stepped"),
        (gd, PAPER, {}, "a list of methods"),
        ([gd], [1.0, -1.0], {}, "a Dataset"),
        ([gd], PAPER, {"width": 3}, "output_weights with other than 2 neurons"),
        ([gd], PAPER, {"width": 0}, "width"),
        ([gd], PAPER, {"resume": True}, "as `out`"),
        ([gd], PAPER, {"until": "1e9"}, "at most 1e8 updates"),
    ):
        with pytest.raises(lp.InputError, match=said):
            lp.compare("he_normal", data, methods, **{**settings, **more})


def test_what_is_no_method_is_refused_inside_another() -> None:
    with pytest.raises(lp.InputError, match=r"a method of latephase\.training, got 3"):
        lp.SpanProjection(0.1, method=3)


def test_simulate_steps_any_method_on_any_network() -> None:
    """Ground truth: `follow`; samples beyond max_steps are NaN and the outcome says so."""
    rng = np.random.default_rng(2)
    net = lp.ShallowReLU(rng.normal(size=(5, 2)), rng.normal(size=5), [1.0, -1.0, 1.0, -1.0, 1.0])
    data = lp.Dataset([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5]], [1, -1, 1])
    run = lp.simulate(net, data, lp.Nesterov(0.1), until=200, at=[0, 50, 200], max_steps=100)
    found = follow(
        net.weights[None],
        net.biases[None],
        [50],
        inputs=data.inputs,
        labels=data.labels,
        output_weights=net.output_weights,
        method=lp.Nesterov(0.1),
    )
    np.testing.assert_array_equal(run.trajectory.weights.values[1], found.weights[0, 0])
    assert np.isnan(run.trajectory.weights.values[2]).all()
    assert run.outcome is lp.Outcome.budget_exhausted
    assert run.trajectory.gradient_evaluations.values[1] == 50


def test_the_gap_to_the_limit_is_that_of_the_boundary():
    """Ground truth: |x* - x_inf|; on +-1 the deficit has more digits of it, where both agree."""
    data = lp.Dataset([1.0, -1.0], [1, -1])
    found = lp.compare("he_normal", data, [lp.GradientDescent(0.1)], trials=50, seed=0, until=1000)
    boundary, gap = np.abs(found.boundary.values), found.limit_gap.values
    known = np.isfinite(boundary)
    assert (boundary[known] > 1).any()  # a zero far away, with a deficit of at most 1
    scale = boundary[known] + 1  # a zero is known to rounding in units of the inputs, here 1
    assert (np.abs(gap[known] - boundary[known]) <= 1e-12 * scale).all()
    assert np.isnan(gap[~known]).all()


def test_whether_a_gap_falls_is_left_open_where_trials_do_not_say():
    """Ground truth: gaps that fall in one half of the trials and grow as fast in the other."""
    t = np.geomspace(1, 1e4, 30)
    gaps = np.array([0.1 * t ** (0.1 * sign) for sign in (1, -1) * 10])
    found = decay(t, gaps)
    assert found.model == found.text == "undecided"
    assert found.low <= 0 <= found.high
    assert decay(t, gaps[1::2]).model == "power"
