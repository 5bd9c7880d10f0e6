"""What is shown, as a command and as Python: both say the same again."""

from __future__ import annotations

import shlex

from .address import typed
from .state import UNTIL, State


def times(state: State) -> list[str]:
    """The start, the time that is looked at, and the end."""
    return list(dict.fromkeys(["0", state.at.text, UNTIL]))


def as_command(state: State) -> str:
    """The `latephase run` line whose samples are the start, the time looked at, and the end."""
    words = [
        "latephase run",
        *_flag("inputs", typed(state.inputs)),
        *_flag("labels", typed(state.labels)),
    ]
    words += _start(state)
    if state.train_output:
        words.append("--train-output")
    if state.slope:
        words += _flag("negative-slope", typed(state.slope))
    words += ["--method gf"] if state.flow else _flag("step-size", typed(state.step_size))
    if state.loss != "exponential":
        words += _flag("loss", state.loss)
    words += _flag("until", UNTIL) + _flag("at", ",".join(times(state)))
    return " ".join(words)


def _start(state: State) -> list[str]:
    """The flags of the network."""
    alternating = all(
        v == (1.0 if j % 2 == 0 else -1.0) for j, v in enumerate(state.output_weights)
    )
    outer = _flag("output-weights", "alternating" if alternating else typed(state.output_weights))
    outer = [] if alternating and state.m == 2 else outer
    if state.init:
        width = [] if state.m == 2 else _flag("width", str(state.m))
        network = [*_flag("init", state.init), *_flag("seed", str(state.seed)), *width]
    else:
        network = _flag("weights", typed(state.weights))
        network += _flag("biases", typed(state.biases)) if state.bias else []
    return [*network, *([] if state.bias else ["--no-biases"]), *outer]


def _flag(name: str, value: str) -> list[str]:
    return [f"--{name} {shlex.quote(value)}"]


def as_python(state: State) -> str:
    """The same as a script."""
    method = "lp.GradientFlow()" if state.flow else f"lp.GradientDescent({state.step_size!r})"
    kind = "".join(
        [
            ", train_output=True" if state.train_output else "",
            f", negative_slope={state.slope!r}" if state.slope else "",
        ]
    )
    loss = "" if state.loss == "exponential" else f", loss={state.loss!r}"
    biases = list(state.biases) if state.bias else None
    parts = f"{_rows(state.weights)}, {biases}, {list(state.output_weights)}"
    lines = [
        "import latephase as lp",
        "",
        f"data = lp.Dataset(inputs={_rows(state.inputs)}, labels={list(state.labels)})",
        f"net = lp.ShallowReLU({parts}{kind})",
        f'run = lp.simulate(net, data, {method}, until="{UNTIL}"{loss})',
        f'print(run.at("{state.at.text}").robustness_margin.item(), run.law)',
        f'run.plot_boundary("{state.at.text}").savefig("boundary.svg")',
        'run.plot().savefig("run.svg")',
    ]
    return "\n".join(lines) + "\n"


def _rows(rows: tuple[tuple[float, ...], ...]) -> str:
    return repr([row[0] if len(row) == 1 else list(row) for row in rows])
