from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faceclust.records import Box

Tags = dict[str, Any]


@pytest.fixture(scope="session")
def exiftool() -> Callable[[list[Path]], list[Tags]]:
    """Reads the XMP of files the way that the outside world does."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool, the judge of what was written")

    def read(paths: list[Path]) -> list[Tags]:
        command = [program, "-config", "", "-struct", "-j", "-n", "-XMP:all", *map(str, paths)]
        output = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout
        return [*json.loads(output)]

    return read


def seen_by_exiftool(tags: Tags) -> dict[str, list[tuple[str, Box]]]:
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
