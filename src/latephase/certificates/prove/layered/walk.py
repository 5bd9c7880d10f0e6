"""Both layers by gradient descent in balls, step by step, to where nothing changes its role.

With pull_i = step * y_i * loss_i, neuron j moves by v_j pull_i (x_i, 1) for each point i that it is
active on, hence a_jp by that times k_ip, and v_j by pull_i a_ji.  A neuron *serves* point i if it
is active on i alone and y_i v_j > 0.  Then a_ji and y_i v_j grow, and for k12 <= 0 its other
pre-activation does not: once each neuron serves a point or is inactive on both, it is so for ever.
Source: docs/certificates.md, "Both layers".
"""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.prove.walk.arrival import Leg, Progress
from latephase.certificates.prove.walk.step import BOTH, LARGEST_EXPONENT, Active, Balls, positive
from latephase.certificates.verdict import Unprovable
from latephase.core import Regime
from latephase.core.balls import arb, exact

from .growth import Growth
from .system import LayeredSystem

Pair = tuple[arb, arb]

_AT_ONCE = 8  # steps before bounds are tried again
_TOLD = 256  # steps between two reports of progress
_SIGNS = (1, -1)  # y_i
_INACTIVE = -1  # the role of a neuron that is inactive on both points


@dataclass(frozen=True)
class LayeredState:
    """a (2 neurons, 2 points), v (2 neurons): balls;  active: signs of a, decided;  ever: which
    were ever positive;  time: updates done."""

    a: Balls
    v: tuple[arb, arb]
    active: Active
    ever: Active
    time: int

    def role(self, j: int) -> int | None:
        """The point that neuron j serves; -1 if it is inactive on both; None of any other.

        Raises Undecided where the sign of its output weight is.
        """
        on = [i for i in BOTH if self.active[j][i]]
        if not on:
            return _INACTIVE
        return on[0] if len(on) == 1 and positive(_SIGNS[on[0]] * self.v[j]) else None


@dataclass(frozen=True)
class LayeredArrival:
    """Where the walk ended: as `Arrival`.

    entry: the first step in the regime;  state: at the step from which the growths hold;  serves:
    the neuron of each point, and growths: of the margins, where both points are served.
    """

    regime: Regime
    reason: str
    entry: int
    state: LayeredState
    legs: tuple[Leg, ...]
    serves: tuple[int, int]
    growths: tuple[Growth, Growth] | None


class LayeredWalk:
    """A run under way; walking raises Undecided (more bits may help) or Unprovable."""

    def __init__(
        self, system: LayeredSystem, max_steps: int, progress: Progress | None = None
    ) -> None:
        assert system.step is not None
        self.system, self.left, self.max_steps = system, max_steps, max_steps
        self.progress, self.step, self.gram = progress, exact(system.step), system.gram()
        (a11, a12), (a21, a22) = system.start
        active = (a11 > 0, a12 > 0), (a21 > 0, a22 > 0)
        a = (exact(a11), exact(a12)), (exact(a21), exact(a22))
        v = exact(system.outputs[0]), exact(system.outputs[1])
        self.state = LayeredState(a, v, active, active, 0)

    def arrive(self) -> LayeredArrival:
        """Walk until every later step is known."""
        if self.system.k12 > 0:
            raise Unprovable("both layers trained where x1 x2 > -1: no proof is known")
        roles = self._roles()
        while None in roles:
            self.advance()
            roles = self._roles()
        entry = self.state.time
        reason = "wrong sides frozen" if self.system.k12 == 0 else "wrong sides sink"
        regime, growths = Regime.one_dead, None
        if roles == (_INACTIVE, _INACTIVE):
            regime, reason = Regime.both_dead, "nothing moves"
        elif roles[0] == roles[1]:
            raise Unprovable("both neurons serve one point: no regime has that name")
        elif _INACTIVE not in roles:
            regime = Regime.specialised
        serves = (0, 1) if roles[0] == 0 else (1, 0)
        if regime is Regime.specialised:
            growths = self._grown(serves)
        legs = (Leg("steps", self.state.time),)
        return LayeredArrival(regime, reason, entry, self.state, legs, serves, growths)

    def _roles(self) -> tuple[int | None, int | None]:
        return self.state.role(0), self.state.role(1)

    def _grown(self, serves: tuple[int, int]) -> tuple[Growth, Growth]:
        """The growths of both margins, from a step at which they are narrow."""
        while True:
            first, second = (self._growth(i, serves[i]) for i in BOTH)
            if first and second and first.narrow and second.narrow:
                return first, second
            for _ in range(_AT_ONCE):
                self.advance()

    def _growth(self, point: int, neuron: int) -> Growth | None:
        here = self.state
        own = _SIGNS[point] * here.v[neuron]
        return Growth.of(self.system, point, here.a[neuron][point], own, here.time)

    def advance(self) -> None:
        """One step."""
        if self.left == 0:
            raise Unprovable("the run has not settled within the step budget")
        self.left -= 1
        if self.progress and self.left % _TOLD == 0:
            self.progress(self.max_steps - self.left, self.max_steps)
        self.state = step_once(self.system, self.state, self.step, self.gram)


def outputs(state: LayeredState) -> tuple[arb, arb]:
    """N at both points."""
    first, second = (
        sum((state.v[j] * state.a[j][i] for j in BOTH if state.active[j][i]), arb(0)) for i in BOTH
    )
    return first, second


def step_once(system: LayeredSystem, state: LayeredState, step: arb, gram: Balls) -> LayeredState:
    """The next state.  Raises Undecided on an open sign, Unprovable beyond the range of balls."""
    pulls = []
    for y, output in zip(_SIGNS, outputs(state), strict=True):
        if not abs(output) < LARGEST_EXPONENT:
            raise Unprovable("an output beyond 10^18: its loss leaves the range of balls")
        loss = 1 / (1 + (y * output).exp()) if system.logistic else (-y * output).exp()
        pulls.append(y * step * loss)
    rows, v = [], []
    for j in BOTH:
        row, output_weight = list(state.a[j]), state.v[j]
        for i in BOTH:
            if not state.active[j][i]:
                continue
            output_weight = output_weight + pulls[i] * state.a[j][i]
            change = pulls[i] * state.v[j]
            for p in BOTH if system.k12 else (i,):  # else frozen, and stays exact
                row[p] = row[p] + change * gram[i][p]
        rows.append((row[0], row[1]))
        v.append(output_weight)
    a = rows[0], rows[1]
    first, second = (_signs(a[j], state.a[j], state.active[j]) for j in BOTH)
    ever = _either(first, state.ever[0]), _either(second, state.ever[1])
    return LayeredState(a, (v[0], v[1]), (first, second), ever, state.time + 1)


def _signs(now: Pair, before: Pair, active: tuple[bool, bool]) -> tuple[bool, bool]:
    """Which of a neuron's pre-activations are positive; what has not moved keeps its sign."""
    first, second = (active[i] if now[i] is before[i] else positive(now[i]) for i in BOTH)
    return first, second


def _either(x: tuple[bool, bool], y: tuple[bool, bool]) -> tuple[bool, bool]:
    return x[0] or y[0], x[1] or y[1]
