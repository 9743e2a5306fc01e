"""Face detection: SCRFD (Guo et al., 2021) at more than one scale.

One pass cannot see everything. A face that fills the frame is larger than SCRFD's largest anchor
at 640 pixels, and a face in the last row of a group photo is smaller than its smallest. So each
photo is seen as a pyramid: once very small, once at a middle size, and, where the photo has the
pixels and the user asked for it, in overlapping tiles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceclust.errors import OptionError
from faceclust.faces.scrfd import STRIDE, Detections, Scrfd
from faceclust.records import ImageArray
from faceclust.weights import Device


@dataclass(frozen=True, slots=True)
class DetectorOptions:
    """How photos are searched for faces.

    Raises:
        OptionError: a value with which no photo can be searched.

    Attributes:
        min_score: detections below this confidence are dropped, in [0, 1].
        min_face: detections whose shorter side is below this many pixels of the full photo are
            dropped: they are too small to be recognised.
        nms_iou: of two boxes that overlap more than this, the more confident one stays.
        small_side: longer side, in pixels, of the pass for faces that fill the frame.
        large_side: longer side of the main pass; photos smaller than this are not enlarged.
        max_reduction: the main pass sees a photo reduced by this factor at most, so that a face
            of 40 pixels is found in a photo of 12 megapixels as in one of 48.
        tiles: also search the photo in overlapping tiles of `large_side` pixels at full
            resolution: finds the smallest faces of large photos, at many times the cost.
    """

    min_score: float = 0.5
    min_face: int = 24
    nms_iou: float = 0.4
    small_side: int = 160
    large_side: int = 960
    max_reduction: float = 4.0
    tiles: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("min_score", 0.01, 1), ("min_face", 0, 1 << 16), ("nms_iou", 0, 1),
            ("small_side", 32, 1 << 14), ("large_side", 32, 1 << 14), ("max_reduction", 1, 1000),
        ):  # fmt: skip
            value = getattr(self, name)
            if not low <= value <= high:
                raise OptionError(f"{name} must be from {low} to {high}, not {value}.")


@dataclass(frozen=True, slots=True)
class View:
    """A window of the image, (x, y, width, height) in its pixels, seen at `scale`."""

    x: int
    y: int
    width: int
    height: int
    scale: float


def views(
    height: int, width: int, options: DetectorOptions, full_side: int | None = None
) -> Iterator[View]:
    """Yield the windows in which an image of `height` x `width` pixels is searched.

    `full_side` is the longer side of the photo that the image is a reduced version of.
    """
    longer = max(height, width)
    yield View(0, 0, width, height, min(1.0, options.small_side / longer))
    if longer > options.small_side:
        side = max(options.large_side, (full_side or longer) / options.max_reduction)
        yield View(0, 0, width, height, min(1.0, side / longer))
    if options.tiles and longer > options.large_side:
        side = options.large_side
        for y in _tile_starts(height, side):
            for x in _tile_starts(width, side):
                yield View(x, y, min(side, width - x), min(side, height - y), 1.0)


def _tile_starts(length: int, side: int) -> list[int]:
    """Starts of windows of `side` that cover `length` and overlap by at least a quarter."""
    if length <= side:
        return [0]
    count = int(np.ceil((length - side) / (side * 0.75))) + 1
    return [int(start) for start in np.linspace(0, length - side, count)]


class Detector:
    """SCRFD over the views of a photo.

    Args:
        path: an SCRFD ONNX file with five landmarks.
        options: thresholds and scales.
        device: "cpu" or "cuda".
        threads: threads of one inference.
        int8: see `Scrfd`.

    Raises:
        WeightsError: the file is not an SCRFD model, or the device cannot be used.
    """

    def __init__(
        self,
        path: Path,
        options: DetectorOptions,
        device: Device = "cpu",
        threads: int = 1,
        *,
        int8: bool = True,
    ) -> None:
        self.options = options
        self._scrfd = Scrfd(path, device, threads, int8=int8)

    def __call__(self, image: ImageArray, full_side: int | None = None) -> Detections:
        """Find the faces of an upright RGB image (H, W, 3) uint8, see `views`."""
        height, width = image.shape[:2]
        windows = views(height, width, self.options, full_side)
        found = [self._search(image, view) for view in windows]
        merged = Detections(
            np.concatenate([part.boxes for part in found]),
            np.concatenate([part.landmarks for part in found]),
            np.concatenate([part.scores for part in found]),
        )
        return suppress(merged, self.options.nms_iou)

    def _search(self, image: ImageArray, view: View) -> Detections:
        found = self._scrfd(render(image, view), self.options.min_score)
        offset = np.array([view.x, view.y], np.float32)
        return Detections(
            (found.boxes.reshape(-1, 2, 2) / view.scale + offset).reshape(-1, 4),
            found.landmarks / view.scale + offset,
            found.scores,
        )


def render(image: ImageArray, view: View) -> ImageArray:
    """Resize the view's window and pad it to multiples of the network's stride with black.

    Returns:
        (H', W', 3) uint8 with H' and W' multiples of 32.
    """
    import cv2

    window = image[view.y : view.y + view.height, view.x : view.x + view.width]
    if view.scale < 1.0:
        size = (
            max(1, round(view.width * view.scale)),
            max(1, round(view.height * view.scale)),
        )
        window = np.asarray(cv2.resize(window, size, interpolation=cv2.INTER_AREA), np.uint8)
    height, width = window.shape[:2]
    canvas = np.zeros((-(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE, 3), np.uint8)
    canvas[:height, :width] = window
    return canvas


def suppress(found: Detections, iou: float) -> Detections:
    """Greedy non-maximum suppression: of boxes that overlap by more than `iou`, keep the best."""
    found = found.select(np.argsort(-found.scores, kind="stable"))
    x0, y0, x1, y1 = found.boxes.T
    area = np.maximum(x1 - x0, 0) * np.maximum(y1 - y0, 0)
    alive = np.ones(len(found), bool)
    for i in range(len(found)):
        if not alive[i]:
            continue
        width = np.minimum(x1[i], x1) - np.maximum(x0[i], x0)
        height = np.minimum(y1[i], y1) - np.maximum(y0[i], y0)
        both = np.maximum(width, 0) * np.maximum(height, 0)
        rival = both > iou * np.maximum(area[i] + area - both, 1e-9)
        rival[: i + 1] = False
        alive &= ~rival
    return found.select(alive)
