"""The results of commands as one page that works without a network."""

from ._page import MOST_BYTES, Report, write_report

__all__ = ["MOST_BYTES", "Report", "write_report"]
