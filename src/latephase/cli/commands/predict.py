"""`latephase predict`: how a run will end and how fast, without following it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latephase.cli import flags, hints, printing
from latephase.cli.failures import told_warnings
from latephase.cli.problem import AnyProblem, stated
from latephase.cli.progress import progress
from latephase.core.shown import time_up

if TYPE_CHECKING:
    from latephase.core import Law, LogTime
    from latephase.runs import Prediction, Stall

NAME = "predict"
HELP = (
    "Say how a run will end, and from which step on it stays within a distance of that: by the law "
    "of its late phase, and by following it where that is not enough."
)
EXAMPLES = r"""Examples

latephase predict --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --eps 0.1,0.001

latephase predict --inputs 2,1,-1 --labels 1,1,-1 --init he_normal --width 4 \
  --output-weights alternating --negative-slope 0.1 --method gf --deficit 1e-3

From that step on the margin stays so close; it may have been so before, on
its way. Late steps are the law's; where that still leaves something out,
O(ln t / t), the run itself is followed, from its start on. --deficit counts
from the largest possible margin instead of the limit; --dtype float32 also
tells when gradient descent stops in that arithmetic.
"""


_DISTANCES = (0.1, 0.01, 0.001)
_LONGEST, _LONGEST_FLOW = 20, 12  # characters of a time in a table, of whole ones and of others
_NEVER = {"t": None, "log10_t": None}
Within = list[tuple[float, "LogTime | None"]]


@stated
def command(
    asked: AnyProblem,
    loss: flags.Loss = "exponential",
    eps: flags.Eps = None,
    deficit: flags.Deficits = None,
    dtype: flags.StallsIn = None,
    max_steps: flags.MaxSteps = 1_000_000,
    json: flags.Json = False,
) -> None:
    """Predict and print."""
    with progress("predicting", "", lines=False) as shown, told_warnings():
        network, data, method = asked.read()
        from latephase.runs import predict, stall

        budget: dict[str, Any] = {"loss": loss, "max_steps": max_steps}
        found = predict(network, data, method, **budget, progress=shown)
        within = [(one, found.steps_within(one)) for one in eps or _DISTANCES]
        below = [(one, found.when(deficit=one)) for one in deficit or []]
        still = None if dtype is None else stall(network, data, method, dtype, **budget)
    if json:
        printing.print_json(_record(found, within, below, still))
    else:
        _print(found, within, below, still, asked.again())


def _record(
    found: Prediction, within: Within, below: Within, still: Stall | None
) -> dict[str, Any]:
    record = {
        "outcome": found.outcome.name,
        "regime": found.regime.name if found.regime else None,
        "law": printing.law_record(found.law),
        "entry": _time(found.entry),
        "within": [{"eps": eps, **(_time(t) or _NEVER)} for eps, t in within],
    }
    if below:
        record["deficits"] = [{"deficit": one, **(_time(t) or _NEVER)} for one, t in below]
    if still is not None:
        ends = {"dtype": still.dtype, "deficit": still.deficit}
        record["stall"] = {**ends, **(_time(still.step) or _NEVER)}
    return record


def _time(t: LogTime | None) -> dict[str, Any] | None:
    return None if t is None else {"t": t.text, "log10_t": t.log10}


def _print(
    found: Prediction, within: Within, below: Within, still: Stall | None, problem_flags: str
) -> None:
    blocked = hints.what_blocks(found.outcome, found.regime, found.method.discrete)
    if found.regime is not None:
        printing.line("regime", f"{found.regime.name}: {found.regime.value}")
    else:
        printing.line("outcome", f"{found.outcome.name}: {found.outcome.value}")
    if found.entry is not None:
        printing.line("entry", f"t = {found.entry}")
    if found.law is not None:
        _print_law(found, found.law, within)
    elif found.entry is not None:
        printing.line("law", "none: the loss does not tend to 0")
    if below:
        left = printing.shortfall(found.data.optimal_margin, found.law)
        printing.print_table(_table("margin deficit", below, not found.method.discrete, left))
    if still is not None:
        printing.line("stall", "; ".join(still.lines()))
    if found.law is None:
        printing.line("next", blocked or hints.NEVER_FITTED)
        return
    printing.line("rigour", _rigour(found.law))
    same = "" if found.loss == "exponential" else f" --loss {found.loss}"
    printing.line("next", f"follow it: latephase run {problem_flags}{same} --until 1e1000")


def _print_law(found: Prediction, law: Law, within: Within) -> None:
    printing.line("law", printing.law_text(law, found.data.inputs))
    on_line = law.limit_boundary is not None
    limit = law.limit_boundary if on_line else law.limit_margin
    printing.line("limit", f"{'x*' if on_line else 'margin'} -> {_shown(limit)}")
    printing.print_shortfall(found.data.optimal_margin, law)
    printing.line("constant", _shown(law.constant))
    printing.line("offset", _shown(law.offset))
    printing.console().print()
    printing.print_table(_table("|margin - limit|", within, not found.method.discrete))


def _shown(value: float | None) -> str:
    return printing.NOTHING if value is None else printing.show(value)


def _rigour(law: Law) -> str:
    """How the steps are known: `Prediction.steps_within`."""
    from latephase.core import Rigour

    known = "late steps by the law, early ones found by following the run from its start on"
    if law.constant == 0:
        known = "found by following the run from its start on"
    return f"{Rigour.estimated.name}: {known}"


def _table(what: str, within: Within, flow: bool, left: float = 0.0) -> Any:
    """Distances and the times from which on they are kept; left: what remains in the limit."""
    longest = _LONGEST_FLOW if flow else _LONGEST
    table = printing.table(f">{what} <=", "from t =", ">log10 t")
    for eps, t in within:
        never = f"never: the limit's deficit is {printing.show(left, 4)}"
        nothing = never if eps <= left else printing.NOTHING
        time = nothing if t is None else time_up(t.text, longest)
        table.add_row(repr(eps), time, printing.NOTHING if t is None else printing.show(t.log10))
    return table
