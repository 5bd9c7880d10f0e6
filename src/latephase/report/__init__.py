"""Figures and pages from findings: the room reads results and computes nothing.

`write_report` and `write_comparison` are the entries.  Importing them loads matplotlib and Jinja2.
"""

from __future__ import annotations

from latephase.report.write import write_comparison, write_report

__all__ = ["write_comparison", "write_report"]
