"""Figures and pages from findings: the room reads results and computes nothing.

`write_report` is the entry.  matplotlib, xarray and Jinja2 are loaded when it is called.
"""

from __future__ import annotations

from latephase.report.write import write_report

__all__ = ["write_report"]
