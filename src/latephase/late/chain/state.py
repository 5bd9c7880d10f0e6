"""A run under way: what is asked of it, where it stands, and what it has recorded."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from latephase.core import LogTime, Outcome
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.modes.filippov import Statuses
from latephase.late.modes.neuron import DEPENDENT
from latephase.late.modes.setting import Instant, Setting, lengths

_LEAST = 1e-4  # of the terms at the start: a neuron shorter than that may be on its way to 0


@dataclass(frozen=True)
class Goal:
    """What is asked of a chain: relative errors of smooth and of sliding phases, the step budget,
    the order of the modified flow, that on slides, and by what its thresholds are divided
    (`caution`).

    Chatter makes a slide a first-order method in its own neuron, but other neurons move on
    smoothly meanwhile, by steps that may be far larger (output weights 1e-5 and -0.1): of the two
    runs that are compared the better one follows them at full order, the other at order 0."""

    tolerance: float
    slide_tolerance: float
    max_steps: int
    order: int = 2
    slide_order: int = 0
    caution: float = 1.0


@dataclass
class Chain:
    """A run under way, and what it has recorded: theta (S, m, k), in the coordinates of its
    setting, doubt (S, m) and margin_doubt (S, n), NaN where not reached; these are absolute errors
    of (w_j, b_j) and of the margins that chatter leaves; rounding (S,): step_error then;
    lost (S,): whether rounding may have decided by then that a neuron lives;
    followed (S,): whether a flow has carried the run there.

    signs (m, n): exact ones at the start;  least (m, n): sizes of pre-activations below which a
    solver is not asked for more digits;  lowest: ln L, above which a flow cannot rise;
    work: steps of the solver;
    zero (m,): lengths below which a neuron counts as being at 0;  vanished (m,): whether the last
    mode brought it there;
    now: the clock;  theta, low: parameters and their low parts;  status (m, n): of the last mode
    followed, None after steps;  slid (m, n): pairs that were on their kinks when it ended;
    broken (m, n): pairs at whose guards it ended;  churn (m, n): how often in a row a pair ended
    modes that were brief, or that go on as they were;
    let_go (m, n): status to which a slide has just gone over, else -1;  held
    (n,): points at rest;  stretch: steps in a row;  stuck: modes in a row that ended at once;
    churned: brief ones in a row;
    flowed: whether a mode has been followed yet;  kicked: rounds in which
    chatter was too large to be averaged;  step_error: absolute, of rounding in the steps taken."""

    setting: Setting
    goal: Goal
    times: list[LogTime]
    until: LogTime
    theta: Floats
    recorded: Floats
    recorded_doubt: Floats
    recorded_margin_doubt: Floats
    signs: Ints
    least: Floats
    margin_doubt: Floats
    recorded_rounding: Floats
    recorded_lost: Bools
    followed: Bools
    slid: Bools
    broken: Bools
    churn: Ints
    held: Bools
    let_go: Ints
    doubt: Floats
    low: Floats
    zero: Floats
    vanished: Bools
    now: Instant = field(default_factory=Instant.start)
    reached: int = 0
    status: Statuses | None = None
    step_error: float = 0.0
    lowest: float = math.inf
    work: int = 0
    steps: int = 0
    stretch: int = 0
    stuck: int = 0
    flowed: bool = False
    churned: int = 0
    kicked: int = 0
    entry: Instant = field(default_factory=Instant.start)
    lost: bool = False
    outcome: Outcome | None = None

    @classmethod
    def start(
        cls,
        setting: Setting,
        theta: Floats,
        times: list[LogTime],
        until: LogTime,
        goal: Goal,
        signs: Ints | None = None,
    ) -> Chain:
        """A run at t = 0, at theta (m, d + 1), with nothing recorded of the sorted `times`.

        signs (m, n): of the pre-activations; None: as theta has them.
        """
        m, n = setting.signs.shape
        samples = len(times)
        entered, low = setting.frame.entered(theta)
        signs = setting.frame.signs(theta) if signs is None else signs
        placed = entered
        if setting.discrete:  # a flow looks at signs only once
            placed = setting.frame.on_their_sides(entered, signs)
        return cls(
            setting,
            goal,
            times,
            until,
            placed,
            recorded=np.full((samples, *entered.shape), np.nan),
            recorded_doubt=np.full((samples, m), np.nan),
            recorded_margin_doubt=np.full((samples, n), np.nan),
            signs=signs,
            least=_LEAST * setting.terms(entered),
            margin_doubt=np.zeros(n),
            recorded_rounding=np.full(samples, np.nan),
            recorded_lost=np.zeros(samples, bool),
            followed=np.zeros(samples, bool),
            slid=np.zeros((m, n), bool),
            broken=np.zeros((m, n), bool),
            churn=np.zeros((m, n), int),
            held=np.zeros(n, bool),
            let_go=np.full((m, n), -1),
            doubt=np.zeros(m),
            low=low,
            zero=DEPENDENT * lengths(entered),
            vanished=np.zeros(m, bool),
            step_error=float(np.abs(placed - entered).sum()),
        )

    @property
    def turned(self) -> Bools:
        """Neurons (m,) at whose kinks the last mode ended."""
        return np.asarray(self.broken.any(axis=1))

    @property
    def log_left(self) -> float:
        """ln of the time left to the horizon."""
        return self.now.log_until(self.until)
