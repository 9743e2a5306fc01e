"""What was decided, when, and whether it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from faceclust.answers import add_up
from faceclust.people import standing
from faceclust.pipeline.library import Library
from faceclust.records import Decision
from faceclust.store import ledger


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A decision as `faceclust log` shows it.

    Attributes:
        decision: of an import, the newest.
        who: name or number of the person that it is about; None for "not-a-face", "a-face",
            "undo" and imports.
        other: of "differ" and "merge", names or numbers of the others.
        imported: it was taken over from other programs.
        stands: it was not taken back.
        faces: how many it is about.
    """

    decision: Decision
    who: str | None
    stands: bool
    faces: int
    other: tuple[str, ...] = ()
    imported: bool = False

    @property
    def kind(self) -> str:
        """The decision's kind, or "import"."""
        imported = self.imported and self.decision.kind != "undo"
        return "import" if imported else self.decision.kind


def log(library: Library, limit: int | None = None) -> list[LogEntry]:
    """Every decision ever made, newest first; an import, and what took it back, as one entry.

    Args:
        limit: only the newest so many.
    """
    decisions = ledger.decisions(library.db)
    holding = {decision.id for decision in standing(decisions)}
    # Names come of decisions alone, whatever faces a clustering adds.
    names = {group.id: group.name for group in add_up(decisions).groups.values()}
    entries: defaultdict[tuple[int, bool], list[Decision]] = defaultdict(list)
    imports = {decision.batch for decision in decisions if decision.source is not None}
    for decision in decisions[::-1]:
        whole = decision.batch if decision.batch in imports else None
        entries[whole or -decision.id, decision.kind == "undo"].append(decision)
    return [
        _entry(made, holding, names, made[0].batch in imports)
        for made in islice(entries.values(), limit)
    ]


def _entry(
    made: Sequence[Decision],
    holding: Collection[int],
    names: Mapping[int, str | None],
    imported: bool,
) -> LogEntry:
    # Of an import the newest, and of its end what undoes that one: `undo` names what is listed.
    decision = max(made, key=lambda each: each.undoes or each.id)
    who: str | None = None
    other: tuple[str, ...] = ()
    if decision.person is not None and not imported:
        who = decision.name or names.get(decision.person) or str(decision.person)
    if decision.kind in ("differ", "merge"):
        other = tuple(names.get(each) or str(each) for each in decision.others)
    count = sum(len(each.faces) for each in made)
    return LogEntry(decision, who, decision.id in holding, count, other, imported)
