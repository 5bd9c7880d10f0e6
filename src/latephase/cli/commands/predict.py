"""`latephase predict`: how a run will end and how fast, without following it there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from latephase.cli import flags, hints, printing
from latephase.cli.problem import ProblemFlags, stated
from latephase.cli.progress import progress

if TYPE_CHECKING:
    from latephase.core import Law, LogTime
    from latephase.runs import Prediction

NAME = "predict"
HELP = (
    "Say how a run will end, and from which step on it stays within a distance of that: by the law "
    "of its late phase, and by following it where that is not enough."
)
EXAMPLES = r"""Examples

latephase predict --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --eps 0.1,0.001

From that step on the margin stays so close; it may have been so before, on
its way. Late steps are the law's; where that still leaves something out,
O(ln t / t), the run itself is followed, from its start on.
"""


_DISTANCES = (0.1, 0.01, 0.001)
Within = list[tuple[float, "LogTime | None"]]


@stated
def command(
    asked: ProblemFlags,
    eps: flags.Eps = None,
    max_steps: flags.MaxSteps = 1_000_000,
    json: flags.Json = False,
) -> None:
    """Predict and print."""
    with progress("predicting", "", lines=False) as shown:
        problem = asked.read()
        from latephase.runs import predict

        found = predict(*problem, max_steps=max_steps, progress=shown)
        within = [(distance, found.steps_within(distance)) for distance in eps or _DISTANCES]
    if json:
        printing.print_json(_record(found, within))
    else:
        _print(found, within, asked.again())


def _record(found: Prediction, within: Within) -> dict[str, Any]:
    return {
        "outcome": found.outcome.name,
        "regime": found.regime.name if found.regime else None,
        "law": printing.law_record(found.law),
        "entry": _time(found.entry),
        "within": [{"eps": eps, **(_time(t) or {"t": None, "log10_t": None})} for eps, t in within],
    }


def _time(t: LogTime | None) -> dict[str, Any] | None:
    return None if t is None else {"t": t.text, "log10_t": t.log10}


def _print(found: Prediction, within: Within, problem_flags: str) -> None:
    blocked = hints.what_blocks(found.outcome, found.regime, found.method.discrete)
    if found.regime is None:
        printing.line("outcome", f"{found.outcome.name}: {found.outcome.value}")
        printing.line("next", blocked or hints.NEVER_FITTED)
        return
    printing.line("regime", f"{found.regime.name}: {found.regime.value}")
    printing.line("entry", f"t = {found.entry}")
    if found.law is None:
        printing.line("law", "none: the loss does not tend to 0")
        printing.line("next", blocked or hints.NEVER_FITTED)
        return
    printing.line("law", printing.law_text(found.law))
    printing.line("limit", f"x* -> {found.law.limit_boundary!r}")
    printing.line("constant", repr(found.law.constant))
    printing.line("offset", repr(found.law.offset))
    printing.console().print()
    printing.print_table(_table(within))
    printing.line("rigour", _rigour(found.law))
    printing.line("next", f"follow it: latephase run {problem_flags} --until 1e1000")


def _rigour(law: Law) -> str:
    """How the steps are known: `Prediction.steps_within`."""
    from latephase.core import Rigour

    known = "late steps by the law, early ones found by following the run from its start on"
    if law.constant == 0:
        known = "found by following the run from its start on"
    return f"{Rigour.estimated.name}: {known}"


def _table(within: Within) -> Any:
    table = printing.table(">|margin - limit| <=", "from t =", ">log10 t")
    for eps, t in within:
        time = printing.NOTHING if t is None else t.text
        table.add_row(repr(eps), time, printing.NOTHING if t is None else printing.show(t.log10))
    return table
