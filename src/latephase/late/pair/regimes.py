"""The automaton of activation patterns: which ones a run can end in, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from latephase.core import Outcome, Regime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.late.pattern import (
    ACTIVE,
    INACTIVE,
    SLIDING,
    pattern_code,
    pattern_status,
    statuses,
)
from latephase.problem import TwoPointGeometry

from .state import margins

CHATTER_FACTOR = 16.0  # covers the error of a slide entered at a given chatter, by brute force

_FIRM = 0.1  # e-folds within which a kick must be taken back by a kink that holds beside another

_ROUNDING = 2.0**-49  # relative error of a margin
_LEAST_LOG = -600.0  # of a step's larger push

_SLIDES = {
    (SLIDING, SLIDING): Regime.double_slide,
    (ACTIVE, SLIDING): Regime.single_slide,
    (SLIDING, ACTIVE): Regime.single_slide,
    (INACTIVE, INACTIVE): Regime.specialised,
}


def terminal_regime(geometry: TwoPointGeometry, code: int) -> Regime | None:
    """The regime of a pattern that is never left; None for patterns no run can end in.

    Whether it is left is for the piece to say.  With k12 equal to k11 or k22 (an input at 0) the
    double slide turns into the single one, which has the same law, ever more slowly.
    Source: docs/theory.md, "Activation patterns".
    """
    status = pattern_status(code)
    serving = int(status[0, 0] == ACTIVE) + int(status[1, 1] == ACTIVE)
    if serving < 2:
        return Regime.one_dead if serving else Regime.both_dead
    regime = _SLIDES.get((int(status[0, 1]), int(status[1, 0])))
    marginal = min(geometry.excess) <= 0
    return Regime.single_slide if regime is Regime.double_slide and marginal else regime


def regime_of_end(geometry: TwoPointGeometry, outcome: Outcome, status: Ints) -> Regime | None:
    """The regime of a run that has ended in statuses (2, 2); None while it is unsettled."""
    if outcome not in (Outcome.settled, Outcome.unfitted):
        return None
    return terminal_regime(geometry, int(pattern_code(status)[0]))


def half_slide(geometry: TwoPointGeometry, code: int) -> tuple[int, float, Regime] | None:
    """Where one neuron slides and the other, active on both points, comes down to its own kink:
    which one, by how much per rise of the margins, and the regime that follows.

    The slower, the closer the points are to k11 = k12 = k22: on +-1e-7 1e-14 per e-fold of time.
    """
    status, falls = pattern_status(code), _falls(geometry)
    serves = geometry.gram_sign > 0 and status[0, 0] == status[1, 1] == ACTIVE
    for j, i in ((0, 1), (1, 0)):
        if serves and falls[j] > 0 and status[j, i] == ACTIVE and status[i, j] == SLIDING:
            lasting = min(geometry.excess) > 0
            regime = Regime.double_slide if lasting else Regime.single_slide
            return j, float(falls[j]), regime
    return None


def _falls(g: TwoPointGeometry) -> Floats:
    """What a wrong side loses per rise of the margins while the other neuron slides, (2,)."""
    return np.array(g.excess) / (2 * g.squares)


def final_status(geometry: TwoPointGeometry, regime: Regime | None, a: Floats) -> Ints:
    """Statuses (2, 2) of a run that ends in `regime` with pre-activations a (2, 2).

    The pre-activations decide where the regime does not, and alone while there is none.  A neuron
    that chatters for ever slides: from (1, 3) one that is left alone does, at its wrong side.
    """
    status = statuses(a)
    if regime is Regime.double_slide:
        status[0, 1] = status[1, 0] = SLIDING
    if regime is Regime.single_slide:
        slides = 1 if geometry.k12 >= geometry.k11 else 0
        status[slides, 1 - slides], status[1 - slides, slides] = SLIDING, ACTIVE
    if regime is Regime.one_dead and geometry.gram_sign > 0:
        alive = int(a[1, 1] > 0)
        status[alive, 1 - alive] = SLIDING
    return status


def one_dead_for_ever(geometry: TwoPointGeometry, a: Floats, log_step: float) -> Bools:
    """Where one neuron is dead and the kicks of the other's chatter cannot kill it, (T,).

    For k12 > 0 the living neuron is kicked back whenever its wrong side turns active; its right
    side loses step * k12 then, and has gained more before the next kick, since D > 0.
    """
    result = np.zeros(a.shape[-1], bool)
    for j in (0, 1):
        right, wrong = a[j, j], a[j, 1 - j]
        dead = (a[1 - j] <= 0).all(axis=0)
        kick = np.exp(log_step + np.maximum(wrong, 0.0)) * geometry.k12
        result |= dead & (right > 2 * kick) & (wrong <= 2 * kick)
    return result


@dataclass(frozen=True)
class Pushes:
    """What one step does to pre-activations.

    step (2, T): step size times loss of each point;  up (2, T): what it adds to the wrong side at
    point i;  down (2, T): what it takes off it when active;  kick (T,): at most;
    chatter (T,): how far it moves the parameters of a neuron at most.
    """

    step: Floats
    up: Floats
    down: Floats
    kick: Floats
    chatter: Floats

    def __getitem__(self, rows: Bools | Ints) -> Pushes:
        return Pushes(*(getattr(self, f.name)[..., rows] for f in fields(self)))


def sliding_statuses(geometry: TwoPointGeometry, a: Floats, log_step: float) -> tuple[Ints, Pushes]:
    """Statuses (2, 2, T) in which kinks that attract from both sides slide, and the pushes.

    A wrong-side kink slides (k12 > 0) when it lies within one chatter of zero and the active side
    pushes it back harder than the inactive side lets it rise.
    """
    status = statuses(a)
    push = pushes(geometry, a, log_step)
    for j, i in ((0, 1), (1, 0)):
        up, down = push.up[i], push.down[i]
        # Within a kick of the kink the losses are known to a kick, and to rounding of the margins:
        # next to k11 = k12 = k22 (+-1e-9, or 10001 and 10000) a sharper comparison would be a throw
        # of dice.
        known = push.kick + _ROUNDING * np.abs(a).max(axis=(0, 1))
        holds = (np.abs(a[j, i]) <= up + down) & (up < down * (1 + known))
        status[j, i][holds & (status[j, 1 - i] == ACTIVE)] = SLIDING
    if geometry.gram_sign > 0:
        _release_the_farther(geometry, a, status, push)
    return status, push


def _release_the_farther(geometry: TwoPointGeometry, a: Floats, status: Ints, push: Pushes) -> None:
    """Of two kinks in reach only the nearer one holds, unless both take back a kick at once.

    What differs between the wrong sides of two neurons that are active everywhere is conserved:
    kicks at one kink lift both.  On +-.01 kicks of .07 leave it at .003 (brute force to 10^8).
    """
    reach = np.stack([push.up[i] + push.down[i] for i in (1, 0)])
    loose = (reach > _FIRM * _falls(geometry)[:, None]).any(axis=0)
    loose &= (status[0, 1] == SLIDING) & (status[1, 0] == SLIDING)
    difference, falls = apart(geometry, a), _falls(geometry)
    # Kicks themselves shift the margins' ratio by this much: nothing smaller is a distance.
    smallest = geometry.determinant / (min(geometry.k11, geometry.k22) * geometry.k12)
    together = np.abs(difference) <= smallest + _ROUNDING * np.abs(a).max(axis=(0, 1))
    for j, farther in ((0, difference > 0), (1, difference <= 0)):
        rising = (a[j, 1 - j] > 0) | together
        if min(falls) <= 0:  # one that never comes down leaves the other one alone with its kink
            farther = np.where(together, falls[j] <= 0, farther)
        passed = np.where(rising if falls[j] <= 0 else a[j, 1 - j] > 0, ACTIVE, INACTIVE)
        status[j, 1 - j] = np.where(loose & farther, passed, status[j, 1 - j])


def apart(geometry: TwoPointGeometry, a: Floats) -> Floats:
    """a12 - a21 (T,) once two neurons that are active everywhere have taken back the last kick.

    Their margins are then alike: the sums a11 + a21 and a12 + a22 stay.
    """
    alike = np.log1p(-geometry.norm_gap / (geometry.k22 + geometry.k12))
    lead = (a[0, 0] + a[1, 0]) - (a[0, 1] + a[1, 1])
    return np.asarray((alike - lead) / 2)


def pushes(geometry: TwoPointGeometry, a: Floats, log_step: float) -> Pushes:
    """What a step from the pre-activations a (2, 2, T) does."""
    log = log_step - margins(a)  # infinite where the next step overflows
    # A half slide on +-1e-7 ends at t = e^3000000: losses that underflow still have their ratio.
    step = np.exp(log + np.maximum(_LEAST_LOG - log.max(axis=0), 0.0))
    squares = geometry.squares[:, None]
    up, down = step[::-1] * geometry.k12, step * squares
    chatter = (step * np.sqrt(squares)).max(axis=0)
    return Pushes(step, up, down, down.max(axis=0), chatter)
