"""Piece: follow a phase to its end, recording the samples on the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from latephase.core.arrays import Floats, Ints
from latephase.core.workers import in_threads
from latephase.late.pattern import ACTIVE, INACTIVE, SLIDING

from .fatou import increments, log_gap
from .kinks import land
from .observe import MarginDifference
from .phase import Phase, close_up
from .state import PairState, later, margin_errors
from .task import PairTask

_MOST_WAITING = 1 << 22  # samples
_ROUNDING = 2.0**-47  # relative error of an increment and of the sums that use it


@dataclass(frozen=True)
class Waiting:
    """Phases (R,) of trials (R,) whose samples [first, last) (R,) are still to be recorded."""

    trials: Ints
    phase: Phase
    first: Ints
    last: Ints

    @classmethod
    def joined(cls, parts: list[Waiting]) -> Waiting:
        """One after the other; all of one response."""
        trials, first, last = (
            np.concatenate([getattr(one, name) for one in parts])
            for name in ("trials", "first", "last")
        )
        return cls(trials, Phase.joined([one.phase for one in parts]), first, last)


def follow_phase(task: PairTask, trials: Ints, phase: Phase) -> PairState:
    """The states at the end of the phase; the samples up to there are recorded in due time."""
    times, s = task.times, phase.state
    end = later(s.time, s.log_time, phase.n, phase.log_n)
    first, last = times.index_after(s.time, s.log_time), times.index_after(*end)
    rows = np.flatnonzero(last > first)
    task.waiting.append(Waiting(trials[rows], phase[rows], first[rows], last[rows]))
    if sum(int((one.last - one.first).sum()) for one in task.waiting) > _MOST_WAITING:
        record_phases(task)
    return _at_end(task, phase, *end)


def record_phases(task: PairTask) -> None:
    """Record the samples that wait for it: many short stretches cost as much as a few long ones."""
    together: dict[int, list[Waiting]] = {}
    for one in task.waiting:
        together.setdefault(id(one.phase.response), []).append(one)
    task.waiting.clear()
    alike = [Waiting.joined(parts) for parts in together.values()]
    blocks = [(one, *block) for one in alike for block in task.blocks(one.first, one.last)]

    def record(block: tuple[Waiting, Ints, slice]) -> None:
        one, rows, columns = block
        index = np.arange(columns.start, columns.stop)
        inside = (index >= one.first[rows][:, None]) & (index < one.last[rows][:, None])
        with np.errstate(all="ignore"):  # threads do not inherit it
            along = Along.of(one.phase[rows], *_steps_until(task, one.phase, rows, columns))
            task.samples.write(
                task.geometry,
                one.trials[rows],
                columns,
                inside,
                along.parameters,
                along.preactivations,
                along.error,
                along.margin_error,
                along.phase.state,
                along.margin_difference,
            )

    in_threads(record, blocks)


def _steps_until(task: PairTask, phase: Phase, rows: Ints, columns: slice) -> tuple[Floats, Floats]:
    """Steps from the start of the phase to samples (R, S), and their logarithms."""
    time, log = task.times.time[columns], task.times.log[columns]
    start, log_start = phase.state.time[rows, None], phase.state.log_time[rows, None]
    n = np.maximum(time - start, 0.0)
    n = np.where(np.isnan(n), np.inf, n)
    late = log + np.log1p(-np.exp(np.minimum(log_start - log, 0)))
    log_n = np.where(start < 1e300, log, late)
    # Where nothing moves any more one column stands for all.
    return (n, log_n) if phase.orbits else (n[:, :1], log_n[:, :1])


@dataclass(frozen=True)
class Along:
    """Networks (R,) after numbers of steps (R, S) into a phase.

    parameters, preactivations (2, 2, R, S);  rises: of the margin of each moving point, (R, S);
    log_left: ln of the share that is left of what was between the margins of a coupled phase.
    """

    phase: Phase
    rises: dict[int, Floats]
    parameters: Floats
    preactivations: Floats
    log_left: Floats | None

    @classmethod
    def of(cls, phase: Phase, n: Floats, log_n: Floats) -> Along:
        """After n steps, whose logarithm tells where n is infinite."""
        rises, s = {p: increments(track, n, log_n) for p, track in phase.orbits.items()}, []
        log_left = None
        if phase.coupled:
            rises, log_left = close_up(phase, rises)
        starts = (phase.state.parameters, phase.state.preactivations)
        for start, moves in zip(starts, phase.response.per_margin, strict=True):
            value = np.empty((2, 2, *n.shape))
            for j, c in np.ndindex(2, 2):
                value[j, c] = start[j, c][:, None]
                for p, rise in rises.items():
                    if moves[j, c, p] != 0:
                        value[j, c] += rise * moves[j, c, p]
            s.append(value)
        parameters, preactivations = s
        return cls(phase, rises, parameters, preactivations, log_left)

    @property
    def error(self) -> Floats:
        """Estimated absolute error of the parameters, (2 neurons, R, S).

        What came in, possibly stretched by a first step beyond the contracting range; rounding; and
        the uncertainty of the clock.
        """
        s = self.phase.state
        size = np.maximum(np.abs(self.parameters), np.abs(s.parameters)[..., None]).max(axis=1)
        moves = np.abs(self.phase.response.per_margin[0]).max(axis=1)
        error = (s.error + moves @ self._incoming)[..., None] + _ROUNDING * size
        for p, late in self._lateness.items():
            error += moves[:, p, None, None] * late
        return np.asarray(error)

    @property
    def margin_error(self) -> Floats:
        """Estimated absolute errors of the margins, (2 points, R, S).

        As `error`; and what chatter left out, which a margin that rises by r forgets like e^-r:
        with du = e^-u dt an early error is a shift of time.
        """
        s = self.phase.state
        size = np.maximum(s.preactivations, 0.0).max(axis=0)
        start = (self._incoming + _ROUNDING * size)[..., None]
        if not self.rises:
            return start + s.chatter_error[:, None]
        off = start + np.zeros(next(iter(self.rises.values())).shape)
        for p, rise in self.rises.items():
            off[p] += _ROUNDING * rise
        for p, late in self._lateness.items():
            off[p] += late
        if s.chatter_error.any():
            rise = np.minimum.reduce(list(self.rises.values()))
            off += _forgotten(s.chatter_error[:, None], rise)
        return off

    @property
    def _incoming(self) -> Floats:
        """Errors with which the margins of the points enter the contracting range, (2, R).

        A first step c exp(-m) wide has the slope 1 - c exp(-m): beyond 2 it stretches what came in;
        and a step of e^30 carries 30 ulps of the exponent.
        """
        incoming = margin_errors(self.phase.state)
        for p, track in self.phase.orbits.items():
            if len(track.table) > 1:
                jump = np.maximum(1.0, track.table[1])
                incoming[p] = incoming[p] * jump + _ROUNDING / 16 * jump * np.log(jump)
        return incoming

    @property
    def _lateness(self) -> dict[int, Floats]:
        """How far the margin of each moving point may be off because the clock is, (R, S)."""
        off = self.phase.state.time_error
        if not off.any():
            return {}
        tracks = self.phase.orbits.items()
        levels = {p: t.x[:, None] - t.base[:, None] + self.rises[p] for p, t in tracks}
        return {p: off[:, None] * np.exp(-level) for p, level in levels.items()}

    @property
    def margin_difference(self) -> MarginDifference | None:
        """Q without cancellation, where both margins rise alike: Q = rest + kappa ln(s2 / s1)."""
        s, reply, tracks = self.phase.state, self.phase.response, self.phase.orbits
        serving = reply.status[0, 1] != ACTIVE != reply.status[1, 0]
        if self.log_left is not None:
            if (reply.status == INACTIVE).any():
                return None
            apart = (self.phase.levels[1] - self.phase.levels[0])[:, None]
            rest, kappa = np.full(s.time.size, reply.tilt), 1.0
            return _mixed(rest, kappa, np.log(np.abs(apart)) + self.log_left, np.sign(apart))
        if len(tracks) < 2 or reply.rates[0] != reply.rates[1] or not serving:
            return None
        else:
            r, a, g = reply.per_margin[1], s.preactivations, reply.geometry
            kappa = ((r[1, 1] - r[0, 1]) - (r[0, 0] - r[1, 0]))[1]
            wrong = np.where(reply.status == SLIDING, 0.0, 1.0)
            rest = wrong[1, 0] * a[1, 0] - wrong[0, 1] * a[0, 1]
            rest = rest + (1 - kappa) * (a[1, 1] - a[0, 0])
            rest = rest + kappa * np.log1p(g.norm_gap / g.k11)  # ln(r2 / r1): not 0 on 1e-9, -2e-9
        start = tracks[0].x - tracks[0].base
        gap = (tracks[1].x - tracks[1].base - start)[:, None] + (self.rises[1] - self.rises[0])
        log_size, sign = log_gap(tracks[0], tracks[1], start[:, None] + self.rises[0], gap)
        return _mixed(rest, kappa, log_size, sign)


def _mixed(rest: Floats, kappa: float, log_size: Floats, sign: Floats) -> MarginDifference:
    """rest (R,) + kappa * sign * exp(log_size), (R, S)."""
    mixed = rest[:, None] + kappa * sign * np.exp(log_size)
    vanishing = rest[:, None] == 0
    log = np.where(vanishing, np.log(abs(kappa)) + log_size, np.log(np.abs(mixed)))
    return MarginDifference(np.where(vanishing, np.sign(kappa) * sign, np.sign(mixed)), log)


def _forgotten(error: Floats, rise: Floats) -> Floats:
    """What is left of an error of a margin that has risen since; kicks fall like 1/t, and their
    sum, which delays the margin, like ln t / t."""
    left = np.expm1(np.minimum(error, 700.0)) * np.exp(-rise) * (1 + rise)
    return np.asarray(np.log1p(left))


def _at_end(task: PairTask, phase: Phase, end: Floats, log_end: Floats) -> PairState:
    """The states at which the phase ends; those that never end stay as they are."""
    s, ends = phase.state, np.isfinite(phase.log_n)
    n, log_n = np.where(ends, phase.n, 0.0), np.where(ends, phase.log_n, -np.inf)
    along = Along.of(phase, n[:, None], log_n[:, None])
    moved, a = land(task, phase, along.parameters[..., 0], along.preactivations[..., 0])
    off = np.where(ends, along.margin_error[..., 0], 0.0)
    rises = list(along.rises.values())
    rise = np.minimum.reduce(rises)[:, 0] if rises else np.zeros(n.size)
    chatter = _forgotten(s.chatter_error, np.where(ends, rise, 0.0))
    moves = (phase.response.preactivations != 0).any(axis=-1)[..., None]
    with np.errstate(over="ignore", invalid="ignore"):
        late = np.where(log_n > 34, np.exp(np.minimum(log_n, 690)) * 2.0**-50, 0.0)
    return PairState(
        moved,
        np.where(ends, 0.0, s.low),
        a,
        np.where(ends, end, s.time),
        np.where(ends, log_end, s.log_time),
        np.where(ends, along.error[..., 0], s.error),
        np.where(ends & moves, off - chatter, s.preactivation_error),
        chatter,
        s.time_error + np.where(ends, late, 0.0),
        s.exact,
        s.undecided,
    )
