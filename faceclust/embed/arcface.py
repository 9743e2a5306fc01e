"""Identity embeddings: ArcFace networks (Deng et al., 2019) over aligned crops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceclust import weights
from faceclust.embed.prelu import split_prelu
from faceclust.embed.rewrite import to_onnx
from faceclust.halves import Halves, Rows
from faceclust.records import FloatArray, ImageArray, IntArray
from faceclust.weights import Device

# Faces at once. Above 8 a batch only grows the working set of a CPU, where 32 faces are no faster
# than one; a GPU waits for work.
BATCH: Mapping[Device, int] = {"cpu": 8, "cuda": 256}
ROWS = 8192  # embeddings at once: what is worked out of a million takes little beside themselves


@dataclass(frozen=True, slots=True)
class Network:
    """A file of weights and how it is to be fed.

    Attributes:
        path: an ONNX or TFLite (.tflite) network over aligned crops.
        scale: what it was trained with: pixels become (x - 127.5) / `scale`.
    """

    path: Path
    scale: float


class Embedder:
    """Several networks side by side: the embedding of a face is all of theirs, one after another.

    Networks that were trained apart err apart; `normalise` gives each the same say.

    Args:
        networks: in the order of their embeddings.
        device, threads: as of `ArcFace`.

    Raises:
        WeightsError: as `ArcFace` does.
    """

    def __init__(
        self, networks: Sequence[Network], device: Device = "cpu", threads: int = 1
    ) -> None:
        self._networks = [ArcFace(n.path, device, threads, n.scale) for n in networks]
        self.parts = tuple(network.dim for network in self._networks)

    def __call__(self, crops: ImageArray) -> FloatArray:
        """Embed aligned crops (B, 112, 112, 3): (B, sum of `parts`) float32, not normalised."""
        return np.concatenate([network(crops) for network in self._networks], axis=1)


class ArcFace:
    """f of METHOD: aligned faces to points of the identity space.

    Args:
        path: a network that takes (B, 3, 112, 112) RGB as (x - 127.5) / `scale`: ONNX, or TFLite
            with the axes in its own order.
        device: "cpu" or "cuda".
        threads: threads of one inference.
        scale: what the network was trained with: 128 or 127.5.

    Raises:
        WeightsError: the file is no such network, or the device cannot be used.
    """

    def __init__(
        self, path: Path, device: Device = "cpu", threads: int = 1, scale: float = 127.5
    ) -> None:
        graph = to_onnx(path) if path.suffix == ".tflite" else free_batch(path)
        if device == "cpu":
            graph = split_prelu(graph)
        self._session = weights.open_session(graph, device=device, threads=threads)
        self._input = self._session.get_inputs()[0].name
        self._scale, self._batch, self._device = np.float32(scale), BATCH[device], device
        self.dim = int(self._session.get_outputs()[0].shape[1])

    def __call__(self, crops: ImageArray) -> FloatArray:
        """Embed aligned crops.

        Args:
            crops: (B, 112, 112, 3) uint8 RGB.

        Returns:
            (B, D) float32, *not* normalised: the length says how recognisable a face is, and
            normalising is one line where cosine is wanted.

        Raises:
            DeviceError: the GPU failed.
        """
        starts = range(0, len(crops), self._batch)
        parts = [self._embed(crops[start : start + self._batch]) for start in starts]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def _embed(self, crops: ImageArray) -> FloatArray:
        x = (crops.astype(np.float32) - np.float32(127.5)) / self._scale
        batch = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
        with weights.running_on(self._device):
            found = self._session.run(None, {self._input: batch})[0]
        return np.asarray(found, np.float32)


def normalise(x: FloatArray, parts: Sequence[int] = ()) -> FloatArray:
    """Scale each row of (N, D) to length 1; a zero row stays zero.

    Args:
        x: embeddings of any length.
        parts: sizes of the embeddings of several networks that a row is made of. Each is first
            scaled to length 1, so that the cosine of two rows is the mean of the networks'.
    """
    whole = np.array(x, np.result_type(x, np.float32))
    _scale(whole, parts)
    return np.asarray(whole, np.float32)


def lengths(x: FloatArray, parts: Sequence[int] = ()) -> FloatArray:
    """Lengths of raw embeddings (N, D), one for each network: (N, networks)."""
    found = np.empty((len(x), max(1, len(parts))), x.dtype)
    for start in range(0, len(x), ROWS):
        for network, piece in enumerate(_pieces(x[start : start + ROWS], parts)):
            found[start : start + ROWS, network] = np.linalg.norm(piece, axis=1)
    return found


def _scale(x: FloatArray, parts: Sequence[int]) -> None:
    """Normalise rows (N, D) where they are."""
    for start in range(0, len(x), ROWS):
        block = x[start : start + ROWS]
        for piece in (*_pieces(block, parts), block) if len(parts) > 1 else (block,):
            piece /= np.maximum(np.linalg.norm(piece, axis=1, keepdims=True), 1e-12)


def _pieces(x: FloatArray, parts: Sequence[int]) -> Sequence[FloatArray]:
    """What each network has said of some faces, in place."""
    return np.split(x, np.cumsum(parts)[:-1], axis=1) if len(parts) > 1 else [x]


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """Raw embeddings (N, D) in a file, of which each row is normalised whenever it is read."""

    raw: Halves
    parts: Sequence[int] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""
        return self.raw.shape

    def __len__(self) -> int:
        """N."""
        return len(self.raw)

    def __getitem__(self, rows: slice | IntArray, /) -> FloatArray:
        """Some of the rows, (n, D) float32, as `normalise` makes them."""
        x = self.raw[rows]
        _scale(x, self.parts)
        return x


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """N faces as they are compared.

    Attributes:
        x: (N, D) float32, L2-normalised, see `normalise`; perhaps in a file.
        lengths: (N, networks) that they had: how recognisable each face is.
    """

    x: Rows
    lengths: FloatArray

    @classmethod
    def of(cls, x: FloatArray, parts: Sequence[int] = ()) -> Unit:
        """Of raw embeddings (N, D), which stay as they are."""
        return cls(normalise(x, parts), lengths(x, parts))

    @classmethod
    def taken(cls, x: FloatArray, parts: Sequence[int] = ()) -> Unit:
        """The same in the place of raw embeddings, (N, D) float32 that nobody else needs."""
        found = lengths(x, parts)
        _scale(x, parts)
        return cls(x, found)

    @classmethod
    def mapped(cls, raw: Halves, parts: Sequence[int] = ()) -> Unit:
        """The same of raw embeddings (N, D) that stay in their file."""
        blocks = (raw[start : start + ROWS] for start in range(0, len(raw), ROWS))
        return cls(Scaled(raw, parts), np.concatenate([lengths(x, parts) for x in blocks]))

    @property
    def whole(self) -> FloatArray:
        """`x` as an array: of a file, all of it in memory."""
        return self.x[:]

    def select(self, rows: IntArray) -> Unit:
        """Some of the faces."""
        return Unit(self.x[rows], self.lengths[rows])


def free_batch(path: Path) -> bytes:
    """Return the network with a free batch size.

    Some exports fix the batch at 1 in the shapes and in the last `Reshape`, whose constant
    (1, -1) becomes (-1, D).

    Raises:
        WeightsError: the file is no ONNX model.
    """
    import onnx

    model = weights.load_graph(path)
    dim = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    for value in (*model.graph.input[:1], *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for constant in model.graph.initializer:
        if constant.name in shapes and list(onnx.numpy_helper.to_array(constant)) == [1, -1]:
            free = onnx.numpy_helper.from_array(np.array([-1, dim], np.int64), constant.name)
            constant.CopyFrom(free)
    return bytes(model.SerializeToString())
