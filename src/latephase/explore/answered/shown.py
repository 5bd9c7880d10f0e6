"""What the page's own HTML shows of a state and its run: texts and numbers, ready to be put in."""

from __future__ import annotations

import math
from typing import Any

from latephase.margin import max_stable_step

from ..asked import commands
from ..asked.address import to_query
from ..asked.presets import PRESETS
from ..asked.state import State
from ..asked.stops import stop_of, stops
from . import reasons
from .compute import Followed, other, what_moves


def settings(state: State) -> dict[str, Any]:
    """The state for the controls, known before anything is computed."""
    training = ("method", "step_size", "loss", "train_output", "beside")
    names = (*training, "init", "seed", "bias", "slope")
    biases = state.biases or [None] * state.m
    return {
        **{name: getattr(state, name) for name in names},
        "points": [
            {"x": list(x), "label": y} for x, y in zip(state.inputs, state.labels, strict=True)
        ],
        "neurons": [
            {"w": list(w), "b": b, "v": v}
            for w, b, v in zip(state.weights, biases, state.output_weights, strict=True)
        ],
        "time": time_words(state),
        "stop": stop_of(state),
        "stops": len(stops(state.flow)) - 1,
        "names": state.names(),
        "map": {"x": state.map_x, "y": state.map_y, "colour": state.colour},
        "preset": preset_of(state),
        "query": to_query(state),
        "command": commands.as_command(state),
        "python": commands.as_python(state),
    }


def time_words(state: State) -> dict[str, str]:
    """The time that is looked at: as text, and as a person writes it."""
    unit = "flow time" if state.flow else "step"
    log10 = state.at.log10
    if math.isinf(log10):
        said = "0, the start"
    elif log10 < 6:
        said = f"{10**log10:,.6g}"
    else:
        said = f"10^{log10:.4g}"
    return {"text": state.at.text, "said": said, "unit": unit}


def preset_of(state: State) -> int | None:
    """Which preset this is, looked at in whichever way; None if it is none."""
    known = [what_moves(one.state) for one in PRESETS]
    mine = what_moves(state)
    return known.index(mine) if mine in known else None


def facts(state: State, found: Followed, others: Followed | None = None) -> dict[str, Any]:
    """What a run has to say at the time that is looked at, and what that of the other method."""
    k = found.position(state.at)
    beside = []
    if others is not None:
        beside = [reasons.of_other(others, others.position(other(state).at))]
    return {
        "query": to_query(state),
        "numbers": _numbers(found, k),
        "headline": reasons.headline(found),
        "why": [_line(one) for one in [*reasons.neurons(found), *reasons.data(found), *beside]],
        "points": [_line(one) for one in reasons.points(found, k)],
        "note": _note(state),
        "summary": _summary(found, k),
    }


def _line(reason: reasons.Reason) -> dict[str, Any]:
    blame = None if math.isnan(reason.blame) else round(reason.blame, 4)
    return {"who": reason.who, "says": reason.says, "blame": blame}


def _numbers(found: Followed, k: int) -> list[dict[str, Any]]:
    """The four large numbers."""
    margin, start = float(found.margin[k]), float(found.margin[0])
    best = found.run.data.optimal_margin
    now = {"name": "Margin now", "value": number(margin, best), "raw": repr(margin)}
    first = {
        "name": "At the start",
        "value": number(start),
        "says": f"best possible {number(best)}",
    }
    return [now | _against(margin, start), first, _limit(found, margin), _rate(found)]


def _limit(found: Followed, margin: float) -> dict[str, Any]:
    law, best = found.run.law, found.run.data.optimal_margin
    limit = None if law is None else law.limit_margin
    if limit is None or math.isnan(limit):
        return {"name": "Limit", "value": "–", "says": "the loss does not tend to 0"}
    share = (
        "the best possible" if limit >= best * (1 - 1e-12) else f"{limit / best:.1%} of the best"
    )
    left = "" if math.isnan(margin) or margin == limit else f"; {_short(abs(limit - margin))} away"
    return {"name": "Limit", "value": number(limit), "says": share + left}


def _against(margin: float, start: float) -> dict[str, str]:
    """Whether a margin is better than that of the start, in words and as a tone."""
    change = margin - start
    if math.isnan(change):
        return {"tone": "", "says": "the run does not come here"}
    if change < 0:
        return {"tone": "worse", "says": f"worse than at the start by {_short(-change)}"}
    if change == 0:
        return {"tone": "", "says": "as at the start"}
    return {"tone": "better", "says": f"better than at the start by {_short(change)}"}


def _rate(found: Followed) -> dict[str, Any]:
    law = found.run.law
    if law is None:
        name = found.run.regime or found.run.outcome
        return {"name": "Rate", "value": "–", "says": name.name.replace("_", " ")}
    constant = law.margin_constant
    if constant == 0:
        return {"name": "Rate", "value": "fast", "says": "the deficit falls like a power of 1/t"}
    known = constant is not None and not math.isnan(constant)
    says = f"exponent {law.exponent:.3g}" + (f", constant {constant:.3g}" if known else "")
    power = {1.0: "1/ln t", 0.5: "1/√ln t"}.get(law.exponent, f"(ln t)^−{law.exponent:.2g}")
    return {"name": "Rate", "value": power, "says": says}


def number(value: float | None, best: float = math.nan) -> str:
    """Five digits behind the point; more where it takes them to tell it from the best possible."""
    if value is None or math.isnan(value):
        return "–"
    if value != 0 and not 1e-3 <= abs(value) < 1e4:
        return _short(value)
    text = f"{value:.5f}"
    for digits in range(6, 11):
        if value == best or float(text) != best:
            break
        text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".").replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _note(state: State) -> str:
    """A word of warning, "" if there is none."""
    if state.flow:
        return ""
    longest = float(max_stable_step(state.network, state.data, state.loss))
    if state.step_size <= longest:
        return ""
    return f"Step size above {longest:.3g}, which is stable at the start: the loss may rise first."


def _summary(found: Followed, k: int) -> str:
    """The picture in words, for those who do not see it."""
    margin = number(float(found.margin[k]))
    sizes = f"{found.run.network.m} neurons on {found.run.data.n} points"
    return f"{sizes} at t = {found.times[k].text}: robustness margin {margin}."


def about_presets() -> list[dict[str, str]]:
    """Names and sentences of the presets."""
    return [{"name": one.name, "says": one.says} for one in PRESETS]
