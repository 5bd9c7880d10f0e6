"""`limit`: what a run converges to - network, margins, boundary, multipliers - and how fast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError, Law, LogTime
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.core.pictures import Pictured, drawing
from latephase.core.records import Summarised, distance
from latephase.late.engine import Goal
from latephase.late.engines.exact_pieces import ExactPieces
from latephase.late.limits.curve import Curve
from latephase.late.limits.direction import TIGHT, not_separated
from latephase.late.limits.gradients import LinearMode
from latephase.late.limits.law import mode_law
from latephase.late.limits.parts import constant_parts
from latephase.late.limits.reading import read_off
from latephase.late.limits.settled import Pair
from latephase.margin import zeros_on_line
from latephase.problem import Dataset, ShallowReLU

from .last_mode import kkt_residual, last_sample, length, log_of_late, pattern_of, unfitted
from .passage.deviation import Deviation
from .passage.pair_deviation import PairDeviation
from .run import Run
from .two_layer_limit import TwoLayerLimit, two_layer_limit

if TYPE_CHECKING:
    from latephase.core.pictures import Figure

_ULP = 2.0**-52
_SHARP = 1e-6  # of a constant, to which the curve must know it


@public
@dataclass(frozen=True, repr=False)
class Limit(Summarised, Pictured):
    """What a run whose loss tends to 0 converges to; theta = all weights and biases.

    Attributes
    ----------
    network : ShallowReLU
        The limit of theta / ln t, with smallest margin y N(x) = 1.
    offset : ShallowReLU
        theta - network * ln t in the limit.
    offset_error : float
        The moves that were still to come where the offset was read off, which is later than any
        sample if these are off the path: bounds the error of what is read off, up to rounding.
    remainder : float
        |theta - network_at(t)| at the last sample, which falls like t^-rate; where a run
        settled after that, at its horizon.
    rate : float
        That exponent.
    multipliers : array (n,)
        Those of the KKT conditions, >= 0.
    slide_multipliers : mapping
        {(neuron, point): share of the multiplier} for pairs that slide, from the negative slope
        (0 of a ReLU) to 1.
    kkt_residual : float
        Up to which the KKT conditions are met.
    normalised_margin : float
        1 / |network|.
    settled : bool
        Whether the run stays in its mode for ever; if not, `reason` says which neuron leaves it at
        which point, and the rest is what would be if it stayed.
    reason : str
        "" if settled.
    degenerate : bool
        Whether ln ln t enters: the offset is then not all of the second order.
    law : Law or None
        As in `Run`; None where rounding hides it.
    distance : float
        Of the same theta's direction to the limit's, both of length 1.
    data, flow
        Of the run.

    Notes
    -----
    Rigour: exact in the mode; the part of the offset that is read off the run is estimated.
    Source: docs/theory.md, "Limits".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> run = lp.simulate(net, data, lp.GradientDescent(0.1))
    >>> end = lp.limit(run)
    >>> end.settled, end.multipliers.round(6)
    (True, array([0.5, 0.5]))
    >>> str(end.steps_within(0.01))
    '1626079666'
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
    _curve: Curve
    _run: Run
    _log_last: float
    _card = "cards.limit"

    def lines(self) -> list[str]:
        """Whether it is the limit, how large its margin is, and the law."""
        head = "settled" if self.settled else f"not settled, {self.reason}"
        head += f": normalised margin {self.normalised_margin:.6g}"
        return [head, "the law is hidden by rounding" if self.law is None else str(self.law)]

    @property
    def robustness_margin(self) -> float:
        """Limit of the robustness margin, in units of the inputs; NaN if it cannot be measured.

        That of `network`, unless N vanishes on a whole region there: what is left of a dead neuron
        then decides, for all t, on which side the region is.
        """
        return self._curve.start

    @property
    def margin_constant(self) -> float:
        """C of robustness_margin - margin(t) ~ C / ln t, in units of the inputs: that of `law`.

        Where rounding hides the law, the extrapolated one, 0 if no larger than its error.
        """
        known = None if self.law is None else self.law.margin_constant
        return self._curve.law_numbers()["margin_constant"] if known is None else known

    @property
    def margin_constant_error(self) -> float:
        """Estimated error of margin_constant: of its extrapolation, and of rounding in `offset`."""
        size = float(np.abs(self.data.inputs).max())
        return self._curve.slope[1] + 16 * _ULP * self._log_last * size

    @cached_property
    def boundary(self) -> Floats | None:
        """Zeros of the limit network on the line, ascending (k,); None for wider inputs."""
        if self.data.d != 1:
            return None
        n = self.network
        parts = (n.weights[:, 0], n.biases_or_zeros, n.output_weights)
        return zeros_on_line(*parts, n.negative_slope)

    @property
    def constant_shares(self) -> Floats | None:
        """What each neuron gives to `law.constant`, (m,): see `Law`; None without a law."""
        return None if self.law is None else self.law.constant_shares

    def network_at(self, t: object) -> ShallowReLU:
        """The asymptotic network at time t > 1: network * ln t + offset.

        Parameters
        ----------
        t : int, str or LogTime
            A time, as in `simulate`.

        Returns
        -------
        ShallowReLU
            What the run tends to; `Run.network_at` is what it is.

        Raises
        ------
        InputError
            If t is no time, or not above 1.
        """
        theta = self.network.parameters * log_of_late(t, self.flow) + self.offset.parameters
        return self.network.with_parameters(theta)

    def plot(self, ax: Any = None) -> Figure:
        """The limit network as in `Run.plot_boundary`, and the points whose losses decide it.

        Of more than two features the margins y N(x) of all points.  ax and result: as there.
        """
        found: Figure = drawing("limit.plot")(self, ax)
        return found

    def steps_within(self, eps: float) -> LogTime | None:
        """The time from which on |margin(t) - robustness_margin| <= eps.

        Parameters
        ----------
        eps : float
            A distance in units of the inputs.

        Returns
        -------
        LogTime or None
            In steps (gradient flow: flow time).  It is the last passage of the run from t = 0 on,
            as in `Prediction` and `Run.when`.  None if the run is not settled, if its margin cannot
            be measured, and where float64 cannot tell it from its limit.

        Raises
        ------
        InputError
            If eps is no number above 1e-290.

        Notes
        -----
        Rigour: estimated.  By the curve network_at(t), or the law of a pair, where the run has come
        to it; earlier ones are looked for on the run itself, as in `Prediction.steps_within`.  Of
        networks of more than 16 neurons on three features and more by the zeros that are the
        nearest in the limit, and None where others may be.
        """
        bound = distance(eps)
        return self._deviation().within(bound) if self.settled and self._measured else None

    def boundary_steps_within(self, eps: float) -> LogTime | None:
        """The time from which on the zero of N is within eps of law.limit_boundary.

        All else as in `steps_within`; None too where the zeros of the limit are no single point of
        the line.
        """
        bound, law = distance(eps), self.law
        known = self.settled and law is not None and law.limit_boundary is not None
        return self._deviation(boundary=True).within(bound) if known else None

    @property
    def _measured(self) -> bool:
        return math.isfinite(self._curve.slope[0])

    def _deviation(self, boundary: bool = False) -> Deviation | PairDeviation:
        run, (law, entry) = self._run, self._law_and_entry
        if run.problem.is_pair and law is not None and math.isfinite(law.constant):
            return PairDeviation(run.problem, law, entry, run.options, boundary)
        sharp = self.margin_constant_error <= _SHARP * abs(self._curve.slope[0])
        asymptotic = (self._curve, self._log_last, self.remainder, self.rate)
        return Deviation(run, law, *asymptotic, sharp, bool(self.slide_multipliers), boundary)

    @cached_property
    def _law_and_entry(self) -> tuple[Law | None, LogTime]:
        """As `predict` finds them where it does, so that both say the same; else of the end."""
        run = self._run
        if run.problem.has_closed_form:
            found = ExactPieces().run(run.problem, [], Goal(None, **run.options))
            if found.law is not None and found.entry is not None:
                return found.law, found.entry
        return self.law, LogTime.from_log(self._log_last, flow=self.flow)


@public
def limit(run: Run) -> Limit | TwoLayerLimit:
    """What a run converges to, from the mode that it is in at its last sample or, settled, its end.

    Parameters
    ----------
    run : Run
        What `simulate` returned.

    Returns
    -------
    Limit or TwoLayerLimit
        Network, margins, boundary and multipliers of the limit, and how fast it is approached; the
        latter of a run that trains both layers.

    Raises
    ------
    InputError
        If the run has no pattern or its loss does not tend to 0 in that pattern; it says which
        points are not fitted.

    Notes
    -----
    Rigour: exact in the mode.  Source: [soudry2018]; docs/theory.md, "Any shallow network" and
    "Limits".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> run = lp.simulate(net, data, lp.GradientDescent(0.1))
    >>> end = lp.limit(run)
    >>> end.network.weights.ravel().round(6), end.network.biases.round(6)
    (array([ 0.5, -0.5]), array([0.5, 0.5]))
    >>> round(end.robustness_margin, 6)
    1.0
    """
    if not isinstance(run, Run):
        raise InputError("a Run", run, "pass what lp.simulate returned")
    if run.network.train_output:
        return two_layer_limit(run)
    pattern, kind = pattern_of(run), run.network
    theta, log_t = last_sample(run, pattern)
    reading = read_off(run.problem, pattern, theta, log_t)
    mode = LinearMode.of(pattern, run.data, kind)
    if reading is None:
        raise unfitted(not_separated(mode.gradients))
    found = reading.limit
    network, rest = kind.with_parameters(found.direction), kind.with_parameters(found.offset)
    served = run.data.labels * network(run.data.inputs)
    if (served <= TIGHT).any():  # one neuron on both points of a one-dead run: it will leave one
        raise unfitted(served <= TIGHT)
    norm = length(found.direction)
    curve = Curve(found.direction, found.offset, kind, run.data)
    law = run.law or mode_law(found, kind, run.data, reading.log_t)
    if law is not None:
        law.shared_by(partial(constant_parts, curve, law, reading.log_t))
    return Limit(
        network=network,
        offset=rest,
        offset_error=found.offset_error,
        remainder=length(theta - found.direction * log_t - found.offset),
        rate=found.rate,
        multipliers=found.multipliers,
        slide_multipliers=found.slide_multipliers,
        kkt_residual=kkt_residual(found, mode, network, run.data),
        normalised_margin=1 / norm,
        settled=found.settled,
        reason=found.reason,
        degenerate=found.degenerate,
        law=law,
        distance=length(theta / length(theta) - found.direction / norm),
        data=run.data,
        flow=not run.method.discrete,
        _curve=curve,
        _run=run,
        _log_last=log_t,
    )


def constant_shares(run: Run) -> Floats:
    """What each neuron gives to run.law.constant, (m,): see `Law`; NaN where the run has no limit
    that can be told again from its last sample."""
    try:
        law = limit(run).law
    except InputError:
        return np.full(run.network.m, np.nan)
    assert law is not None  # that of the run
    shares = law.constant_shares
    assert shares is not None
    return shares
