"""Which of Takeout's JSON files is about which photo of a folder.

The JSON of a.jpg is a.jpg.json, or a.jpg.supplemental-metadata.json since 2024; that of its
duplicate a(1).jpg bears the number at the end: a.jpg(1).json. Before ".json" and the number stand
46 characters or so, so either may be cut short, the photo's own name after 47: where names of
several photos begin alike, only the title in the JSON tells whose it is. Edited copies
(a-edited.jpg, in whatever language) have none of their own.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePosixPath
from typing import TypeAlias

from faceclust.tags.files import Names

SUFFIX = ".json"
# Files that lie beside photos and are about one.
_NO_PICTURES = (".xmp", ".ini", ".txt", ".html", ".db")
_SUPPLEMENT = ".supplemental-metadata"
# Google's words for an edited copy, as file systems may spell them.
_EDITED = tuple(
    unicodedata.normalize(form, f"-{word}")
    for word in ("edited", "effects", "smile", "mix", "bearbeitet", "bewerkt", "edytowane",
                 "editat", "editado", "ha editado", "modifi\xe9", "modificato", "編集済み")
    for form in ("NFC", "NFD")
)  # fmt: skip
_COUNTER = re.compile(r"(?<=.)\([0-9]+\)$")
# What Google replaces in the names of files, in more ways than anyone has listed.
_REPLACED = re.compile("[\x00-,/:-@\\[-`{-\x7f]")
# Bytes from which on the stem of a photo, or the name of its JSON, may be a title cut short.
_CUT_PHOTO, _CUT_JSON = 45, 40


@dataclass(frozen=True, slots=True)
class _Name:
    """A photo's name taken apart: `number` tells duplicates of one title from each other."""

    stem: str
    suffix: str
    number: str = ""

    @property
    def group(self) -> tuple[str, str]:
        """What duplicates share, as `_key` has it."""
        return _key(self.stem), _key(self.suffix)


@dataclass(frozen=True, slots=True)
class _Json:
    """A JSON: its title taken apart, and what of it its own name says; all as `_key` has it.

    Attributes:
        base: the title, or its beginning, as it stands in the name; `cut` where that is less than
            all of it, with or without its ending.
        number: the counter after it.
    """

    file: str
    title: str
    stem: str
    suffix: str
    base: str
    number: str
    cut: bool


@dataclass(slots=True)
class _Group:
    """The duplicates of one name, and the JSON files whose titles are theirs, by number.

    Attributes:
        shared: the numbers of the JSON files count other titles, too.
    """

    photos: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    jsons: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    shared: bool = False

    def pairs(self, *, copied: bool) -> Iterator[tuple[str, str]]:
        """Each photo whose JSON is known, with it; only copies may share theirs."""
        if self.shared and self.photos.keys() != self.jsons.keys():
            if self.photos.keys() == {""} and len(self.jsons) == 1:
                self.jsons = defaultdict(list, {"": next(iter(self.jsons.values()))})
            else:
                return
        for number in self.photos.keys() & self.jsons.keys():
            photos, jsons = self.photos[number], self.jsons[number]
            if len(jsons) == 1 and (copied or len(photos) == 1):
                yield from ((photo, jsons[0]) for photo in photos)


_Groups: TypeAlias = defaultdict[tuple[str, str], _Group]


def jsons_of(
    photos: Collection[str], names: Names, title: Callable[[str], str | None]
) -> dict[str, list[list[str]]]:
    """The JSON files of some photos of one folder.

    Args:
        photos: file names.
        names: what is in the folder.
        title: reads the title in a JSON; None where it has none. Called only for JSON files that
            are nobody's by name, and only where a photo has none by name.

    Returns:
        Photo to what may be its JSON, the likeliest first. Two lists are two readings of its name:
        if there is one for each, it is not known which.
    """
    found = {photo: named for photo in photos if (named := _named(photo, names))}
    jsons = {name for name in names if name.casefold().endswith(SUFFIX)}
    files = {*photos, *names} - jsons
    if len(found) < len(photos) and jsons.difference(*chain.from_iterable(found.values())):
        by_name = {file: found.get(file) or _named(file, names) for file in files}
        jsons.difference_update(*chain.from_iterable(by_name.values()))
        alone = [
            file
            for file in sorted(files)
            if not by_name[file] and PurePosixPath(file).suffix.casefold() not in _NO_PICTURES
        ]
        told = {json: title(json) for json in sorted(jsons)}
        cut = by_title(alone, {json: text for json, text in told.items() if text})
        found |= {photo: [[cut[photo]]] for photo in photos if photo in cut}
    return found


def _named(photo: str, names: Names) -> list[list[str]]:
    """The JSON files that are there of those that `json_names` names, for each reading with any."""
    for readings in json_names(photo):
        there = [[names.find(name, owner) for name in reading] for owner, reading in readings]
        found = [list(dict.fromkeys(name for name in each if name)) for each in there]
        if any(found):
            return [each for each in found if each]
    return []


def json_names(photo: str) -> Iterator[list[tuple[str, Iterator[str]]]]:
    """The names that the JSON of a photo may have where its own stands in them uncut.

    Yields:
        What it may be called, the likelier first: as the photo, or as the one that it is an edited
        copy of. "a(1).jpg" may be a duplicate of a.jpg or a title: for each reading the photo whose
        JSON it is, and its names. Where there is a JSON for either, nobody knows whose it is.
    """
    yield [(photo, _whole(name)) for name in _readings(photo)]
    copied = {name: None for each in _readings(photo) for name in _originals(each, _EDITED)}
    if copied:
        yield [(f"{name.stem}{name.number}{name.suffix}", _whole(name)) for name in copied]


def by_title(files: Iterable[str], titles: Mapping[str, str]) -> dict[str, str]:
    """The JSON of each photo whose name, or that of its JSON, was cut short.

    Args:
        files: the photos and videos of a folder that have no JSON by name.
        titles: the other JSON files of that folder, each with the title in it.

    Returns:
        File to JSON; whatever fits none, or more than one, is left out.
    """
    names = [(file, name) for file in files for name in _readings(file)]
    copies = [(file, name) for file, own in names for name in _originals(own, _cut_words(own))]
    read = [_json(file, title) for file, title in titles.items()]
    jsons = [each for each in read if each is not None]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for photo, json in _pairs(names, jsons, copied=False):
        found[photo].add(json)
    own = set(found)
    for photo, json in _pairs(copies, jsons, copied=True):
        if photo not in own:
            found[photo].add(json)
    return {photo: each.pop() for photo, each in found.items() if len(each) == 1}


def _readings(photo: str) -> list[_Name]:
    """A name as that of a duplicate, where it can be one, and as a title."""
    path = PurePosixPath(photo)
    own, counter = _Name(path.stem, path.suffix), _COUNTER.search(path.stem)
    if counter is None:
        return [own]
    return [_Name(path.stem[: counter.start()], path.suffix, counter[0]), own]


def _originals(copy: _Name, words: Iterable[str]) -> Iterator[_Name]:
    """The names that the original of an edited copy may have."""
    for word in words:
        stem = copy.stem.removesuffix(word)
        if stem and stem != copy.stem:
            number = [_Name(stem, copy.suffix, copy.number)]
            yield from number if copy.number else _readings(f"{stem}{copy.suffix}")


def _cut_words(name: _Name) -> set[str]:
    """Words for an edited copy, cut where a name is so long that they may be."""
    cut = _size(name.stem) >= _CUT_PHOTO
    return {word[:end] for word in _EDITED for end in range(1 if cut else len(word), len(word) + 1)}


def _whole(name: _Name) -> Iterator[str]:
    """The names of a JSON in which `name` stands uncut."""
    yield f"{name.stem}{name.suffix}{name.number}{SUFFIX}"
    # The cut is not the same in every export.
    for length in range(len(_SUPPLEMENT), 0, -1):
        yield f"{name.stem}{name.suffix}{_SUPPLEMENT[:length]}{name.number}{SUFFIX}"


def _json(file: str, title: str) -> _Json | None:
    """A JSON as its name and its title have it; None where the one does not begin the other."""
    full = file[: -len(SUFFIX)]
    counter = _COUNTER.search(full)
    numbered = [(full, "")] + ([(full[: counter.start()], counter[0])] if counter else [])
    for wanted in dict.fromkeys((title, html.unescape(title))):
        whole = _key(wanted)
        path = PurePosixPath(whole)
        for name, number in numbered:
            for base in map(_key, _unsupplemented(name)):
                cut = base not in (whole, path.stem)
                if base and whole.startswith(base) and (not cut or _size(base) >= _CUT_JSON):
                    return _Json(file, whole, path.stem, path.suffix, base, number, cut)
    return None


def _unsupplemented(name: str) -> Iterator[str]:
    """What may stand before a cut ".supplemental-metadata", the longest first."""
    yield name
    for length in range(1, len(_SUPPLEMENT) + 1):
        if name.endswith(_SUPPLEMENT[:length]):
            yield name[:-length]


def _pairs(
    names: Sequence[tuple[str, _Name]], jsons: Iterable[_Json], *, copied: bool
) -> Iterator[tuple[str, str]]:
    """Files and their JSON; of `copied` names only the whole title counts."""
    groups: _Groups = defaultdict(_Group)
    for file, name in names:
        stem, suffix = name.group
        for key in {(stem, suffix), (stem, "")}:  # some titles have no ending
            groups[key].photos[name.number].append(file)
    # By the likelier reading: a duplicate is called as what it is a duplicate of.
    begun = sorted({"".join(name.group) for name in dict(reversed(names)).values()})
    beside: defaultdict[str, set[int | str]] = defaultdict(set)
    told: list[tuple[_Json, _Group]] = []
    for json in jsons:
        group = _whose(json, groups, copied=copied)
        beside[json.base].add(json.title if group is None else id(group))
        if group is not None:
            group.jsons[json.number].append(json.file)
            told.append((json, group))
    for json, group in told:
        several = len(beside[json.base]) > 1 or _several_begin(begun, json.base)
        group.shared |= json.cut and several
    for group in groups.values():
        yield from group.pairs(copied=copied)


def _whose(json: _Json, groups: _Groups, *, copied: bool) -> _Group | None:
    """The photos that a title is about."""
    # get() all along: a group would be made where there is none.
    whole = groups.get((json.stem, json.suffix)) or groups.get((json.title, ""))
    if whole is not None:
        return whole
    for end in range(0 if copied else len(json.stem) - 1, 0, -1):
        begin = json.stem[:end]
        group = groups.get((begin, json.suffix))
        if group is not None and _size(begin) >= _CUT_PHOTO:
            return group
    return None


def _several_begin(names: list[str], beginning: str) -> bool:
    """Whether more than one of the sorted names begins like this."""
    at = bisect_left(names, beginning)
    return any(name.startswith(beginning) for name in names[at + 1 : at + 2])


def _key(name: str) -> str:
    """A title or file name as both can be compared."""
    return _REPLACED.sub("_", unicodedata.normalize("NFC", name))


def _size(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))
