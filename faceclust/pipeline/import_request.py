"""What is asked of an import: which photos, and whose tags."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from faceclust.errors import InputError
from faceclust.pipeline.library import Library
from faceclust.tags import SOURCES, Source, osxphotos, picasa, titles


@dataclass(slots=True)
class Wanted:
    """What the user asked for.

    Attributes:
        sources: kinds of tags to read.
        named: photos, sidecars, folders of the library; none of them: everything.
        lists: files that osxphotos wrote.
        contacts: Picasa's contacts.xml files.
    """

    sources: tuple[Source, ...] = SOURCES
    named: set[str] = field(default_factory=set)
    lists: list[Path] = field(default_factory=list)
    contacts: list[Path] = field(default_factory=list)

    @property
    def all_photos(self) -> bool:
        """Whether photos are looked at whatever their name."""
        return not self.named and not self.lists

    def __contains__(self, paths: Collection[str]) -> bool:
        """Whether a photo or the file with its tags, or a folder above them, was named."""
        return self.all_photos or any(
            parent in self.named
            for path in paths
            for parent in (path, *map(str, PurePosixPath(path).parents))
        )


def wanted(library: Library, paths: Collection[Path], sources: tuple[Source, ...]) -> Wanted:
    """Sort out what the user named.

    Raises:
        InputError: there is no such file, or it is none that tags are read from.
    """
    result, root = Wanted(sources), Path(os.path.realpath(library.root))
    if library.address is not None and not paths:
        raise InputError(
            f"The photos lie at {library.address}, where tags are not looked for; give a list that "
            "osxphotos wrote."
        )
    for given in paths:
        path = Path(os.path.realpath(given.expanduser()))
        if not path.exists():
            raise InputError(f"{given} does not exist; give photos, folders or files with tags.")
        inside = path.is_relative_to(root)
        if path.name.casefold() == picasa.CONTACTS_NAME:
            result.contacts.append(path)
        elif path.suffix.casefold() == titles.SUFFIX and osxphotos.is_list(path):
            result.lists.append(path)
        elif inside:
            result.named.add(path.relative_to(root).as_posix())
        else:
            raise InputError(
                f"{given} is not in the library {library.place}; only a list that osxphotos wrote "
                "or Picasa's contacts.xml may lie elsewhere."
            )
    return result
