"""Detection of several photos at once beside one at a time: python -m tests.benchmarks.batches.

Processor time a photo on one core, taken in turns; the views are of one size, as those of a batch
would have to be. What a batch saves is what a scan could gain by collecting photos.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import onnx

from faceclust import weights
from faceclust.faces.int8 import quantise
from faceclust.faces.scrfd import dynamic_scrfd, known_ranges
from faceclust.records import FloatArray

VIEWS = ((256, 192), (320, 256), (640, 480), (1024, 768))
PHOTOS, TURNS, BATCHES = 8, 12, (1, 2, 4, 8)


def of_any_batch() -> bytes:
    """The detector as a CPU runs it, with a batch of any size."""
    path = weights.path_of("scrfd-2.5g")
    ranges = known_ranges(path)
    assert ranges is not None
    model = onnx.load_from_string(quantise(dynamic_scrfd(path), ranges))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "B"
    return bytes(model.SerializeToString())


def seconds(x: FloatArray) -> Iterator[float]:
    """Of one of the photos (n, 3, H, W), the median turn, for each of `BATCHES`."""
    session = weights.open_session(of_any_batch(), device="cpu", threads=1)
    name = session.get_inputs()[0].name
    times = np.empty((TURNS, len(BATCHES)))
    for turn in times:
        for place, batch in enumerate(BATCHES):
            started = time.process_time()
            for start in range(0, len(x), batch):
                session.run(None, {name: x[start : start + batch]})
            turn[place] = (time.process_time() - started) / len(x)
    yield from np.median(times, axis=0).tolist()


def main() -> None:
    """Print a line a size."""
    for width, height in VIEWS:
        shape = (PHOTOS, 3, height, width)
        x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        alone, *together = seconds(x)
        said = ", ".join(
            f"{batch} at once {each / alone:.2f} of that"
            for batch, each in zip(BATCHES[1:], together, strict=True)
        )
        print(f"{width} x {height}: {alone * 1000:.1f} ms alone; {said}", flush=True)


if __name__ == "__main__":
    main()
