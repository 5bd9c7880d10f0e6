"""Claim 10: the fast-forward against the same runs stepped one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from latephase.core.arrays import Bools, Floats, Ints
from latephase.problem import Dataset, GradientDescent

from ..bench.base import Bench, Claim, Evidence
from ..bench.drawn import draw, follow
from ..bench.finding import Figure, Finding, Number, Panel, Series, Support, Table
from ..bench.one_by_one import in_parallel, step_to
from ..bench.statistics import largest, power_above

INITIALIZER = "standard_normal"
# x1 (label +1), x2 (label -1), step size: k12 < 0, = 0 and > 0 with double and single slides.
PROBLEMS = (
    (1.0, -1.0, 0.1),
    (0.5, -0.75, 0.1),
    (2.0, -1.0, 0.1),
    (1.0, 3.0, 0.01),
    (2.0, -0.5, 1.0),
    (-1.5, 1.0, 0.5),
    (0.5, -0.5, 1.0),
    (-2.0, -0.5, 0.1),
)
TRIALS = 1000  # over all problems
SHORT = (1, 10, 100, 1_000, 10_000, 100_000)
LONG = (1_000_000,)
LONG_PROBLEMS, LONG_TRIALS = 2, 50  # the first problems, trials of each stepped on to LONG
EXACT = 1e-12
FLOOR = 1e-13  # rounding of the stepped runs: a reported error below it cannot be checked


@dataclass(frozen=True)
class ErrorSamples:
    """Samples (K,) of a problem: time, relative error of the fast-forward, the error it reported,
    whether it called the sample exact, whether it got there without stepping all the way, and
    whether its loss tends to 0;  missing: samples that either side could not give."""

    time: Ints
    error: Floats
    reported: Floats
    exact: Bools
    skipped: Bools
    trained: Bools
    missing: int


@dataclass(frozen=True)
class Agreement:
    """What decides the claim.

    samples, missing: compared, and not given by either side;  exact: largest relative error of
    samples called exact;  estimated: largest error / reported error of the others;  sliding:
    largest relative error of the others among runs whose loss tends to 0;
    skipped: share of samples that the fast-forward did not reach by stepping alone.
    """

    samples: int
    missing: int
    exact: float
    estimated: float
    sliding: float
    skipped: float


def joined(parts: list[ErrorSamples]) -> ErrorSamples:
    """The samples of all problems."""
    names = [name for name in vars(parts[0]) if name != "missing"]
    arrays: Any = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    return ErrorSamples(**arrays, missing=sum(p.missing for p in parts))


def decide(a: Agreement) -> Support:
    """Exact samples within EXACT, estimated ones within their report, enough of them compared."""
    if not (a.exact <= EXACT and a.estimated <= 1):
        return Support.NOT_SUPPORTED
    enough = a.samples >= 100 and a.missing <= 0.05 * (a.samples + a.missing) and a.skipped >= 0.5
    return Support.SUPPORTED if enough else Support.UNDECIDED


def relative_errors(got: Floats, expected: Floats) -> Floats:
    """max_j |Delta(w_j, b_j)| / |(w_j, b_j)|, of parameters (..., 2 neurons, 2), (...).

    A neuron that is equal on both sides is no error, even at the origin.
    """
    apart = np.hypot(*np.moveaxis(got - expected, -1, 0))
    size = np.hypot(*np.moveaxis(expected, -1, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(apart == 0, 0.0, apart / size).max(axis=-1)


def agreement(parts: list[ErrorSamples]) -> Agreement:
    """The largest errors over all problems."""
    s = joined(parts)
    return Agreement(
        s.error.size,
        s.missing,
        largest(s.error[s.exact]),
        largest(s.error[~s.exact] / np.maximum(s.reported[~s.exact], FLOOR)),
        largest(s.error[~s.exact & s.trained]),
        float(s.skipped.mean()) if s.skipped.size else 0.0,
    )


class Job(NamedTuple):
    """Which of PROBLEMS, with networks and the steps to compare at."""

    problem: int
    weights: Floats
    biases: Floats
    times: tuple[int, ...]


def _jobs(bench: Bench) -> list[Job]:
    """Every problem to the end of SHORT; some trials of a few problems to LONG, longest first."""
    share = min(bench.trials, TRIALS) // len(PROBLEMS)
    drawn = draw(INITIALIZER, share * len(PROBLEMS), bench.seed)
    parts = zip(*(np.split(part, len(PROBLEMS)) for part in drawn), strict=True)
    short = [Job(i, w, b, SHORT) for i, (w, b) in enumerate(parts)]
    few = slice(min(LONG_TRIALS, share))
    long = [Job(j.problem, j.weights[few], j.biases[few], LONG) for j in short[:LONG_PROBLEMS]]
    return long + short


def _compare(job: Job) -> ErrorSamples:
    *points, step_size = PROBLEMS[job.problem]
    data, networks = Dataset(points, [1, -1]), (job.weights, job.biases)
    found = follow(networks, data, GradientDescent(step_size), job.times)
    expected = np.stack(step_to(networks, data, step_size, job.times), axis=-1)  # (S, T, 2, 2)
    got = found.record.parameters.transpose(3, 2, 0, 1)
    error = relative_errors(got, expected).T
    known = np.isfinite(error) & np.isfinite(found.record.error)
    time = np.broadcast_to(np.array(job.times), error.shape)
    trained = np.broadcast_to(np.isfinite(found.laws.constant)[:, None], error.shape)
    return ErrorSamples(
        time[known],
        error[known],
        reported=found.record.error[known],
        exact=found.record.exact[known],
        skipped=(found.journey.steps[:, None] < time)[known],
        trained=trained[known],
        missing=int((~known).sum()),
    )


def examine(bench: Bench) -> Finding:
    """Compare parameters at every sampled step of every trial."""
    jobs = _jobs(bench)
    parts = in_parallel(_compare, jobs)
    a = agreement(parts)
    trials, longest = (sum(len(j.biases) for j in jobs if j.times is t) for t in (SHORT, LONG))
    ratio = float(power_above(a.estimated))  # of an error to the one reported, as a power of ten
    s = joined(parts)
    # The largest error where a neuron is dead and k12 > 0, whose amplitude stays.
    chatter, deviations = _largest(s.error[~s.exact & ~s.trained]), []
    if s.missing:
        deviations.append(
            f"{s.missing} samples could not be compared: the run overflows or uses up its steps."
        )
    if chatter > EXACT:
        deviations.append(f"""Where one neuron is dead and x1 x2 > -1 the other's chatter never dies
            down: its parameters are off by up to {chatter:.1e} (relative), and the reported error
            says so.""")
    return Finding(
        verdict=decide(a),
        summary=f"""Over {trials} trials to t = {SHORT[-1]:,} and {longest} to t = {LONG[-1]:,} the
            largest relative error of the exact pieces is below {power_above(a.exact)}, of the
            sliding ones with L -> 0 below {power_above(a.sliding)}; no estimated sample is off by
            more than {"" if ratio == 1 else f"{ratio:g} times "}the error it reports.""",
        run=f"""{trials} {INITIALIZER} networks over {len(PROBLEMS)} pairs of inputs and step sizes,
            stepped one by one in compensated float64 and fast-forwarded; {a.samples} samples.""",
        numbers=[
            Number("samples compared", a.samples),
            Number("samples not given by either side", a.missing),
            Number("share not reached by stepping alone", a.skipped),
            Number("largest relative error, exact pieces", a.exact),
            Number("largest relative error, sliding with L -> 0", a.sliding),
            Number("largest error / reported error, estimated pieces", a.estimated),
        ],
        settings={"trials": trials, "trials_to_the_longest": longest, "seed": bench.seed}
        | {"initializer": INITIALIZER, "problems": PROBLEMS, "times": [*SHORT, *LONG]},
        tables=[_table(jobs, parts)],
        figures=[_figure(s)],
        deviations=deviations,
    )


def _table(jobs: list[Job], parts: list[ErrorSamples]) -> Table:
    problems = [PROBLEMS[j.problem] for j in jobs]
    columns: dict[str, list[float]] = {
        "x1 (label +1)": [p[0] for p in problems],
        "x2 (label -1)": [p[1] for p in problems],
        "step size": [p[2] for p in problems],
        "trials": [len(j.biases) for j in jobs],
        "last step": [j.times[-1] for j in jobs],
        "largest error, exact": [_largest(p.error[p.exact]) for p in parts],
        "largest error, estimated": [_largest(p.error[~p.exact]) for p in parts],
        "largest reported error, estimated": [_largest(p.reported[~p.exact]) for p in parts],
        "samples called exact": [float(p.exact.mean()) if p.exact.size else np.nan for p in parts],
    }
    caption = """Relative error max_j |Delta(w_j, b_j)| / |(w_j, b_j)| of the fast-forward against
        single steps; no estimated piece occurs where x1 x2 <= -1."""
    return Table("cross_check", caption, columns)


def _largest(values: Floats) -> float:
    return float(values.max()) if values.size else float("nan")


def _figure(s: ErrorSamples) -> Figure:
    caption = """Largest relative error of the fast-forward against single steps, at each sampled
        step: at rounding for the exact pieces; for the sliding ones below the error they report
        (dashed)."""
    times = sorted(set(s.time.tolist()))

    def worst(values: Floats, kept: Bools) -> tuple[Floats, list[float]]:
        """Largest of the kept values at each time that has any; zeros are drawn at rounding."""
        at = [t for t in times if (kept & (s.time == t)).any()]
        return np.log10(at), [max(float(values[kept & (s.time == t)].max()), 2.0**-53) for t in at]

    reports = "their reported error"
    series = [
        Series("line", *worst(s.error, s.exact), "exact pieces", colour=0),
        Series("line", *worst(s.error, ~s.exact), "estimated pieces", colour=1),
        Series("line", *worst(s.reported, ~s.exact), reports, role="prediction", colour=1),
        Series("line", np.log10(times), [EXACT] * len(times), "1e-12", role="reference"),
    ]
    panel = Panel(series, "log10 step t", "relative error", "largest errors", y_scale="log")
    return Figure("cross_check", caption, [panel])


CLAIM = Claim(
    number=10,
    key="cross_check",
    title="Fast-forward against single steps",
    statement="""The fast-forward gives the parameters that gradient descent would have reached step
        by step.""",
    criterion=f"""Relative error of every exact sample at most {EXACT:g}; of every other sample at
        most the error reported with it (or {FLOOR:g}, the rounding of the steps). Undecided if more
        than 5 % of samples are missing or fewer than half were reached other than by stepping.""",
    source='docs/theory.md, "Fatou coordinate" and "Activation patterns"',
    examine=examine,
    evidence=Evidence.independent,
)
