"""`limit`: what a run converges to - network, margins, boundary, multipliers - and how fast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from latephase.core import InputError, Law, LogTime, Outcome, Words
from latephase.core.arrays import Bools, Floats
from latephase.core.calls import public
from latephase.late.limits.curve import Curve, boundary_law
from latephase.late.limits.direction import TIGHT, augmented, mode_gradients, not_separated
from latephase.late.limits.mode import ModeLimit, mode_limit
from latephase.late.limits.settled import Pair
from latephase.late.pattern import ACTIVE
from latephase.margin import zeros_on_line
from latephase.problem import Dataset, ShallowReLU

from .passage.pace import Pace
from .passage.passage import distance
from .run import Run


@public
@dataclass(frozen=True)
class Limit:
    """What a run whose loss tends to 0 converges to; theta = all weights and biases.

    network: the limit of theta / ln t, with smallest margin y N(x) = 1;  offset: theta - network *
    ln t in the limit;  multipliers (n,) >= 0 and slide_multipliers {(neuron, point): share of
    the multiplier} of the KKT conditions, which it meets up to kkt_residual;  normalised_margin:
    1 / |network|.  settled: whether the run stays in its mode for ever; if not, reason says which
    neuron leaves it at which point, and the rest is what would be if it stayed.
    degenerate: ln ln t enters: the offset is not all of the second order.  law: that of two
    neurons, or of the only zero on the line.  distance: of the last sample's direction to the
    limit's, both of length 1.  remainder: |theta - network_at(t)| at the last sample, which falls
    like t^-rate.  Rigour: exact in the mode; the part of the offset that is read off the run is
    estimated, and offset_error, the moves that were still to come, bounds its error once the
    remainder is small.
    """

    network: ShallowReLU
    offset: ShallowReLU
    offset_error: float
    remainder: float
    rate: float
    multipliers: Floats
    slide_multipliers: Mapping[Pair, float]
    kkt_residual: float
    normalised_margin: float
    settled: bool
    reason: str
    degenerate: bool
    law: Law | None
    distance: float
    data: Dataset
    flow: bool
    _curve: Curve = field(repr=False)
    _run: Run = field(repr=False)
    _log_last: float = field(repr=False)

    @property
    def robustness_margin(self) -> float:
        """Limit of the robustness margin, in units of the inputs; NaN if it cannot be measured.

        That of `network`, unless N vanishes on a whole region there: what is left of a dead neuron
        then decides, for all t, on which side the region is.
        """
        return self._curve.start

    @property
    def margin_constant(self) -> float:
        """C of robustness_margin - margin(t) ~ C / ln t, in units of the inputs."""
        return -self._curve.slope[0]

    @property
    def margin_constant_error(self) -> float:
        """Estimated error of margin_constant: of its extrapolation, and of rounding in `offset`."""
        return self._pace.constant_error

    @cached_property
    def boundary(self) -> Floats | None:
        """Zeros of the limit network on the line, ascending (k,); None for wider inputs."""
        if self.data.d != 1:
            return None
        n = self.network
        return zeros_on_line(n.weights[:, 0], n.biases, n.output_weights)

    def network_at(self, t: object) -> ShallowReLU:
        """The asymptotic network at time t > 1: network * ln t + offset.  Raises InputError."""
        time = LogTime.parse(t, flow=self.flow, name="t")
        if not time.log > 0:
            raise InputError("a time t > 1", Words(str(time)), "the late phase has ln t > 0")
        theta = _theta(self.network) * time.log + _theta(self.offset)
        return _network(theta, self.network.output_weights)

    def steps_within(self, eps: float) -> LogTime | None:
        """The time from which on |margin(t) - robustness_margin| <= eps, in steps (GF: flow time).

        By the curve network_at(t) where the run has come to it; earlier passages are looked for on
        the run itself, which is followed from its start, to 1e-8 of ln t.  It is the last passage,
        not the first.  None if the run is not settled, if its margin cannot be measured, and where
        float64 cannot tell it from its limit.  Rigour: estimated.  Raises InputError.
        """
        bound = distance(eps)
        return self._pace.within(bound) if self.settled and self._measured else None

    @property
    def _measured(self) -> bool:
        return math.isfinite(self._curve.slope[0])

    @property
    def _pace(self) -> Pace:
        slides = bool(self.slide_multipliers)
        return Pace(self._run, self._curve, self._log_last, self.remainder, self.rate, slides)


@public
def limit(run: Run) -> Limit:
    """What a run converges to, from the mode that it is in at its last sample.

    Raises InputError if the run has no pattern or its loss does not tend to 0 in that pattern, and
    says which points are not fitted.
    Source: docs/theory.md, "Any shallow network".
    """
    if not isinstance(run, Run):
        raise InputError("a Run", run, "pass what lp.simulate returned")
    theta, log_t = _last_sample(run)
    pattern, outer = _pattern(run), run.network.output_weights
    found = mode_limit(pattern, theta, run.data, outer, log_t, run.method.log_step)
    if found is None:
        raise _unfitted(not_separated(_gradients(run, pattern)))
    network, rest = _network(found.direction, outer), _network(found.offset, outer)
    served = run.data.labels * network(run.data.inputs)
    if (served <= TIGHT).any():  # one neuron on both points of a one-dead run: it will leave one
        raise _unfitted(served <= TIGHT)
    norm = _norm(found.direction)
    return Limit(
        network=network,
        offset=rest,
        offset_error=found.offset_error,
        remainder=_norm(theta - found.direction * log_t - found.offset),
        rate=found.rate,
        multipliers=found.multipliers,
        slide_multipliers=found.slide_multipliers,
        kkt_residual=_kkt_residual(found, pattern, network, run.data),
        normalised_margin=1 / norm,
        settled=found.settled,
        reason=found.reason,
        degenerate=found.degenerate,
        law=run.law or _law(run, found, log_t),
        distance=_norm(theta / _norm(theta) - found.direction / norm),
        data=run.data,
        flow=not run.method.discrete,
        _curve=Curve(found.direction, found.offset, outer, run.data),
        _run=run,
        _log_last=log_t,
    )


def _law(run: Run, found: ModeLimit, log_t: float) -> Law | None:
    outer, size = run.network.output_weights, run.data.optimal_margin
    return boundary_law(found.direction, found.offset, outer, log_t, size)


def _gradients(run: Run, pattern: NDArray[np.integer]) -> Floats:
    points = augmented(run.data.inputs)
    return mode_gradients(pattern, points, run.data.labels, run.network.output_weights)


def _unfitted(points: Bools) -> InputError:
    named = [str(i) for i in np.flatnonzero(points)]
    shown = ", ".join(named[:10]) + (", ..." if len(named) > 10 else "")
    return InputError(
        "a run whose loss tends to 0",
        Words(f"one in which {len(named)} of {len(points)} points are not fitted: {shown}"),
        "points count from 0; pass a run that fits its data",
    )


def _last_sample(run: Run) -> tuple[Floats, float]:
    """theta (m, d + 1) and ln t of the latest sample that was reached."""
    samples = run.trajectory
    theta = np.concatenate([samples.weights.values, samples.biases.values[..., None]], axis=-1)
    log10_t = np.where(np.isfinite(theta).all(axis=(1, 2)), samples.log10_t.values, -np.inf)
    k = int(np.argmax(log10_t))
    if run.outcome is Outcome.overflowed:
        raise InputError("a run that ends", Words(run.outcome.value), "take a smaller step size")
    if not log10_t[k] > 0:
        raise InputError(
            "a run with a sample after t = 1", Words("none"), "raise until, or add `at`"
        )
    return theta[k], float(log10_t[k]) * math.log(10.0)


def _pattern(run: Run) -> NDArray[np.integer]:
    if run.dtype is not None or not run.method.has_late_phase:
        got = Words(f"one of {type(run.method).__name__} in {run.dtype or 'single steps'}")
        raise InputError("a run of gradient descent or flow, without dtype", got, "simulate that")
    if run.pattern is None:
        raise InputError(
            "a run with a pattern", Words(f"one that ended as {run.outcome.name}"), "raise until"
        )
    return run.pattern


def _kkt_residual(
    found: ModeLimit, pattern: NDArray[np.integer], network: ShallowReLU, data: Dataset
) -> float:
    """The residual of `margin.kkt_residual`, at the multipliers found instead of the best ones.

    An upper bound for it, and cheap where many neurons slide at one point.
    """
    shares = (pattern == ACTIVE).astype(float)
    for pair, share in found.slide_multipliers.items():
        shares[pair] = share
    pulls = shares * np.outer(network.output_weights, data.labels) * found.multipliers
    norm = _norm(found.direction)
    slack = found.multipliers * (data.labels * network(data.inputs) - 1) / norm
    return math.hypot(_norm(found.direction - pulls @ augmented(data.inputs)), _norm(slack)) / norm


def _norm(values: Floats) -> float:
    return float(np.linalg.norm(values))


def _theta(network: ShallowReLU) -> Floats:
    return np.concatenate([network.weights, network.biases[:, None]], axis=1)


def _network(theta: Floats, output_weights: Floats) -> ShallowReLU:
    return ShallowReLU(theta[:, :-1], theta[:, -1], output_weights)
