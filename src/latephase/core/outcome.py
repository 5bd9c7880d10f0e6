"""Why a run stopped, how it ends, and how sure a number is: enums whose values are the messages.

What is stored and printed is the name (`Outcome.settled.name == "settled"`).
"""

from __future__ import annotations

from enum import Enum


class Outcome(Enum):
    """Why the simulation stopped and what it found.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> lp.simulate(net, data, lp.GradientDescent(0.1)).outcome.value
    'the run settled in a terminal regime; every later time is known'
    """

    settled = "the run settled in a terminal regime; every later time is known"
    transient = "the horizon was reached before the run had settled; how it goes on is not known"
    budget_exhausted = (
        "the budget does not reach to the horizon: what cannot be skipped goes step by step, "
        "max_steps at most; raise it, or take a smaller step size"
    )
    stalled = (
        "no parameter changes any more in this arithmetic: a fixed point of rounding, not a limit"
    )
    overflowed = "the parameters left the range of float64; take a smaller step size"
    unfitted = (
        "the run settled, but not in a regime with a name, and the active neurons never fit every "
        "point: the loss tends to a positive constant"
    )
    inaccurate = (
        "rounding took over: the loss rose where it cannot, so the run was not followed further; "
        "centre or rescale the inputs, or take a smaller step size"
    )


class Regime(Enum):
    """How a run of two neurons on two points ends (docs/theory.md, "Activation patterns").

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> lp.simulate(net, data, lp.GradientDescent(0.1)).regime.value
    'each neuron is active on its own point only; the loss tends to 0'
    """

    specialised = "each neuron is active on its own point only; the loss tends to 0"
    double_slide = "both neurons chatter around a kink at the other's point; the loss tends to 0"
    single_slide = "one neuron chatters around a kink at the other's point; the loss tends to 0"
    one_dead = "one neuron is inactive on both points for ever; the loss stays positive"
    both_dead = "both neurons are inactive on both points for ever; the loss stays as it is"


class Rigour(Enum):
    """How sure a number is, from the surest down.

    Examples
    --------
    >>> data = lp.Dataset([1.0, -1.0], [1, -1])
    >>> net = lp.ShallowReLU([0.7, -0.4], [0.1, 0.2])
    >>> lp.simulate(net, data, lp.GradientDescent(0.1)).rigour.value
    'a closed form evaluated in float64'
    """

    proved = "enclosed by ball arithmetic or a proved bound"
    exact = "a closed form evaluated in float64"
    estimated = "with an error estimate that is not a bound"
    measured = "read off a simulation"
