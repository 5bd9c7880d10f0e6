"""`limit` of a network that trains both layers: a KKT point, and the powers of ln t beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError, Law, LogTime, Outcome, Words
from latephase.core.arrays import Floats
from latephase.core.calls import public
from latephase.core.pictures import Pictured, drawing
from latephase.core.records import Summarised, distance
from latephase.late.layered.dynamics import LayeredDynamics
from latephase.late.layered.ends.ending import ending_of
from latephase.late.layered.ends.kkt import KKTPoint
from latephase.late.layered.ends.law import layered_law
from latephase.late.layered.ends.limit import LayeredLimit
from latephase.late.layered.ends.parts import layered_parts
from latephase.late.layered.mode import LayeredMode
from latephase.problem import Dataset, ShallowReLU

from .last_mode import last_state, length, log_of_late, pattern_of
from .passage.deviation import margins_of, zeros_off
from .passage.last_passage import FARTHEST, RESOLVED, last_passage
from .run import Run

if TYPE_CHECKING:
    from latephase.core.pictures import Figure

_AHEAD = 1.5  # times ln t by the law, up to which a run is followed to see its last passage


@public
@dataclass(frozen=True, repr=False)
class TwoLayerLimit(Summarised, Pictured):
    """What a run converges to that trains both layers and whose loss tends to 0.

    Attributes
    ----------
    network : ShallowReLU
        The limit of (weights, biases, output weights) / sqrt(ln t), with smallest margin y N(x) =
        1: a KKT point.  Of a continuum of these, as where neurons share a role, the nearest one.
    multipliers : array (n,)
        Those of the KKT conditions, >= 0.
    kkt_residual : float
        Up to which the KKT conditions are met.
    normalised_margin : float
        1 / |network|^2, all parameters counted: the network is homogeneous of degree 2.
    exponents : array (e,)
        Powers of 1 / ln t by which deviations from the direction decay, ascending: 1/2 of null
        parts, less where several neurons serve the same points; 0 where they stay.
    imbalance : array (m,)
        |(w_j, b_j)|^2 - v_j^2 at the last sample; gradient flow keeps it.
    imbalance_drift : float
        The largest change of that since the start, relative to the squared length of its neuron.
    law : Law or None
        As in `Run`.
    distance : float
        Of the last sample's direction to the limit's, both of length 1.
    data, flow
        Of the run.

    Notes
    -----
    Rigour: estimated: the limit is that of the mode at the last sample, which is followed on to
    ln t = 10^6.  Source: [lyuli2020]; docs/theory.md, "Every layer trained".

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> both = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2], [0.5, -1.5], train_output=True)
    >>> end = lp.limit(lp.simulate(both, data, lp.GradientDescent(0.1)))
    >>> end.exponents.round(4)
    array([0.5, 1. ])
    >>> round(end.robustness_margin, 6)
    1.0
    """

    network: ShallowReLU
    multipliers: Floats
    kkt_residual: float
    normalised_margin: float
    exponents: Floats
    imbalance: Floats
    imbalance_drift: float
    law: Law
    distance: float
    data: Dataset
    flow: bool
    _run: Run
    _log_last: float

    settled = True
    _card = "cards.limit"

    def lines(self) -> list[str]:
        """How large its margin is, and the law."""
        return [f"settled: normalised margin {self.normalised_margin:.6g}", str(self.law)]

    @property
    def robustness_margin(self) -> float:
        """Limit of the robustness margin, in units of the inputs; NaN if it cannot be measured."""
        found = self.law.limit_margin
        return math.nan if found is None else found

    @property
    def margin_constant(self) -> float:
        """C of robustness_margin - margin(t) ~ C / (ln t)^exponent, that of `law`."""
        found = self.law.margin_constant
        return math.nan if found is None else found

    @property
    def constant_shares(self) -> Floats | None:
        """What each neuron gives to `law.constant`, (m,): see `Law`."""
        return self.law.constant_shares

    def network_at(self, t: object) -> ShallowReLU:
        """The asymptotic network at time t > 1: network * sqrt(ln t).

        Parameters
        ----------
        t : int, str or LogTime
            A time, as in `simulate`.

        Returns
        -------
        ShallowReLU
            What the run tends to in direction, and in size up to a factor 1 + O(ln ln t / ln t);
            `Run.network_at` is what it is.

        Raises
        ------
        InputError
            If t is no time, or not above 1.
        """
        size = math.sqrt(log_of_late(t, self.flow))
        theta, outer = self.network.parameters * size, self.network.output_weights * size
        return self.network.with_parameters(theta, outer)

    def plot(self, ax: Any = None) -> Figure:
        """The picture of `Limit.plot`: the limit network, and the points whose losses decide it."""
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
            In steps (gradient flow: flow time): the last passage of the run from t = 0 on.  None
            where the margin cannot be measured or float64 cannot tell it from its limit.

        Raises
        ------
        InputError
            If eps is no number above 1e-290.

        Notes
        -----
        Rigour: estimated.  The run itself is followed; beyond ln t = 10^6 the law answers.
        """
        limit = self.robustness_margin
        return self._within(eps, lambda path: np.abs(margins_of(path, self._run) - limit))

    def boundary_steps_within(self, eps: float) -> LogTime | None:
        """The time from which on the zero of N is within eps of law.limit_boundary.

        All else as in `steps_within`; None too where the zeros of the limit are no single point of
        the line.
        """
        if self.law.limit_boundary is None:
            return None
        return self._within(eps, lambda path: zeros_off(path, self._run, self.law), boundary=True)

    def _within(
        self, eps: float, off: Callable[..., Floats], boundary: bool = False
    ) -> LogTime | None:
        bound, run = distance(eps), self._run
        if bound < RESOLVED * float(np.abs(run.data.inputs).max()):
            return None

        def excess(times: list[LogTime]) -> Floats:
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(off(run.followed(times))) - math.log(bound))

        said = self.law.log_time_within(bound, boundary=boundary)
        log_top = max(_AHEAD * (said or 0.0), self._log_last, 1.0)
        while log_top <= FARTHEST:
            top = LogTime.from_log(log_top, flow=run.flow)
            found = last_passage(excess, top, flow=run.flow)
            if found is not None:
                return found
            log_top *= 2
        return None if said is None else LogTime.from_log(said, flow=run.flow)


def two_layer_limit(run: Run) -> TwoLayerLimit:
    """What a run that trains both layers converges to.  Raises InputError."""
    pattern = pattern_of(run)
    state, log_t = last_state(run)
    limit: LayeredLimit | None = run._limit  # what the law is read off, where there is one
    outcome = run.outcome
    if limit is None and run.problem.has_layered_form:  # exact pieces need none for their law
        dynamics = LayeredDynamics.of(run.problem)
        coordinates, _ = dynamics.frame.coordinates(state[:, :-1])
        end = np.concatenate([coordinates, state[:, -1:]], axis=1)
        order = 2 if run.problem.method.discrete else 0
        found = ending_of(LayeredMode.of(dynamics, end, pattern).on_kinks, log_t, order)
        limit, outcome = LayeredLimit.of(dynamics, run.network, found), found.outcome
    if limit is None:
        fits = outcome is not Outcome.unfitted
        got = Words("one that does not settle in its pattern" if fits else "one that does not")
        raise InputError("a run whose loss tends to 0", got, "raise until, or take another start")
    direction, start = limit.direction, run.network
    network = start.with_parameters(direction[:, :-1], direction[:, -1])
    sizes, imbalance = (state**2).sum(axis=1), (state[:, :-1] ** 2).sum(axis=1) - state[:, -1] ** 2
    first = (start.parameters**2).sum(axis=1) - start.output_weights**2
    point: KKTPoint = limit.point
    law = run.law or layered_law(limit, run.network, run.data)
    law.shared_by(partial(layered_parts, limit, run.network, run.data, law))
    return TwoLayerLimit(
        network=network,
        multipliers=point.multipliers,
        kkt_residual=point.residual,
        normalised_margin=1 / length(direction) ** 2,
        exponents=np.sort(np.unique(np.round(point.exponents, 12) + 0.0)),
        imbalance=imbalance,
        imbalance_drift=float((np.abs(imbalance - first) / sizes).max()),
        law=law,
        distance=length(state / length(state) - direction / length(direction)),
        data=run.data,
        flow=run.flow,
        _run=run,
        _log_last=log_t,
    )
