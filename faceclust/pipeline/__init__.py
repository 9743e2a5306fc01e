"""The one corridor: photos -> faces -> embed -> graph -> cluster -> people -> export.

Each function here is one thing a user can ask for. Rooms know nothing of one another; what they
give and take passes through this package, which alone reads and writes the store.

A module is loaded when something of it is first asked for: most commands need few of them, and all
together cost as long as a short command takes.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faceclust.export.journal import Event, Summary
    from faceclust.export.report import ReportOptions
    from faceclust.pipeline.ablate import ablate
    from faceclust.pipeline.births import birth
    from faceclust.pipeline.cluster import ClusterReport, cluster
    from faceclust.pipeline.decide import (
        Aside,
        differ,
        hide,
        ignore,
        merge,
        name,
        not_a_face,
        overruled,
        reject,
        set_aside,
        split,
        undo,
    )
    from faceclust.pipeline.evaluate import evaluate
    from faceclust.pipeline.export import export, table_pieces, undo_export
    from faceclust.pipeline.export_request import ExportRequest
    from faceclust.pipeline.gallery import Gallery, gallery, mark
    from faceclust.pipeline.history import LogEntry, log
    from faceclust.pipeline.imports import (
        ImportReport,
        OpenHint,
        import_tags,
        open_hints,
        undo_import,
    )
    from faceclust.pipeline.library import Library, find_library, for_scan, kept_if_used
    from faceclust.pipeline.memo import Memo
    from faceclust.pipeline.people import PersonSummary, all_people, namesakes, summaries
    from faceclust.pipeline.picture import PhotoView, Pictures, photo, thumbnail
    from faceclust.pipeline.presence import count_photos
    from faceclust.pipeline.report import ReportRequest, report
    from faceclust.pipeline.sample import sample
    from faceclust.pipeline.scan import ScanReport, scan
    from faceclust.pipeline.search import Match, save_crops, search
    from faceclust.pipeline.selected import not_faces, reject_all, split_off
    from faceclust.pipeline.settings import remember, settings
    from faceclust.pipeline.shots import sidecar_count
    from faceclust.pipeline.status import faces_of, head_count, status, unreadable
    from faceclust.pipeline.steps import steps
    from faceclust.pipeline.suggestions import answer, suggestions
    from faceclust.store.compact import compact

__all__ = [
    "Aside",
    "ClusterReport",
    "Event",
    "ExportRequest",
    "Gallery",
    "ImportReport",
    "Library",
    "LogEntry",
    "Match",
    "Memo",
    "OpenHint",
    "PersonSummary",
    "PhotoView",
    "Pictures",
    "ReportOptions",
    "ReportRequest",
    "ScanReport",
    "Summary",
    "ablate",
    "all_people",
    "answer",
    "birth",
    "cluster",
    "compact",
    "count_photos",
    "differ",
    "evaluate",
    "export",
    "faces_of",
    "find_library",
    "for_scan",
    "gallery",
    "head_count",
    "hide",
    "ignore",
    "import_tags",
    "kept_if_used",
    "log",
    "mark",
    "merge",
    "name",
    "namesakes",
    "not_a_face",
    "not_faces",
    "open_hints",
    "overruled",
    "photo",
    "reject",
    "reject_all",
    "remember",
    "report",
    "sample",
    "save_crops",
    "scan",
    "search",
    "set_aside",
    "settings",
    "sidecar_count",
    "split",
    "split_off",
    "status",
    "steps",
    "suggestions",
    "summaries",
    "table_pieces",
    "thumbnail",
    "undo",
    "undo_export",
    "undo_import",
    "unreadable",
]

# Where each of these is, below `faceclust`; the imports above tell type checkers the same.
_HOMES = {
    "export.journal": "Event Summary",
    "export.report": "ReportOptions",
    "pipeline.ablate": "ablate",
    "pipeline.births": "birth",
    "pipeline.cluster": "cluster ClusterReport",
    "pipeline.decide": (
        "Aside differ hide ignore merge name not_a_face overruled reject set_aside split undo"
    ),
    "pipeline.evaluate": "evaluate",
    "pipeline.export": "export table_pieces undo_export",
    "pipeline.export_request": "ExportRequest",
    "pipeline.gallery": "Gallery gallery mark",
    "pipeline.history": "log LogEntry",
    "pipeline.imports": "import_tags ImportReport open_hints OpenHint undo_import",
    "pipeline.library": "find_library for_scan kept_if_used Library",
    "pipeline.memo": "Memo",
    "pipeline.people": "all_people namesakes PersonSummary summaries",
    "pipeline.picture": "photo PhotoView Pictures thumbnail",
    "pipeline.presence": "count_photos",
    "pipeline.report": "report ReportRequest",
    "pipeline.sample": "sample",
    "pipeline.scan": "scan ScanReport",
    "pipeline.shots": "sidecar_count",
    "pipeline.settings": "remember settings",
    "pipeline.search": "Match save_crops search",
    "pipeline.selected": "not_faces reject_all split_off",
    "pipeline.status": "faces_of head_count status unreadable",
    "pipeline.steps": "steps",
    "pipeline.suggestions": "answer suggestions",
    "store.compact": "compact",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}


class _Corridor(ModuleType):
    """This package, which finds its functions when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f"faceclust.{_HOME[name]}"), name)
        setattr(self, name, found)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the module `scan` would put it in the place of the function `scan`.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Corridor
