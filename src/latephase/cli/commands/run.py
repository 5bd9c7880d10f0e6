"""`latephase run`: one network, from initialisation to any horizon."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from latephase.cli import flags, hints, interrupt, kept, printing
from latephase.cli import samples as sampled
from latephase.cli.failures import told_warnings
from latephase.cli.problem import AnyProblem, stated
from latephase.cli.progress import progress

if TYPE_CHECKING:
    from latephase.runs import Run
    from latephase.store.output import Output

NAME = "run"
HELP = "Train one network to any horizon, 10^1000 say, and print what it does on the way."
EXAMPLES = r"""Examples

latephase run --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --until 1e1000 --at 0,1,1e3,1e1000

latephase run --network net.npz --data points.csv --label class \
  --step-size 0.01 --until 1e5

latephase run --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --method adam:beta1=0.5 --step-size 0.001 --until 1e4

latephase run --inputs "1,0;0,1;-1,-1" --labels 1,1,-1 --init he_normal \
  --seed 1 --width 4 --output-weights alternating --no-biases --method gf

With --json a program can read it; --method gf is gradient flow and takes no
--step-size. Other methods, listed by the help of compare, are made step by
step, up to --max-steps; sgd:batch=2 takes two points a step.
"""
_EXACT = 1e-12  # up to here a sample is called exact, and that of its margins needs no words


@stated
def command(
    asked: AnyProblem,
    until: flags.Until = "1e1000",
    loss: flags.Loss = "exponential",
    at: flags.At = None,
    samples: flags.Samples = 200,
    max_steps: flags.MaxSteps = 1_000_000,
    tolerance: flags.Tolerance = None,
    slide_tolerance: flags.SlideTolerance = None,
    dtype: flags.Dtype = None,
    save: flags.Save = None,
    plot: flags.Plot = None,
    json: flags.Json = False,
) -> None:
    """Simulate and print."""
    goal: dict[str, Any] = {"until": until, "at": at, "samples": samples, "loss": loss}
    goal |= {"max_steps": max_steps, "tolerance": tolerance, "slide_tolerance": slide_tolerance}
    with kept.picture(plot) as draw:
        run, saved = _made(asked, {**goal, "dtype": dtype}, save)
        if json:
            printing.print_json(_record(run))
        else:
            _print(run, every=at is not None)
        draw(run.plot)
    if json:
        return
    if saved is not None:
        printing.line("saved", f"the network at t = {saved}: {save}")
    if plot is not None:
        printing.line("picture", plot)
    printing.line("next", _next(run, _stated(asked.again(), loss)))


def _made(asked: AnyProblem, goal: dict[str, Any], save: str | None) -> tuple[Run, str | None]:
    """The run, and the time of its network that was saved."""
    with progress("training", "", lines=False) as shown, told_warnings():
        problem = asked.read()
        from latephase.problem.npz_file import claimed
        from latephase.runs import simulate

        with nullcontext() if save is None else claimed(save) as place:  # before the work
            if place is not None:
                kept.withdraw_if_interrupted(place, "network")
            run = simulate(*problem, **goal, progress=shown)
            saved = None if place is None else _save(run, place)
            if saved is not None:
                interrupt.on_interruption(lambda: f"the network is saved: {save}")
    return run, saved


def _record(run: Run) -> dict[str, Any]:
    """The run as a JSON object, as the contract of `run --json` states it."""
    return {
        "outcome": run.outcome.name,
        "regime": run.regime.name if run.regime else None,
        "law": printing.law_record(run.law),
        "rigour": run.rigour.name if run.rigour else None,
        "samples": sampled.records(run),
    }


def _save(run: Run, place: Output) -> str:
    """Write the network of the latest sample reached, and return its time.

    Samples come in the order asked for, and those not reached are NaN.  Raises InputError if all
    are.
    """
    from latephase.core import InputError, Words
    from latephase.runs.trajectory import network_of

    reached = run.trajectory.weights.notnull().all(("neuron", "feature")).values
    if not reached.any():
        got, do = Words(f"none: {run.outcome.value}"), "see --max-steps, --step-size and --at"
        raise InputError("a sample that was reached, to save", got, do)
    found = run.trajectory.isel(time=reached)
    at = found.isel(time=found.log10_t.values.argmax())
    network_of(at, run.network).save(place)
    return str(at.time.values)


def _print(run: Run, every: bool) -> None:
    """The table, of every sample or of a readable selection, and what is known of the whole."""
    total = run.trajectory.time.size
    rows = list(range(total)) if every else sampled.readable(run.trajectory)
    printing.print_table(sampled.table(sampled.rounded(run).isel(time=rows)))
    if len(rows) < total:
        ways = "--json prints all, --at shows the times you name, --samples sets how many"
        printing.line("samples", f"{len(rows)} of {total} shown; {ways}")
    if not sampled.is_simplest(run.trajectory):
        sizes = f"{run.network.m} neurons, {run.data.n} points in dimension {run.data.d}"
        printing.line("problem", sizes)
    printing.line("outcome", f"{run.outcome.name}: {run.outcome.value}")
    if run.regime:
        printing.line("regime", f"{run.regime.name}: {run.regime.value}")
    if run.law:
        printing.line("law", printing.law_text(run.law, run.data.inputs))
        printing.print_shortfall(run.data.optimal_margin, run.law)
    if run.rigour:
        printing.line("rigour", f"{run.rigour.name}: {run.rigour.value}")
    if run.trajectory.error.notnull().any():
        printing.line("error", _errors(float(run.trajectory.margin_error.isel(time=rows).max())))


def _errors(worst: float) -> str:
    """What the errors of the table are of; worst: the largest one of a margin."""
    said = "of a neuron's parameters, relative to them"
    if not worst > _EXACT:
        return said
    return f"{said}; y N(x) is off by at most {printing.show(worst, 2)} (1 + |y N(x)|)"


def _stated(problem_flags: str, loss: str) -> str:
    """The flags of the problem with its loss, where that is not the default."""
    return problem_flags if loss == "exponential" else f"{problem_flags} --loss {loss}"


def _next(run: Run, problem_flags: str) -> str:
    """What to do with what was found."""
    from latephase.core import Outcome

    blocked = hints.what_blocks(run.outcome, run.regime, run.method.discrete)
    if blocked:
        return blocked
    predict = f"latephase predict {problem_flags}"
    known = run.problem.has_late_phase and "dtype" not in run.options
    if run.outcome is Outcome.transient:
        return "a later --until" + (f", or: {predict}" if known else "")
    if known:
        return f"steps to any distance from the limit: {predict}"
    return "what the other methods do to the same network: latephase compare"
