"""Tables as they fit the page: what is cut, and that nothing of it is lost."""

from __future__ import annotations

import re

import pytest

import samples.report as sample
from latephase.experiments.bench.finding import Table
from latephase.report.tables import PLACE, is_short, shown


def test_a_wide_table_is_cut_into_parts_that_name_their_rows():
    """Ground truth: the made-up table of 13 columns: all its cells, each once, in order."""
    table = sample.wide_table()
    parts = shown(table).parts
    assert len(parts) > 1
    names = [column.cells for column in (part[0] for part in parts)]
    assert all([str(cell) for cell in cells] == list(sample.NAMES) for cells in names)
    heads = [" ".join(column.head) for part in parts for column in part[1:]]
    assert heads == list(table.columns)[1:]
    for part in parts:
        assert sum(column.width for column in part) <= PLACE


def test_one_column_more_than_fits_is_shared_out_evenly():
    """Ground truth: written by hand: of 2 n columns of one width, n stand in each part."""
    columns = {"name": ["a"]} | {f"a column of a number {k}": [1.0] for k in range(12)}
    parts = shown(Table("t", "", columns)).parts
    sizes = [len(part) - 1 for part in parts]
    assert sum(sizes) == 12
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        ("initializer", 1),
        ("fitted", 1),
        ("gap at t = 10^4 (input units)", 2),
        ("share that waits for 0.001 mostly specialised", 2),
        ("onset, median (log10 of the step)", 2),
    ],
)
def test_heads_have_two_lines_at_most(head: str, lines: int):
    """Ground truth: written by hand; no tag is cut, and the lines are about as long."""
    (column,) = shown(Table("t", "", {head: [1]})).parts[0]
    assert len(column.head) == lines
    for line in column.head:
        assert line.count("<") == line.count(">")
        assert line.count("<sup>") == line.count("</sup>")
    if lines == 2:
        first, second = (len(re.sub("<[^>]*>", "", line)) for line in column.head)
        assert abs(first - second) < 0.6 * len(head)


def test_long_names_of_methods_may_be_broken():
    """Ground truth: written by hand: as wide as its longest part, nothing lost."""
    names = ["gd", "span_projection:at=50:method=prgd/period=10"]
    (column,) = shown(Table("t", "", {"method": names})).parts[0]
    assert [str(cell).replace("<wbr>", "") for cell in column.cells] == names
    assert column.cells[1].count("<wbr>") == 2
    whole = shown(Table("t", "", {"method": [name.replace(":", "_") for name in names]}))
    assert column.width < 0.8 * whole.parts[0][0].width


def test_long_tables_are_folded_and_short_ones_may_stand_for_a_figure():
    """Ground truth: the made-up tables: 40 rows; six in several parts; six in one."""
    assert shown(sample.long_table()).folded
    assert not is_short(sample.long_table())
    assert not is_short(sample.wide_table())
    assert is_short(sample.short_table())
    assert is_short(Table("t", "", {"name": ["a", "b"], "value": [1, 2]}))
    assert shown(Table("t", "", {"name": [], "value": []})).rows == 0


def test_what_is_rounding_is_said_to_be_less_than_it():
    """Ground truth: written by hand; the file beside the page has the numbers as they are."""
    gaps, floors = [0.25, 3e-17, 1e-13, None], {"gap": 1e-13}
    (column,) = shown(Table("t", "", {"gap": gaps}, floors=floors)).parts[0]
    power = "10<sup>−13</sup>"
    assert list(map(str, column.cells[:3])) == ["0.25", f"&lt; {power}", power]
    assert column.numeric
