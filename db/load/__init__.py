"""Loading of official files: a reader for each format, one writer, and the default load."""

from db.load.default import load_default
from db.load.report import LoadReport, Progress

__all__ = ["LoadReport", "Progress", "load_default"]
