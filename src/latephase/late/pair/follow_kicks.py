"""Piece: one neuron is dead, and the other one is kicked off its kink, for ever.

Valid once each kick takes one step and leaves the neuron alive, however much is left out; exact up
to rounding while kicks are followed one by one, then estimated. It ends at the horizon.
"""

from __future__ import annotations

import numpy as np

from latephase.core import Regime
from latephase.core.arrays import Bools, Floats, Ints
from latephase.core.workers import in_threads
from latephase.problem.geometry import SIGN

from .cycle import ROUNDING, Cycle, Moved, all_alike, orbits_from, table_of
from .fatou import increments
from .regimes import CHATTER_FACTOR
from .state import Journey, PairState, margin_errors
from .task import PairTask

_HIGH = 32.0  # s = exp(u) / c, from where on the Fatou coordinate needs no steps before it
_SHORTEST = 64  # steps of a cycle: shorter ones are stepped through
_LONG = 512  # steps of one beyond which it is worthwhile whatever it leaves out
_MOST = 48  # kicks that are followed one by one
_COUNTED = 2.0**52  # time up to which a step changes it
_AT_ONCE = 1 << 15  # samples: fewer spend their time on waiting for the interpreter


def follow_kicks(task: PairTask, journey: Journey, rows: Ints) -> Ints:
    """Take those of the trials (R,) that are ready to the horizon, with their samples; those that
    other pieces are to move now, (Q,).

    Trials that are ready wait until all are that have one living neuron: each cycle is then
    computed of all of them at once.

    Rigour: exact up to rounding as long as kicks are followed one by one, then estimated: at most
    `slide_tolerance` where that takes no more than `_MOST` kicks, but for a whole kick next to one.
    """
    if task.geometry.gram_sign <= 0:
        return rows
    active = journey.state.preactivations[..., rows] > 0
    alone = active.sum(axis=(0, 1)) == 1
    kicks = np.full((2, rows.size), -1)
    cycles = [Cycle(task.geometry, task.method.step_size, j) for j in (0, 1)]
    for j, cycle in enumerate(cycles):
        here = np.flatnonzero(alone & active[j, j])
        kicks[j, here] = _kicks_to_follow(task, cycle, journey.state[rows[here]])
    ready = (kicks >= 0).any(axis=0)
    if (alone & ~ready).any():
        return np.asarray(rows[~ready])
    for j, cycle in enumerate(cycles):
        here = kicks[j] >= 0
        _follow(task, journey, rows[here], cycle, kicks[j, here])
    return journey.still(rows)


def _follow(task: PairTask, journey: Journey, rows: Ints, cycle: Cycle, kicks: Ints) -> None:
    """Take trials (R,), so many of whose kicks (R,) are followed one by one, to the horizon."""
    if not rows.size:
        return
    s = journey.state[rows]
    table, sure = table_of(cycle, s, kicks)
    rows, s, kicks, table = rows[sure], s[sure], kicks[sure], table[:, :, sure]
    _record(task, cycle, rows, s, kicks, table)
    journey.settle(rows, Regime.one_dead, s.time, s.log_time)


def steps_until_ready(task: PairTask, s: PairState) -> Floats:
    """About how many steps it takes trials (T,) with one living neuron to be ready, inf where there
    are two or no kicks: s rises by one in a step, but for what kicks take, `slower` as much."""
    steps = np.full(s.time.size, np.inf)
    if task.geometry.gram_sign > 0:
        for j in (0, 1):
            u, v = s.preactivations[j, j], s.preactivations[j, 1 - j]
            alone = (u > 0) & (s.preactivations[1 - j] <= 0).all(axis=0)
            cycle = Cycle(task.geometry, task.method.step_size, j)
            long = max(_HIGH, _SHORTEST / np.expm1(cycle.climb)) * np.exp(2 * cycle.taken)
            now, top = np.exp(u - cycle.log_c), cycle.top(u, v)
            followed = np.exp(-_MOST * cycle.gain) / task.slide_tolerance
            left = np.maximum(long, now * cycle.left_out(top) * followed) - now
            steps = np.where(alone & (left > 0), np.ceil(left * (1 + cycle.slower)), steps)
    return steps


def _kicks_to_follow(task: PairTask, cycle: Cycle, s: PairState) -> Ints:
    """How many kicks (T,) are followed one by one, -1 where the trial is not ready.

    Each kick must take one step, and leave the neuron alive and high enough.
    """
    u, v = s.preactivations[cycle.j, cycle.j], s.preactivations[cycle.j, 1 - cycle.j]
    top = cycle.top(u, v)
    low = np.minimum(u, top - 2 * cycle.taken)
    late = cycle.taken * np.exp(-low)
    length = np.exp(np.minimum(low - cycle.log_c, 600.0))
    steady = (v <= 0) & (low > 0) & (length >= _HIGH) & (4 * late <= min(cycle.fall, 1.0))
    length *= np.expm1(cycle.climb)
    steady &= (length >= _SHORTEST) & ~s.undecided & (s.time_error == 0)
    left_out = cycle.left_out(top)
    needed = np.ceil(np.log(left_out / task.slide_tolerance) / cycle.gain)
    needed = np.clip(np.nan_to_num(needed, nan=np.inf), 0, _MOST + 1)
    told = 2 * CHATTER_FACTOR * cycle.step * np.sqrt(cycle.wrong)  # by a slide
    last = left_out * np.exp(-_MOST * cycle.gain)
    steady &= (needed <= _MOST) | ((length >= _LONG) & (last <= told))
    # All that is followed one by one is counted to the step.
    steady &= (needed == 0) | (s.time + length * np.exp(needed * cycle.gain) * _MOST < _COUNTED)
    return np.where(steady, np.minimum(needed, _MOST), -1).astype(np.int64)


def _record(
    task: PairTask, cycle: Cycle, trials: Ints, s: PairState, kicks: Ints, table: Floats
) -> None:
    """Record all samples that are still to come."""
    times = task.times
    first = np.searchsorted(times.time, table[:, 4])  # a sample right after a kick is of the next
    first[0] = times.index_after(s.time, s.log_time)
    # Cycle k has the samples from first[k] on, up to the next one; the last goes on by itself.
    ends = np.vstack([first[1:], first[-1:]])
    k, row = np.nonzero((ends > first) & (np.arange(len(first))[:, None] < kicks))
    count = (ends - first)[k, row]
    begin = np.repeat(np.cumsum(count) - count, count)
    column = np.repeat(first[k, row], count) + np.arange(begin.size) - begin
    k, row = np.repeat(k, count), np.repeat(row, count)

    def counted(begin: int) -> None:
        here = slice(begin, begin + _AT_ONCE)
        u, v, right, wrong, time, off = table[k[here], :, row[here]].T
        n = times.time[column[here]] - time
        with np.errstate(all="ignore"):
            rise = increments(orbits_from(cycle, u), n[:, None], np.log(n)[:, None])
        u, v, right, wrong, off = (part[:, None] for part in (u, v, right, wrong, off))
        v, right = v + rise * (cycle.g.k12 / cycle.right), right + rise / cycle.right
        moved = Moved(u + rise, v, right, wrong, off, 0 * rise, np.zeros(rise.shape, bool))
        rows = row[here]
        _write(task, cycle, trials[rows], column[here], np.ones_like(rise, bool), s[rows], moved)

    last = first[kicks, np.arange(kicks.size)]
    end = table[kicks, :, np.arange(kicks.size)].T
    log_time = np.where(kicks > 0, np.log(end[4]), s.log_time)

    def alike(block: tuple[Ints, slice]) -> None:
        rows, columns = block
        index = np.arange(columns.start, columns.stop)
        inside = (index >= last[rows][:, None]) & (index < times.time.size)
        with np.errstate(all="ignore"):
            since = _since(task, end[4][rows], log_time[rows], columns)
            moved = all_alike(cycle, end[:, rows, None], *since)
            _write(task, cycle, trials[rows], columns, inside, s[rows], moved)

    in_threads(counted, range(0, k.size, _AT_ONCE))
    whole = np.full(kicks.size, times.time.size)
    some = np.flatnonzero(last < whole)
    blocks = task.blocks(last[some], whole[some])
    in_threads(alike, [(some[rows], columns) for rows, columns in blocks])


def _since(task: PairTask, time: Floats, log_time: Floats, columns: slice) -> tuple[Floats, Floats]:
    """Steps from times (R,) to samples (R, S), inf beyond 1e308, and their logarithms."""
    n = np.maximum(task.times.time[columns] - time[:, None], 0.0)
    log = np.tile(task.times.log[columns], (time.size, 1))
    beyond = np.flatnonzero(time >= 1e300)
    log[beyond] += np.log1p(-np.exp(np.minimum(log_time[beyond, None] - log[beyond], 0.0)))
    counted = np.isfinite(n)
    counted[beyond] = False
    np.log(n, out=log, where=counted)
    n[np.isnan(n)] = np.inf
    return n, log


def _write(
    task: PairTask,
    cycle: Cycle,
    trials: Ints,
    columns: Ints | slice,
    inside: Bools,
    s: PairState,
    moved: Moved,
) -> None:
    """Record the networks of trials (R,) at samples (R, S)."""
    g, j = cycle.g, cycle.j
    theta, a = (
        np.broadcast_to(part[..., None], (2, 2, *inside.shape)).copy()
        for part in (s.parameters, s.preactivations)
    )
    a[j, j], a[j, 1 - j] = moved.u, moved.v
    for c in (0, 1):
        gained = SIGN[j, j] * moved.right * g.points[j, c]
        gained = gained + SIGN[j, 1 - j] * moved.wrong * g.points[1 - j, c]
        theta[j, c] += s.low[j, c][:, None] + gained
    error = np.broadcast_to(s.error[..., None], theta[:, 0].shape).copy()
    wrong_off = moved.wrong_off + cycle.step * moved.near
    right_off = (moved.off + g.k12 * wrong_off) / cycle.right
    error[j] += right_off * np.sqrt(cycle.right) + wrong_off * np.sqrt(cycle.wrong)
    error[j] += ROUNDING * np.abs(theta[j]).max(axis=0)
    off = margin_errors(s)[..., None] + s.chatter_error[:, None] + moved.off
    off = off + cycle.taken * moved.near
    task.samples.write(g, trials, columns, inside, theta, a, error, off, s)
