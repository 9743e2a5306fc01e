"""The one corridor: photos -> faces -> embed -> graph -> cluster -> people -> export.

Each function here is one thing a user can ask for. Rooms know nothing of one another; what they
give and take passes through this package, which alone reads and writes the store.
"""

from pathlib import Path

from faceclust.config import Config
from faceclust.export.journal import Event, Summary
from faceclust.export.report import ReportOptions
from faceclust.pipeline.ablate import ablate
from faceclust.pipeline.cluster import ClusterReport, cluster
from faceclust.pipeline.decide import (
    birth,
    differ,
    hide,
    ignore,
    merge,
    name,
    not_a_face,
    overruled,
    reject,
    split,
    undo,
)
from faceclust.pipeline.evaluate import evaluate
from faceclust.pipeline.export import ExportRequest, export, table_bytes, undo_export
from faceclust.pipeline.gallery import Gallery, gallery, mark
from faceclust.pipeline.history import LogEntry, log
from faceclust.pipeline.imports import (
    ImportReport,
    OpenHint,
    import_tags,
    open_hints,
    undo_import,
)
from faceclust.pipeline.library import Library, for_scan, remember, settings
from faceclust.pipeline.library import find as find_library
from faceclust.pipeline.memo import Memo
from faceclust.pipeline.people import PersonSummary, all_people, namesakes, summaries
from faceclust.pipeline.picture import PhotoView, Pictures, photo, thumbnail
from faceclust.pipeline.report import ReportRequest, report
from faceclust.pipeline.sample import sample
from faceclust.pipeline.scan import ScanReport, find_photos, scan
from faceclust.pipeline.search import Match, save_crops, search
from faceclust.pipeline.selected import not_faces, reject_all, split_off
from faceclust.pipeline.status import faces_of, head_count, status, unreadable
from faceclust.pipeline.steps import steps
from faceclust.pipeline.suggestions import answer, suggestions

__all__ = [
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
    "settings",
    "split",
    "split_off",
    "status",
    "steps",
    "suggestions",
    "summaries",
    "table_bytes",
    "thumbnail",
    "undo",
    "undo_export",
    "undo_import",
    "unreadable",
]


def count_photos(library: Library, folder: Path, config: Config) -> int:
    """How many photo files a scan of `folder` will see."""
    return sum(1 for _ in find_photos(library, folder, config))
