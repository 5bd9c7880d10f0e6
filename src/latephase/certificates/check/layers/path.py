"""The checker's own run where both layers are trained: the problem and its steps.

Source: docs/certificates.md, "Both layers". It shares no code with what writes the files.
"""

from __future__ import annotations

from dataclasses import dataclass

from latephase.certificates.check.claims import need
from latephase.certificates.check.enclosures import ONE, ZERO, Four, Signs, Two, signs, value
from latephase.certificates.check.form import Body, Number, is_double, whole
from latephase.core.balls import arb
from latephase.core.shown import shown


def _doubles(numbers: list[Number]) -> Two:
    for x in numbers:
        need(is_double(x), f"{shown(x['decimal'])} is not a double")
    return value(numbers[0]), value(numbers[1])


class LayeredProblem:
    """Two points, two neurons with their output weights, a loss and a step size, exactly."""

    def __init__(self, body: Body) -> None:
        columns = {
            name: _doubles(body[name]) for name in ("inputs", "weights", "biases", "output_weights")
        }
        need(sorted(body["labels"]) == [-1, 1], "two labels are the same")
        self.flow = body["method"] == "gradient_flow"
        need(self.flow == (body["step_size"] is None), "a step size is for descent, not for flow")
        first = body["labels"].index(1)
        self.x1, self.x2 = columns["inputs"][first], columns["inputs"][1 - first]
        big = 0 if columns["output_weights"][0] >= columns["output_weights"][1] else 1
        self.w, self.b, self.v = (
            (columns[name][big], columns[name][1 - big])
            for name in ("weights", "biases", "output_weights")
        )
        step, self.plus = body["step_size"], int(body["loss"] == "logistic")
        need(self.flow or is_double(step), "the step is not a double")
        self.eta = ONE if self.flow else value(step)
        need(self.eta > 0 and not (self.x1 - self.x2).is_zero(), "no step, or one point twice")
        x1, x2 = self.x1, self.x2
        self.k11, self.k12, self.k22 = 1 + x1 * x1, 1 + x1 * x2, 1 + x2 * x2
        self.gap, self.middle, self.frame = x1 - x2, (x1 + x2) / 2, 1 - x1 * x2
        (w1, w2), (b1, b2) = self.w, self.b
        self.start = w1 * x1 + b1, w1 * x2 + b1, w2 * x1 + b2, w2 * x2 + b2

    def null(self, neuron: int, point: int) -> arb:
        """w - x b of a neuron at the start."""
        return self.w[neuron] - (self.x1, self.x2)[point] * self.b[neuron]

    def pull(self, sign: int, output: arb) -> arb:
        """step y/(e^(y N) + l)."""
        return sign * self.eta / ((sign * output).exp() + self.plus)


@dataclass
class Served:
    """A neuron where it serves a point: `own` and `other` pre-activation, and y v."""

    neuron: int
    own: arb
    other: arb
    w: arb


class LayeredPath:
    """Where the path leads: the step `t`, a (a11, a12, a21, a22), v, the signs `s`, which were ever
    positive (`crossed`), and `since` when every neuron serves a point or is inactive."""

    def __init__(self, problem: LayeredProblem, path: list[dict[str, str]]) -> None:
        need(not problem.flow, "nothing is known of a flow of both layers")
        self.problem, self.a, self.v, self.t = problem, problem.start, problem.v, 0
        self.s: Signs = signs(self.a)
        self.crossed = self.s
        self.since: int | None = 0 if self._settled() else None
        for leg in path:
            need(whole(leg["steps"]) > 0, "a leg of no steps")
            for _ in range(whole(leg["steps"])):
                self._step()

    def served(self, point: int) -> Served | None:
        """The neuron that serves a point; None if none or both do."""
        found = [j for j in (0, 1) if self._serves(j) == point]
        if len(found) != 1:
            return None
        j, sign = found[0], 1 - 2 * point
        return Served(j, self.a[2 * j + point], self.a[2 * j + 1 - point], sign * self.v[j])

    def _serves(self, j: int) -> int | None:
        """The point that neuron j serves, -1 if it is inactive on both, None of another."""
        on = self.s[2 * j : 2 * j + 2]
        if not any(on):
            return -1
        if all(on):
            return None
        point = 0 if on[0] else 1
        w = (1 - 2 * point) * self.v[j]
        need(w > 0 or w <= 0, "the sign of an output weight is not decided")
        return point if w > 0 else None

    def _settled(self) -> bool:
        return self._serves(0) is not None and self._serves(1) is not None

    def _step(self) -> None:
        p, (a11, a12, a21, a22), (v1, v2) = self.problem, self.a, self.v
        on11, on12, on21, on22 = (ONE if on else ZERO for on in self.s)
        first = p.pull(1, v1 * on11 * a11 + v2 * on21 * a21)
        second = p.pull(-1, v1 * on12 * a12 + v2 * on22 * a22)
        # What each point does to each neuron; k12 = 0 leaves the other pre-activation as it is.
        f1, s1, f2, s2 = first * on11, second * on12, first * on21, second * on22
        now: Four = (
            self._moved(a11, v1 * (p.k11 * f1 + p.k12 * s1)),
            self._moved(a12, v1 * (p.k12 * f1 + p.k22 * s1)),
            self._moved(a21, v2 * (p.k11 * f2 + p.k12 * s2)),
            self._moved(a22, v2 * (p.k12 * f2 + p.k22 * s2)),
        )
        self.v = v1 + f1 * a11 + s1 * a12, v2 + f2 * a21 + s2 * a22
        self.a, self.t = now, self.t + 1
        if (after := signs(now)) != self.s:
            self.crossed = tuple(x or y for x, y in zip(self.crossed, after, strict=True))
            self.s = after
        if self.since is None and self._settled():
            self.since = self.t

    @staticmethod
    def _moved(a: arb, change: arb) -> arb:
        """a + change, and a itself, to all its bits, where nothing moves it."""
        return a if change.is_zero() else a + change
