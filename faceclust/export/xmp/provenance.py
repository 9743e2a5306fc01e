"""What in a packet is ours: only that may a later export take out again."""

from __future__ import annotations

from dataclasses import dataclass

from faceclust.export.xmp.keywords import SUBJECTS, TREES, Tree
from faceclust.xmp.notes import authors
from faceclust.xmp.packet import fields, parse
from faceclust.xmp.people import listed
from faceclust.xmp.regions import FORMS, is_face, named_item, region_items


@dataclass(frozen=True, slots=True)
class Previous:
    """What an earlier export of ours brought into a packet.

    Attributes:
        names: people who had no region and were not listed before.
        keywords: keywords (dc:subject) that were not there before.
        notes: the libraries whose notes came with it.
        branches: keywords in trees that were not there before: the tree and the keyword.
    """

    names: frozenset[str] = frozenset()
    keywords: frozenset[str] = frozenset()
    notes: frozenset[str] = frozenset()
    branches: frozenset[tuple[str, str]] = frozenset()

    def of(self, tree: Tree) -> frozenset[str]:
        """The keywords in one tree."""
        return frozenset(keyword for each, keyword in self.branches if each == tree)

    def __or__(self, other: Previous) -> Previous:
        return Previous(
            self.names | other.names,
            self.keywords | other.keywords,
            self.notes | other.notes,
            self.branches | other.branches,
        )

    def less(self, other: Previous) -> Previous:
        """What is here and not in `other`."""
        return Previous(
            self.names - other.names,
            self.keywords - other.keywords,
            self.notes - other.notes,
            self.branches - other.branches,
        )


NOTHING = Previous()


def written_in(packet: bytes) -> Previous:
    """The names that a packet gives to people, in regions or without one, keywords, and notes.

    `written_in(after).less(written_in(before))` is what an export brought.

    Raises:
        InputError: the packet is no XMP.
    """
    rdf = parse(packet)
    regions = [(form, li) for form in FORMS for li in region_items(rdf, form)]
    named = [named_item(fields(li), form) for form, li in regions if is_face(li, form)]
    names = frozenset([name or "" for name in named] + listed(rdf)) - {""}
    branches = [(tree, name) for tree, each in TREES.items() for name in each.listed(rdf)]
    return Previous(names, SUBJECTS.listed(rdf), authors(rdf), frozenset(branches))
