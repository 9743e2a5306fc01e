"""What exiftool, the judge of our writing, has to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from faceclust.records import Box, PhotoInfo, TaggedPhoto
from faceclust.xmp import stored_box

Tags: TypeAlias = dict[str, Any]
Exiftool: TypeAlias = Callable[[list[Path]], list[Tags]]


def assert_seen(tags: Tags, photo: TaggedPhoto) -> None:
    """The photo's names and stored boxes stand in all three forms, in this order."""
    info = photo.info
    for form, found in seen(tags).items():
        assert [name for name, _ in found] == [region.name for region in photo.regions], form
        for (_, box), region in zip(found, photo.regions, strict=True):
            stored = stored_box(region.box, info.orientation)
            wanted = (stored.x, stored.y, stored.w, stored.h)
            assert (box.x, box.y, box.w, box.h) == pytest.approx(wanted, abs=1e-9), form
    dimensions = tags["RegionInfo"]["AppliedToDimensions"]
    assert (dimensions["W"], dimensions["H"], dimensions["Unit"]) == (*stored_pixels(info), "pixel")
    assert tags["PersonInImage"] == [region.name for region in photo.regions]


def stored_pixels(info: PhotoInfo) -> tuple[int, int]:
    return (info.height, info.width) if info.orientation >= 5 else (info.width, info.height)


def seen(tags: Tags) -> dict[str, list[tuple[str, Box]]]:
    """Names and stored boxes of each of the three forms in exiftool's answer."""
    mwg, mp, iptc = [], [], []
    for region in tags["RegionInfo"]["RegionList"]:
        area = region["Area"]
        assert region["Type"] == "Face"
        assert area["Unit"] == "normalized"
        x, y, w, h = (float(area[key]) for key in "XYWH")
        mwg.append((str(region["Name"]), Box(x - w / 2, y - h / 2, w, h)))
    for region in tags["RegionInfoMP"]["Regions"]:
        x, y, w, h = map(float, region["Rectangle"].split(", "))
        mp.append((str(region["PersonDisplayName"]), Box(x, y, w, h)))
    for region in tags["ImageRegion"]:
        boundary = region["RegionBoundary"]
        assert boundary["RbShape"] == "rectangle"
        assert boundary["RbUnit"] == "relative"
        kind = region["RCtype"][0]
        assert kind["Identifier"] == ["http://cv.iptc.org/newscodes/imageregiontype/human"]
        box = Box(*(float(boundary[f"Rb{key}"]) for key in "XYWH"))
        iptc.append((str(region["Name"]), box))
    return {"mwg": mwg, "mp": mp, "iptc": iptc}
