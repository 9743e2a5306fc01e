"""A library's people as something to look at: one HTML page, or contact sheets as pictures."""

from faceclust.export.report.figures import PersonFigures, ReportOptions, figures
from faceclust.export.report.page import page
from faceclust.export.report.sheets import overview, person_sheet

__all__ = [
    "PersonFigures",
    "ReportOptions",
    "figures",
    "overview",
    "page",
    "person_sheet",
]
