"""The record of a run, and what can be asked of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from latephase.core import InputError, Law, LogTime, Outcome, Regime, Rigour, Words
from latephase.core.arrays import Floats, Ints
from latephase.core.calls import public
from latephase.core.pictures import Pictured, drawing
from latephase.core.records import Lawful, Summarised
from latephase.margin import log_sharpness
from latephase.problem import Dataset, Method, Problem, ShallowReLU

from .passage.last_passage import FARTHEST
from .trajectory import network_of, output_weights_of, parameters_of

if TYPE_CHECKING:
    import xarray as xr

    from latephase.core.pictures import Figure


@public
@dataclass(frozen=True, repr=False)
class Run(Summarised, Pictured, Lawful):
    """What `simulate` found.

    Attributes
    ----------
    network, data, method, loss
        What was trained, on what, how and on which loss.
    trajectory : xarray.Dataset
        The samples over (time, neuron, feature), see `simulate`.  Its coordinate time holds texts
        ("1e3" or "1000", as given): ask `at` for a time.
    outcome : Outcome
        Why the simulation stopped.
    regime : Regime or None
        How a run of two neurons on two points ends; None while unsettled.
    law : Law or None
        How boundary and margin come to their limits; given iff the loss is known to tend to 0.
    rigour : Rigour or None
        The weakest of the samples' rigours; None where no sample was reached.
    pattern : array (neuron, point) or None
        Statuses at the last time reached (0 inactive, 1 active, 2 sliding); None where no sample
        was reached.
    options : mapping
        What else `simulate` was asked, such as ``{"dtype": "float32"}``.
    until : LogTime or None
        The horizon that was asked for.
    entry : LogTime or None
        From when on it is in its regime, or in its last mode; None while unsettled, and where
        single steps were made.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> run = lp.simulate(net, data, lp.GradientDescent(0.1))
    >>> run.regime.name, run.rigour.name
    ('specialised', 'exact')
    >>> print(run.law)
    x* ~ 0 + 0.2 / (ln t - 1.20944)
    >>> str(run.when(deficit=0.01))
    '1626079666'
    >>> run.network_at("1e6").weights.ravel().round(4)
    array([ 6.403, -6.203])
    """

    network: ShallowReLU
    data: Dataset
    method: Method
    trajectory: xr.Dataset
    outcome: Outcome
    regime: Regime | None
    law: Law | None
    rigour: Rigour | None
    loss: str = "exponential"
    pattern: Ints | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    until: LogTime | None = None
    entry: LogTime | None = None
    _limit: Any = field(default=None, repr=False, compare=False)
    _card = "cards.run"

    def __post_init__(self) -> None:
        law = vars(self)["law"]
        if law is not None:
            law.shared_by(self._constant_shares)

    def law_from(self, find: Callable[[], Law | None]) -> Law | None:
        """What `find` gives, with shares of its constant that are found when asked for."""
        law = find()
        if law is not None:
            law.shared_by(self._constant_shares)
        return law

    def _constant_shares(self) -> Floats:
        from .limit import constant_shares

        return constant_shares(self)

    def lines(self) -> list[str]:
        """How it ended, its law, and the last sample."""
        names = [self.outcome.name, *([self.regime.name] if self.regime else [])]
        last = self.trajectory.isel(time=-1)
        seen = f"t = {last.time.values}: margin {float(last.robustness_margin):.6g}, "
        seen += f"deficit {float(last.margin_deficit):.6g}, ln loss {float(last.log_loss):.6g}"
        head = f"{', '.join(names)}; {self.trajectory.sizes['time']} samples to t = {self.until}"
        law = [] if self.law is None else [str(self.law)]
        return [head, *law, f"{seen} ({last.rigour.values or 'not reached'})"]

    @property
    def problem(self) -> Problem:
        """Network, data, method and loss in one."""
        return Problem.of(self.network, self.data, self.method, self.loss)

    @property
    def flow(self) -> bool:
        """Whether time is real (gradient flow), not a number of updates."""
        return not self.method.discrete

    def at(self, t: object) -> xr.Dataset:
        """The sample at time t.

        Parameters
        ----------
        t : int, str or LogTime
            A time, as in `simulate`; it may lie beyond the horizon of this run.

        Returns
        -------
        xarray.Dataset
            The variables of `trajectory` at this time alone, without the dim time.

        Raises
        ------
        InputError
            If t is no time, or is beyond ln t = 10^6 and the run is not followed there.

        Notes
        -----
        A time that was not recorded is computed: the run is made again up to it, which is quick for
        gradient descent and flow and takes t updates for methods that are stepped.  Rigour: that of
        the sample, ``rigour`` in it.
        """
        time = LogTime.parse(t, flow=self.flow, name="t")
        recorded = [str(text) for text in self.trajectory.time.values]
        for k, text in enumerate(recorded):
            if LogTime.parse(text, flow=self.flow) == time:
                return self.trajectory.isel(time=k)
        found = self.followed([time]).isel(time=0)
        if time.log > FARTHEST and np.isnan(found.log_loss):
            got, do = Words(f"ln t = {time.log:.6g}"), "ask for an earlier one, or its law"
            raise InputError(f"a time up to ln t = {FARTHEST:g}, as far as runs go", got, do)
        return found

    def network_at(self, t: object) -> ShallowReLU:
        """The network at time t, as a `ShallowReLU`.

        Parameters
        ----------
        t : int, str or LogTime
            As in `at`.

        Returns
        -------
        ShallowReLU
            With the weights and biases of the sample at t, and its output layer if trained.

        Raises
        ------
        InputError
            If t is no time, or the run does not reach it.

        Notes
        -----
        `Limit.network_at` is another thing: the asymptotic network.
        """
        sample = self.at(t)
        if not np.isfinite(parameters_of(sample)).all():
            got = Words(f"t = {t}, and the run ended as {self.outcome.name}")
            raise InputError("a time that the run reaches", got, "ask for an earlier one")
        return network_of(sample, self.network)

    def when(
        self,
        *,
        deficit: float | None = None,
        boundary: float | None = None,
        log_loss: float | None = None,
    ) -> LogTime | None:
        """The first time from which on a quantity stays within a bound: its last passage.

        Parameters
        ----------
        deficit : float
            Bound of the margin deficit, in units of the inputs.
        boundary : float
            Bound of |x* - law.limit_boundary|, in units of the inputs.
        log_loss : float
            Bound of the natural logarithm of the loss.

        Returns
        -------
        LogTime or None
            For ever where the limit is known (`law`), and then it may lie beyond the horizon; else
            up to the last sample.  None where the quantity never stays within the bound, as where
            the deficit of the limit itself is larger, or float64 cannot tell.

        Raises
        ------
        InputError
            Unless one bound is given, and that is a number which the quantity of this run can have.

        Notes
        -----
        Rigour: estimated.  Late passages are those of the law; others are looked for on the run,
        which is made again for it, to 1e-8 of ln t or one update: see `Limit.steps_within`.  Of
        networks of more than 16 neurons on three features and more, whose margins are bounds, the
        margin is by the zeros that are the nearest in the limit, in closed form: late deficits of
        margins that rise to their limit are told, and others are None.
        """
        from .passage.when import when

        asked = {"deficit": deficit, "boundary": boundary, "log_loss": log_loss}
        return when(self, {name: bound for name, bound in asked.items() if bound is not None})

    def sharpness(self, *, log: bool = False) -> xr.DataArray:
        """The largest eigenvalue of the loss's Hessian in what is trained, at each sample.

        Parameters
        ----------
        log : bool
            Its natural logarithm instead, which does not underflow at late times.

        Returns
        -------
        xarray.DataArray
            Over (time); NaN where a sample was not reached.

        Raises
        ------
        InputError
            On a call with other arguments.

        Notes
        -----
        Gradient descent is stable to first order where it is below 2 / step size; see `sharpness`.
        Rigour: that of the samples.
        """
        theta = parameters_of(self.trajectory)
        outer, last = output_weights_of(self.trajectory, self.network), None
        if self.network.output_bias is not None:
            last = self.trajectory.output_bias.values
        found = log_sharpness(self.network, theta, self.data, self.problem.loss, outer, last)
        times = self.trajectory.time
        name = "log_sharpness" if log else "sharpness"
        seen = times.copy(data=found if log else np.exp(found)).rename(name)
        return seen.assign_attrs(long_name=name.replace("_", " "), units="1")

    def conserved(self) -> xr.Dataset:
        r"""What gradient flow keeps of each neuron in the last pattern, at each sample.

        Returns
        -------
        xarray.Dataset
            Over (time, neuron): null_part, the length of the part of (w_j, b_j) that no point moves
            in `pattern`; and imbalance, \|(w_j, b_j)\|^2 - v_j^2, where the output weights are
            trained.  NaN where a sample was not reached; no null_part without a pattern.

        Raises
        ------
        InputError
            On a call with arguments.

        Notes
        -----
        Once the pattern stays, a null part does not change, by whatever moves along gradients; the
        imbalance, which gradient flow keeps from t = 0 on, is changed by steps, in the order of
        step size times loss.  Rigour: that of the samples.
        Source: docs/theory.md.
        """
        from .conserved import conserved

        return conserved(self)

    def plot(self, ax: Any = None) -> Figure:
        """The margin and the margin deficit over log10 t, with the law beside them.

        Parameters
        ----------
        ax : matplotlib Axes or list of two, optional
            Where to draw: one gets the margin alone.  Default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure
            The margins in units of the inputs.  A notebook shows it; ``.savefig("run.pdf")``.

        Raises
        ------
        InputError
            If ax is something else.

        Notes
        -----
        A run of fewer than 100 samples is made again for more of them, and for two neurons on two
        points once more wherever the margin turns: that takes as long as the run did.
        """
        found: Figure = drawing("run.plot")(self, ax)
        return found

    def plot_boundary(self, t: object, ax: Any = None) -> Figure:
        """The network at time t as a function of the input, with its boundary and the points.

        On the line N(x) with its kinks and zeros; in the plane the regions where N > 0 and N < 0,
        kinks, and circles whose radius is the margin.  Dashed: the boundary of the limit.

        Parameters
        ----------
        t : int, str or LogTime
            A time, as in `at`.
        ax : matplotlib Axes, optional
            Where to draw.  Default: a new figure.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        InputError
            If t is no time or not reached, for inputs of more than two features, and if ax is
            something else.
        """
        found: Figure = drawing("boundary.plot")(self, t, ax)
        return found

    def followed(self, times: list[LogTime]) -> xr.Dataset:
        """The samples of this run at other times, ascending: it is made again."""
        from .simulate import again

        return again(self.problem, times, self.options).trajectory
