"""Which detected faces the boxes of another program show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from faceclust.records import Box
from faceclust.tags.found import Frame
from faceclust.xmp import Region, displayed_box

Reason: TypeAlias = Literal["no-face", "ambiguous"]

# Programs draw faces from eyebrows to chin or with all the hair: a good match may overlap little.
MIN_IOU = 0.1
# Another free face that fits nearly as well: whose face the box shows cannot be told.
RIVAL_SHARE = 0.75
# By so much more of overlap is the other frame believed where both match as many regions.
CLEARLY = 0.3
_ORIENTATIONS = range(1, 9)


@dataclass(frozen=True, slots=True)
class Matched:
    """What became of the regions.

    Attributes:
        pairs: a region and the face that it shows; a face may stand in several.
        left: the other regions, and why.
    """

    pairs: tuple[tuple[Region, int], ...] = ()
    left: tuple[tuple[Region, Reason], ...] = ()


def match(
    regions: Sequence[Region], frame: Frame, orientation: int, faces: Mapping[int, Box]
) -> Matched:
    """Find the face that each region shows.

    The regions of one file refer to one picture: as it is stored, or as it is displayed. What the
    format demands (`frame`) is believed unless the other way matches more of them, or as many and
    clearly better. Where neither
    matches most, the photo may have been turned after it was tagged: the six other orientations
    are tried, and believed if all of several regions match, and in one way alone.

    Args:
        regions: boxes as they stand in the file.
        frame: what the format refers its boxes to.
        orientation: EXIF orientation of the photo now, 1 to 8.
        faces: face id to its box in the displayed photo.
    """
    usual = (orientation, 1) if frame == "stored" else (1, orientation)
    tries = [_match(_turned(regions, each), faces) for each in dict.fromkeys(usual)]
    best = tries[0]
    for other in tries[1:]:
        more = len(other.pairs) - len(best.pairs)
        better = _fit(other, faces) - _fit(best, faces) > CLEARLY
        if more > 0 or (more == 0 and better):
            best = other
    if 2 * len(best.pairs) > len(regions) or len(regions) < 2:
        return best
    others = [_match(_turned(regions, o), faces) for o in _ORIENTATIONS if o not in usual]
    # The boxes differ from one orientation to the next; what counts is who is where.
    whole = {
        tuple(sorted((region.name, face) for region, face in found.pairs)): found
        for found in others
        if not found.left
    }
    return next(iter(whole.values())) if len(whole) == 1 else best


def _fit(found: Matched, faces: Mapping[int, Box]) -> float:
    """Mean overlap of the regions with their faces."""
    overlaps = [region.box.iou(faces[face]) for region, face in found.pairs]
    return sum(overlaps) / len(overlaps) if overlaps else 0.0


def _turned(regions: Sequence[Region], orientation: int) -> list[Region]:
    return [Region(r.name, displayed_box(r.box, orientation)) for r in regions]


def _match(regions: Sequence[Region], faces: Mapping[int, Box]) -> Matched:
    """As `match`, boxes in the displayed photo: best overlap first, each face once.

    A region that fits only a face which is taken is paired with it all the same: the caller sees
    two names for one face.
    """
    fits = [
        {face: region.box.iou(box) for face, box in faces.items() if _fits(region.box, box)}
        for region in regions
    ]
    ranked = sorted((-iou, i, face) for i, fit in enumerate(fits) for face, iou in fit.items())
    chosen: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, face in ranked:
        if i not in chosen and face not in taken:
            chosen[i] = face
            taken.add(face)
    pairs: list[tuple[Region, int]] = []
    left: list[tuple[Region, Reason]] = []
    for i, (region, fit) in enumerate(zip(regions, fits, strict=True)):
        if not fit:
            left.append((region, "no-face"))
            continue
        face = chosen[i] if i in chosen else max(fit, key=fit.__getitem__)
        rival = max((iou for f, iou in fit.items() if f not in taken), default=0.0)
        if rival >= RIVAL_SHARE * fit[face]:
            left.append((region, "ambiguous"))
        else:
            pairs.append((region, face))
    return Matched(tuple(pairs), tuple(left))


def _fits(region: Box, face: Box) -> bool:
    return region.iou(face) >= MIN_IOU and (_holds(region, face) or _holds(face, region))


def _holds(outer: Box, inner: Box) -> bool:
    """Whether the centre of one box lies in another."""
    x, y = inner.x + inner.w / 2, inner.y + inner.h / 2
    return outer.x <= x <= outer.x + outer.w and outer.y <= y <= outer.y + outer.h
