"""Figures and pages from findings: the room reads results and computes nothing.

`write_report` is the entry.  Importing it loads matplotlib and Jinja2.
"""

from __future__ import annotations

from latephase.report.write import write_report

__all__ = ["write_report"]
