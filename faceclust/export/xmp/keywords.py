"""People as keywords: flat ones, and below a root in the trees of Lightroom, digiKam, Microsoft."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lxml import etree

from faceclust.xmp.packet import (
    add,
    array,
    clean,
    fold,
    items,
    lift_attribute,
    properties,
    q,
    remove,
    text,
)
from faceclust.xmp.people import PERSON_IN_IMAGE

# As the journal of exports has them.
Tree: TypeAlias = Literal["lr", "digiKam", "MicrosoftPhoto"]
_MICROSOFT_TAG = q("MicrosoftPhoto:LastKeywordXMP")
_MICROSOFT_ALIAS = "{http://ns.microsoft.com/photo/1.0}LastKeywordXMP"


@dataclass(frozen=True, slots=True)
class Keyword:
    """A property that holds keywords.

    Attributes:
        tag: the property, in `container`.
        separator: what stands between root and name; "": the bare name.
    """

    tag: str
    container: Literal["Bag", "Seq"] = "Bag"
    separator: str = ""

    def of(self, name: str, root: str) -> str:
        """A person as keyword; "|" and "/" in a name would be read as levels: they become "-"."""
        if not self.separator:
            return name
        leaf = name.replace("|", "-").replace("/", "-")
        return self.separator.join([*filter(None, clean(root).split("/")), leaf])

    def properties(self, rdf: etree._Element) -> list[etree._Element]:
        """Where a packet holds this property."""
        found = properties(rdf, self.tag)
        # exiftool writes this namespace without its last slash.
        return found + properties(rdf, _MICROSOFT_ALIAS) if self.tag == _MICROSOFT_TAG else found

    def listed(self, rdf: etree._Element) -> frozenset[str]:
        """The keywords in a packet."""
        return frozenset(clean(text(li)) for value in self.properties(rdf) for li in items(value))

    def merge(
        self, rdf: etree._Element, block: etree._Element, wanted: list[str], stale: set[str]
    ) -> None:
        """Takes the keywords `stale` out of a packet and puts those in that it lacks.

        Args:
            rdf: the packet.
            block: its rdf:Description that takes the property where there is none yet.
            wanted: what has to be there.
            stale: what has to go.
        """
        found = self.properties(rdf)
        gone = [li for value in found for li in items(value) if clean(text(li)) in stale]
        for li in gone:
            remove(li)
        if wanted:
            self._add(rdf, block, wanted)
        elif gone:
            for value in found:
                if not items(value):
                    remove(value)

    def _add(self, rdf: etree._Element, block: etree._Element, wanted: list[str]) -> None:
        lift_attribute(rdf, self.tag)
        found = self.properties(rdf) or [add(block, self.tag)]
        bags = [array(value, self.container) for value in found]
        present = {fold(text(li)) for value in found for li in items(value)}
        for name in wanted:
            if fold(name) not in present and not self._is_deeper(name, present):
                add(bags[0], q("rdf:li")).text = name

    def _is_deeper(self, name: str, present: set[str]) -> bool:
        """Whether a person has a place already, further down: People|Family|Ann for People|Ann."""
        separator = self.separator
        root, _, leaf = fold(name).rpartition(separator) if separator else ("", "", "")
        return bool(root) and any(
            each.startswith(f"{root}{separator}") and each.endswith(f"{separator}{leaf}")
            for each in present
        )


PERSONS, SUBJECTS = Keyword(PERSON_IN_IMAGE), Keyword(q("dc:subject"))
TREES: dict[Tree, Keyword] = {
    "lr": Keyword(q("lr:hierarchicalSubject"), separator="|"),
    "digiKam": Keyword(q("digiKam:TagsList"), "Seq", "/"),
    "MicrosoftPhoto": Keyword(_MICROSOFT_TAG, separator="/"),
}


def branches(names: Iterable[str], root: str) -> frozenset[tuple[str, str]]:
    """People as keywords in all trees: the tree and the keyword."""
    people = list(names)
    return frozenset((tree, keyword.of(n, root)) for tree, keyword in TREES.items() for n in people)
