"""Formulas in running text: found where they stand, set as they are meant, and nothing else."""

from __future__ import annotations

import re

import pytest

from helpers import read_formulas
from latephase.draw.panels.formulas import pieces
from latephase.draw.panels.typeset import html


@pytest.mark.parametrize(
    ("typed", "page"),
    [
        ("its slope 1/|C| is (ln t + beta)/|C|", "its slope [1/|C|] is [(ln t + β)/|C|]"),
        ("like 1/(t ln t), as C = 0", "like [1/(t ln t)], as [C = 0]"),
        ("the deficit * ln t stays", "the [deficit · ln t] stays"),
        ("x*(t) = (b2 - b1)/(w1 - w2), whose", "[x^∗(t) = (b_2 − b_1)/(w_1 − w_2)], whose"),
        ("a11' = (D/k22) l1, of k_ii\u2032", "[a_11^′ = (D/k_22) l_1], of [k_ii′]"),
        ("θ_j <- θ_j + v_j Σ_i γ_ji y_i", "[θ_j ← θ_j + v_j Σ_i γ_ji y_i]"),
        ("with h_i = η/(e^(u_i) + ℓ)", "with [h_i = η/(e^u_i + ℓ)]"),
        ("|ρ|² = xᵀ G⁻¹ x", "[|ρ|^2 = x^⊤ G^−1 x]"),
        ("α1^ω α2^(1-ω), ½ ln 2t", "[α_1^ω α_2^1 − ω], [½ ln 2t]"),
        ("min(0, Q_ki) and √G_ii", "[min(0,Q_ki)] and [√G_ii]"),
        ("(s = 1 iff a > 0)", "([s = 1] iff [a > 0])"),
        ("N(x), t >= 100,000.", "[N(x)], [t ≥ 100,000]."),
    ],
)
def test_formulas_are_set(typed: str, page: str):
    """Ground truth: written by hand; in brackets what is a formula."""
    assert read_formulas(str(html(typed))) == page


@pytest.mark.parametrize(
    "text",
    [
        "(a) all of it, (b, c) a part",
        "A run of a network, as I see it",
        "a C compiler, Ctrl-C, GD's and He's",
        "24 of 24, 1/2 or less, 3 · 4",
        "docs/theory.md, flow_direction/b, he_normal",
        "an x-axis, log-log, and/or, float64",
        "the largest |margin| (input units)",
    ],
)
def test_words_are_left_alone(text: str):
    """Ground truth: written by hand."""
    assert "<math>" not in html(text)


SENTENCES = """At t = 1e1000 all 197 flows are within 1.2e-03; the deficit is Θ(1/ln t) | (see [2, x
(x1, x2) and |C_GD - C_GF| ~ step size^1.059 }{ e^|margin|, Σ_R p_k η e^(-low_k) )( \u2032\u2032 ^^
_ x_ √ √( |x| |y|| ½½ -1 - x1 (label +1) f(a) * * / ln ln ln t max (e^x - 1)/x <b>&amp; a^b^c
[x > 0](1 + q)"""


def test_no_character_is_lost():
    """Ground truth: the text itself, whatever stands in it, but for ^, _, spaces and brackets of
    exponents, which are set; also cut off anywhere."""
    for end in range(len(SENTENCES)):
        text = SENTENCES[:end]
        shown = "".join(
            re.sub("<[^>]*>", "", piece) if is_formula else piece
            for is_formula, piece in pieces(text)
        )
        shown = shown.replace("&lt;", "<").replace("&gt;", ">").replace("∗", "*").replace("−", "-")
        left = [re.sub(r"[\s^_(){}]", "", one) for one in (shown, text)]
        assert left[0] == left[1].replace("\u2032", "′")


def test_long_formulas_may_be_broken():
    """Ground truth: no piece that cannot be broken is wider than a phone, some 40 letters."""
    text = "|ρ - (1/N) Σ λ_i f_i g_i|² = |ρ|² - (2/N) Σ λ_i x_i f_i + (1/N²) |Σ λ_i f_i g_i|²"
    parts = re.findall("<math>.*?</math>", str(html(text)))
    assert len(parts) > 1
    assert all(len(re.sub("<[^>]*>", "", part)) < 40 for part in parts)
