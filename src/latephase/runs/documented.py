"""What the docstrings of several entrances share, said once."""

from __future__ import annotations

import re
from collections.abc import Callable
from textwrap import indent
from typing import Any, TypeVar

TIMES = """
until, at : int, decimal string ("1e1000", "10^1000") or LogTime
    The horizon and a list of sample times, whose order is kept.
samples : int
    How many times of `log_times` there are without `at`: up to `until`, or to max_steps where
    a method is stepped and the horizon lies beyond.
"""
STEPS = """
max_steps : int
    Budget of single steps; beyond it a run ends as `budget_exhausted`.
slide_tolerance : float, default 1e-4
    Of exact pieces and modes: chatter (how far a step moves a neuron's parameters) below which
    sliding phases are followed to first order; the error it causes is reported.
"""
LOSS = """
loss : str
    "exponential" or "logistic".
"""
TOLERANCE = """
tolerance : float, default 1e-10
    Of modes only: the relative error to aim at in smooth phases, which sets when steps give way
    to the modified flow; the error reached is reported.
"""
OPTIONS = """
dtype : any name of float64, float32, float16 or bfloat16
    Gradient descent in this arithmetic; a run that stalls says so in a warning.  Without it,
    the mathematics, not the arithmetic, is followed.
accumulate : bool, default False
    With dtype only: data, gradients and updates in float32, the parameters rounded.
rounding : str, default "nearest"
    With dtype only: or "stochastic", which keeps the mean of what is rounded.
"""
DRAWN = """
initializer
    An Initializer or its name.
trials, seed
    How many networks, and an integer from 0 to 2^64 - 1: trial i of a seed is the same network,
    with the same run, whatever `trials` and `batch`.
"""
OF_TRIALS = """
The variables of `simulate`'s trajectory behind a leading dim trial, and over (trial): regime
and outcome, names of Regime ("unsettled" for none yet, "" where what has settled has no name)
and Outcome ("failed" where an error has ended the trial); law_constant, law_offset,
law_exponent, limit_boundary, limit_margin, margin_constant and limit_normalised_margin, NaN
without a law; entry_log10_t, time of entry into the regime, NaN without one (where networks go
one by one the time from which on their last mode is followed, which may be later).
"""
STORE = """
out
    Path of a Zarr store, written batch by batch as `<out>.partial` and renamed once complete;
    an earlier store of latephase's there is replaced, unless somebody has changed it.  Or a URL
    that fsspec knows ("s3://bucket/runs.zarr"), written in place and replaced with `force` only.
resume
    Go on with the finished batches of an interrupted `<out>.partial`, or of a complete `out`;
    the store ends the same, byte for byte.  Batches that were damaged are run again, and a
    warning says so.
force
    Replace an `out` that latephase did not write.
batch
    Trials per batch and chunk: 10,000 of two neurons on two points, 50 of other networks, fewer
    where they have very many samples or parameters; 8 GB at work at most.
"""
TRAJECTORY = """
Its trajectory has weights (time, neuron, feature), biases (time, neuron) and, over (time):
boundary, robustness_margin, margin_deficit, log_margin_deficit, log_loss, error, margin_error,
rigour; of stepped methods also gradient_evaluations and log_flow_time.  Samples that could not
be reached are NaN (and their rigour empty); the outcome says why.
"""
NETWORKS = """
width, output_weights, bias, train_output, negative_slope
    Of the networks: neurons, and what is not drawn, as in ShallowReLU: whether there are
    biases; output_weights also "alternating" (1, -1, 1, ...), and to be given but for width 2.
    With train_output they may be drawn, too, by the name of an initializer, or be "balanced":
    as long as (w_j, b_j), with alternating signs.
"""
PROCESSES = """
processes
    The most that are used, where networks go one by one: as many as there are processors unless
    said; one where starting others would run the caller's script again (it calls this outside
    of ``if __name__ == "__main__":``), and where few trials are left.
"""
READ = """
Its attributes are settings and provenance.  With `out`, and above 2 GB (then in a temporary
folder below TMPDIR, removed when Python exits or is killed), its values are read from the
store when they are used.
"""
CLIENT = """
client
    A distributed.Client: batches are made by the workers of its Dask cluster instead, one at a time
    on each, and written by them where they see `out`; the result is the same to the bit.  A worker
    that dies is replaced, one with other versions of what decides the bits is refused.
"""
_SHARED = {
    "client": CLIENT,
    "networks": NETWORKS,
    "processes": PROCESSES,
    "read": READ,
    "store": STORE,
    "trajectory": TRAJECTORY,
    "times": TIMES,
    "steps": STEPS,
    "loss": LOSS,
    "tolerance": TOLERANCE,
    "options": OPTIONS,
    "drawn": DRAWN,
    "of_trials": OF_TRIALS,
}

F = TypeVar("F", bound=Callable[..., Any])


def documented(function: F) -> F:
    """The function, its docstring with what the entrances share in place of {name}."""

    def text(found: re.Match[str]) -> str:
        return indent(_SHARED[found[2]].strip(), found[1])

    function.__doc__ = re.sub(r"(?m)^( +)\{(\w+)\}$", text, function.__doc__ or "")
    return function
