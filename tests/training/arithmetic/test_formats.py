"""training/arithmetic/formats.py: numbers as a format holds them."""

from __future__ import annotations

import numpy as np
import pytest

from latephase.training.arithmetic.formats import FORMATS
from references.native_arithmetic import TYPES

pytestmark = pytest.mark.quick


def test_numbers_are_held_as_the_format_has_them() -> None:
    """Ground truth: NumPy's and ml_dtypes' casts, of numbers of all magnitudes and ties; doubles
    go to bfloat16 by way of float32, so that it is given nothing finer."""
    rng = np.random.default_rng(3)
    for dtype, cast in TYPES.items():
        form = FORMATS[dtype]
        given = rng.normal(size=20_000) * 2.0 ** rng.uniform(form.least - 4, 130, 20_000)
        given = np.concatenate(
            [given, form.held(given[:500]), [0.0, -0.0, np.inf, -np.inf, np.nan]]
        )
        ties = (form.held(given) + form.spacing(given) / 2)[: len(given) // 2]
        given = np.concatenate([given, ties, [form.largest, form.largest * (1 + 2.0**-12)]])
        with np.errstate(all="ignore"):
            given = given.astype(np.float32).astype(np.float64) if dtype == "bfloat16" else given
            want = given.astype(cast).astype(np.float64)
            got = form.held(given)
        np.testing.assert_array_equal(got, want)
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
