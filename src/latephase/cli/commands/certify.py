"""`latephase certify`: prove how a run ends and how fast, in ball arithmetic."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import typer

from latephase.cli import flags, interrupt, kept, printing
from latephase.cli.problem import ProblemFlags, Start, given, names_of, refuse_beside, stated
from latephase.cli.progress import progress
from latephase.core import InputError, LogTime, Words
from latephase.core.shown import time_up

if TYPE_CHECKING:
    from latephase.certificates import Certificate, GeneralCertificate
    from latephase.certificates.ensemble import Counted

NAME = "certify"
HELP = "Prove, in ball arithmetic, how a run ends and how fast, for all later steps."
EXAMPLES = r"""Examples

latephase certify --inputs 1,-1 --labels 1,-1 --weights 0.7,-0.4 \
  --biases 0.1,0.2 --step-size 0.1 --out run.cert.json

latephase certify --init he_normal --trials 10000 --seed 0 --inputs 1,-1 \
  --labels 1,-1 --step-size 0.1 --out certs/

Exit codes: 0 proved, 3 undecided, 4 refuted (ensembles: 0 once all are done).
Check the files with: latephase verify run.cert.json
"""
EXIT_CODES = {"PROVED": 0, "UNDECIDED": 3, "REFUTED": 4}
_LATE = "1e1000"  # from which the constants of the rate are tight


@stated
def command(
    context: typer.Context,
    asked: ProblemFlags,
    init: flags.InitInstead = None,
    trials: flags.Trials = 10_000,
    seed: flags.Seed = 0,
    at: flags.TableTimes = "1e6,1e100,1e1000",
    loss: flags.Loss = "exponential",
    claim: flags.Claim = "settled",
    out: flags.CertificatePath = None,
    resume: flags.Resume = False,
    force: flags.Force = False,
    json: flags.Json = False,
) -> int:
    """Certify one run, or an ensemble of them."""
    start = asked.given(*names_of(Start))
    if init is not None:
        refuse_beside("--init", start + given(context, "at", "json", "loss"))
        options = {"trials": trials, "seed": seed, "claim": claim}
        return _ensemble(init, asked, options, out, resume, force)
    if not start:
        ways = "--weights and --biases, --network, or --init"
        raise InputError(ways, Words("none of them"), "add for example --init he_normal")
    refuse_beside("one network", given(context, "trials", "seed", "resume"))
    with progress("proving", "steps at most", lines=False) as shown:
        problem = asked.read()
        from latephase.certificates import certify
        from latephase.certificates.file.record import claimed, save

        with nullcontext() if out is None else claimed(out, force=force) as place:
            if place is not None:
                kept.withdraw_if_interrupted(place, "certificate")
            found = certify(*problem, loss=loss, claim=claim, progress=shown)
            if place is not None:
                save(found, place)
                interrupt.on_interruption(lambda: f"the certificate is complete: {out}")
    if json:
        from latephase.certificates.file.record import record

        printing.print_json(record(found))
    else:
        _print(found, out, _stated(asked.again(), loss), at)
    return EXIT_CODES[found.verdict.name]


def _stated(problem_flags: str, loss: str) -> str:
    """The flags of the problem with its loss, where that is not the default."""
    return problem_flags if loss == "exponential" else f"{problem_flags} --loss {loss}"


def _print(
    found: Certificate | GeneralCertificate, out: str | None, problem_flags: str, at: Sequence[str]
) -> None:
    printing.line("claim", found.claim)
    printing.line("verdict", f"{found.verdict.name}: {found.verdict.value}")
    if found.proof is None:
        printing.line("reason", found.reason)
        printing.line("next", f"simulate it: latephase run {problem_flags} --until 1e1000")
        return
    from latephase.certificates import GeneralCertificate
    from latephase.certificates.reasons import REASONS

    if isinstance(found, GeneralCertificate):
        _print_settled(found, at)
    else:
        assert found.regime is not None
        printing.line("regime", f"{found.regime.name}: {found.regime.value}")
        printing.line("because", REASONS[found.reason])
        entry = printing.whole(found.entry_step or 0)
        printing.line("entry", f"t = {entry}; every sign up to there is decided")
        _print_law(found)
        rows = [(t, _deficit(found, t)) for t in at]
        _print_bounds(("t", ">margin deficit, at least", ">at most"), rows)
    printing.line("rigour", f"proved: enclosed in balls of {found.proof.bits} bits")
    claimed = "" if found.claim == "settled" else f" --claim {found.claim}"
    again = f"latephase certify {problem_flags}{claimed} --out run.cert.json"
    following = f"keep it: {again}" if out is None else f"check it: latephase verify {out}"
    printing.line("next", following)


def _deficit(found: Certificate, t: str) -> Any:
    """Its bounds; None where they are not decided at a time that can be read."""
    LogTime.parse(t, flow=found.system.step is None, name="t")
    try:
        return found.deficit(t)
    except InputError:
        return None


def _print_bounds(head: tuple[str, ...], rows: list[tuple[str, Any]]) -> None:
    """A table of enclosures; "-" where there is none."""
    from latephase.certificates.file.numbers import rounded_outward

    printing.console().print()
    table = printing.table(*head)
    for t, ends in rows:
        least, most = rounded_outward(ends[0], ends[1], 18) if ends else ("-", "-")
        table.add_row(t, least, most)
    printing.print_table(table)


def _print_settled(found: GeneralCertificate, at: Sequence[str]) -> None:
    """What is proved of a network that has settled."""
    from latephase.certificates.file.numbers import rounded_outward
    from latephase.certificates.reasons import SETTLED_REASONS

    assert found.normalised_limit is not None
    assert found.base is not None
    printing.line("because", SETTLED_REASONS[found.reason])
    entry = printing.whole(found.entry_step or 0)
    others = f"but {len(found.kinks)}, which slide on 0, " if found.kinks else ""
    stays = f"the signs of all pre-activations {others}are the same ever after"
    printing.line("entry", f"t = {entry}; {stays}")
    if not found.trained:
        printing.line("margin", "0: some point moves no neuron, and its loss stays as it is")
        return
    printing.line("limit", f"normalised margin -> {_both(found.normalised_limit)}")
    if found.limit_margin is not None and found.margin_constant is not None:
        printing.line("limit", f"robustness margin -> {_both(found.limit_margin)}")
        printing.line("constant", f"C = {_both(found.margin_constant)}")
    for lower, upper, since in found.rates:
        least, most = rounded_outward(lower, upper, 6)
        bounds = f"{least} <= (limit - margin) * ln t <= {most}"
        printing.line("rate", f"{bounds} for all t >= {time_up(since.text)}")
    late = [t for t in at if LogTime.parse(t) >= LogTime.parse(found.base)]
    rows = [(t, found.robustness_margin(t)) for t in late]
    _print_bounds(("t", ">robustness margin, at least", ">at most"), rows)


def _print_law(found: Certificate) -> None:
    from latephase.certificates.file.numbers import rounded_outward

    if found.constant is None or found.rate is None or found.limit_boundary is None:
        entry = printing.whole(found.entry_step or 0)
        printing.line("margin", f"0 for all t >= {entry}: a point is not on its side")
        return
    printing.line("limit", f"x* -> {_both(found.limit_boundary)}")
    printing.line("constant", f"C = {_both(found.constant)}")
    later = found.rate[2].log < LogTime.parse(_LATE).log
    for rate in (found.rate, found.rate_from(_LATE) if later else None):
        if rate is not None:
            lower, upper, since, clock = rate
            least, most = rounded_outward(lower, upper, 6)
            bounds = f"{least} <= |x*(t) - limit| * {clock} <= {most}"
            printing.line("rate", f"{bounds} for all t >= {time_up(since.text)}")


def _both(ends: Any) -> str:
    """An enclosure by the digits that both of its ends share."""
    lower, upper = ends
    return f"{lower:.20g}" if lower == upper else f"{lower:.20g} (within {upper - lower:.1e})"


def _ensemble(
    init: str,
    asked: ProblemFlags,
    options: dict[str, Any],
    out: str | None,
    resume: bool,
    force: bool,
) -> int:
    """Certify networks drawn from `init`; options: trials, seed and claim."""
    kept.needs_out(out, resume or force, "name the folder: --out certs")
    data, trained = asked.dataset(), asked.trained()
    interrupt.on_interruption(kept.trials_in(out, options["trials"]))
    with kept.warnings_told(), progress(f"certify {init}", "trials") as shown:
        from latephase.certificates.ensemble import certify_ensemble

        rows = certify_ensemble(
            init,
            data,
            trained,
            **options,
            out=out,
            resume=resume,
            force=force,
            processes=os.cpu_count() or 1,
            progress=shown,
        )
    printing.print_table(_counts(rows))
    printing.line("claim", options["claim"])
    printing.line("rigour", "proved: every number is enclosed in balls")
    keep, check = "keep the certificates: add --out certs", f"check them: latephase verify {out}"
    printing.line("next", keep if out is None else check)
    return 0


def _counts(rows: list[Counted]) -> Any:
    """How many trials have which verdict, regime and reason."""
    table = printing.table("verdict", "regime", "because", ">trials")
    counts = Counter((row.verdict, row.regime or printing.NOTHING, row.reason) for row in rows)
    for (verdict, regime, reason), count in counts.most_common():
        table.add_row(verdict, regime, reason, f"{count:,}")
    return table
