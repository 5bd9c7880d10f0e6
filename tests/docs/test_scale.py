"""The commands of docs/scale.md, on a cluster of this machine.

Ground truth: what they write, against the same runs in one process; the lines below Python blocks.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import latephase as lp

pytest.importorskip("distributed", reason="Dask is not installed (extra `cluster`)")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "scale.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


@pytest.mark.campaign
def test_its_commands_run_and_its_blocks_print_what_is_shown(latephase, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    ran = []
    for (language, text), (after, shown) in pairwise([*BLOCKS, ("", "")]):
        if language == "bash":
            ended = latephase(*shlex.split(text.replace("\\\n", ""))[1:])
            assert ended.code == 0, ended.err
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(text, str(PAGE), "exec"), space)
            assert after != "text" or printed.getvalue().rstrip() == shown.rstrip()
        else:
            continue
        ran.append(language)
    assert ran.count("bash") == 2
    assert ran.count("python") == 2
    data, method = lp.Dataset([1.0, -1.0], [1, -1]), lp.GradientDescent(0.1)
    kind = {"trials": 40, "batch": 10, "seed": 0, "at": ["0", "1e1000"]}
    here = lp.ensemble("he_normal", data, method, **kind)
    assert np.array_equal(space["runs"].boundary.values, here.boundary.values, equal_nan=True)


def test_the_numbers_of_the_plan_follow_from_those_measured():
    """Ground truth: a billion trials of the table above, by the model of the page."""
    text = PAGE.read_text()
    each, stored = map(float, re.search(r"^\| 50 \| (\S+) ms .*\| (\S+) kB", text, re.M).groups())
    dask = float(re.search(r"each took scheduler and client ([\d.]+) ms", text)[1])
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| (\S+) s \| (\d+) s \| ([\d,]+) s", text, re.M)
    assert len(rows) == 2
    for row in rows:
        batch, batches, length, work, scheduler = (float(one.replace(",", "")) for one in row)
        assert batch * batches == 1e9
        assert length == pytest.approx(batch * each / 1e3, rel=1e-12)
        assert work == pytest.approx(1e9 * each / 1e3 / 1000, rel=1e-12)
        assert scheduler == pytest.approx(batches * dask / 1e3, rel=1e-12)
    assert f"{stored * 1e9 / 1e9:.1f} TB" in text
