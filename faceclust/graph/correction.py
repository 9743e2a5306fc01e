"""A trained CLIP-Cluster model over a whole library: what it adds to the structural log-odds.

The same numbers as `graph.clip_cluster`, by `graph.streamed`, without torch and in bounded memory.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from faceclust.errors import WeightsError
from faceclust.graph import streamed
from faceclust.graph.architecture import AROUND, LIMIT, SHARPNESS, Architecture, Fusion
from faceclust.graph.edges import EdgeModel
from faceclust.graph.pairs import Pairs
from faceclust.graph.principal import project
from faceclust.graph.structure import NAMES, Scale
from faceclust.halves import Rows
from faceclust.records import FloatArray, IntArray, Neighbours

REMEDY = "install faceclust again or train one"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Weights of `clip_cluster.ClipCluster` and what belongs to them.

    Attributes:
        tensors: the module's state, float32.
        architecture: what it is made of.
        basis: (D_in, D) from the space's embeddings to the model's own dimensions.
        share: how much of the correction counts; fitted on people held out.
        space: model id of the identity embeddings.
        clip: id of the CLIP model.
        base: the structural model that is added to; None for the shipped one.
    """

    tensors: dict[str, FloatArray]
    architecture: Architecture
    basis: FloatArray
    share: float
    space: str
    clip: str
    base: EdgeModel | None = None

    def save(self, path: Path, about: dict[str, Any]) -> None:
        """Write a safetensors file in float16; `about` is kept beside: the whole configuration.

        Means stay float32: a feature that never varies is divided by next to nothing. So does the
        base, which is small.
        """
        from dataclasses import asdict

        from safetensors.numpy import save_file

        kept = {"architecture": asdict(self.architecture), "share": self.share,
                "space": self.space, "clip": self.clip, "features": list(NAMES)}  # fmt: skip
        arrays = {"basis": self.basis} | {f"model.{k}": v for k, v in self.tensors.items()}
        base = {} if self.base is None else self.base.arrays()
        arrays |= {f"base.{k}": v for k, v in base.items()}
        exact = {"model.mean", "model.deviation", *(f"base.{k}" for k in base)}
        half = {
            k: v.astype(np.float16) if v.dtype == np.float32 and k not in exact else v
            for k, v in arrays.items()
        }
        part = path.with_suffix(".part")
        save_file(half, part, {"model": json.dumps(kept), "training": json.dumps(about)})
        part.replace(path)


def load(path: Path, remedy: str = REMEDY) -> Model:
    """Read what `Model.save` wrote.

    Args:
        remedy: how an error's sentence ends.

    Raises:
        WeightsError: the file is missing, damaged, or was made for other features.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            about = json.loads(file.metadata()["model"])
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        half = np.dtype(np.float16)
        arrays = {k: v.astype(np.float32) if v.dtype == half else v for k, v in arrays.items()}
        basis = arrays.pop("basis")
        base = streamed.under(arrays, "base.")
        names = tuple(about["features"])
        model = Model(
            streamed.under(arrays, "model."), Architecture(**about["architecture"]), basis,
            float(about["share"]), str(about["space"]), str(about["clip"]),
            EdgeModel.of(base) if base else None,
        )  # fmt: skip
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is no CLIP-Cluster model ({error}); {remedy}.") from error
    if names != NAMES:
        raise WeightsError(f"{path} was trained on other features; {remedy}.")
    return model


def require_whole(model: Model, path: Path, remedy: str = REMEDY) -> None:
    """Try a model that may be anybody's on three faces: what it lacks shows there.

    Args:
        path: its file, for the sentence.
        remedy: how that ends.

    Raises:
        WeightsError: tensors are missing, or do not fit one another or the architecture.
    """
    index = np.array([[0, 0, 1], [1, 2, 2]])
    pairs = Pairs(index, np.ones(3, np.float32), np.zeros((2, 3), np.float32))
    near = Neighbours(np.array([[1, 2], [0, 2], [0, 1]]), np.ones((3, 2), np.float32))
    t = model.tensors.get("hallucinator.t", np.ones((1, 1), np.float32))
    try:
        if model.architecture.fusion not in get_args(Fusion):
            raise ValueError(f"there is no fusion {model.architecture.fusion!r}")
        x, i = (streamed.unit(np.ones((3, width), np.float32))
                for width in (len(model.basis), t.shape[1]))  # fmt: skip
        opened = Correction.of(model, x, i, near, pairs, Scale(0.0, 1.0))
        said = opened(index, np.zeros((3, len(NAMES)), np.float32))
        if said.shape != (3,) or not np.isfinite(said).all():
            raise ValueError("it says nothing of pairs of faces")
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is no CLIP-Cluster model ({error}); {remedy}.") from error


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What the model adds to the log-odds of the candidate pairs of one library.

    Attributes:
        f: (N, D) faces in the model's own dimensions, v: (N, D) their proxies.
        V: (N, C) after the graph convolution, total: (N, H) W (V_i + V_j)'s share of each face.
        p: (N, V) probabilities of the attribute values, or (N, 0).
        spread: of the cosine between the library's strangers.
    """

    model: Model
    f: FloatArray
    v: FloatArray
    V: FloatArray
    total: FloatArray
    p: FloatArray
    spread: float

    @classmethod
    def of(
        cls, model: Model, x: Rows, i: Rows, neighbours: Neighbours, pairs: Pairs,
        scale: Scale,
    ) -> Correction:  # fmt: skip
        """Compute everything that belongs to faces.

        Args:
            model: whose space and CLIP model are those of x and i.
            x: (N, D_in) float32 identity embeddings, L2-normalised; perhaps in a file.
            i: (N, E) float32 CLIP embeddings, L2-normalised; likewise.
            neighbours: of the N faces.
            pairs, scale: the candidates, from `edges.candidates`.
        """
        w = model.tensors
        f = project(x, model.basis)
        v = _proxies(model, f, i, neighbours)
        V = _convolve(streamed.under(w, "convolution."), v, pairs.index)
        total = V @ w["head.total.weight"].T + w["head.total.bias"]
        p = np.zeros((len(x), 0), np.float32)
        if model.architecture.attributes:
            p = _probabilities(streamed.under(w, "hallucinator."), i)
        return cls(model, f, v, V, total, p, scale.deviation)

    def __call__(self, index: IntArray, features: FloatArray) -> FloatArray:
        """The addition for some pairs: index (2, e), features (e, S) -> (e,) float32."""
        parts = [
            self._head(index[:, chunk], features[chunk])
            for chunk in streamed.chunks(index.shape[1], streamed.EDGES)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _head(self, index: IntArray, features: FloatArray) -> FloatArray:
        w, (i, j) = self.model.tensors, index
        h = self.total[i] + self.total[j]
        h += self._pair(i, j, features) @ w["head.structure.weight"].T
        h += np.abs(self.V[i] - self.V[j]) @ w["head.difference.weight"].T
        h += (self.V[i] * self.V[j]) @ w["head.product.weight"].T
        out = np.maximum(h, 0) @ w["head.out.weight"].T + w["head.out.bias"]
        return np.asarray(np.float32(self.model.share) * out[:, 0], np.float32)

    def _pair(self, i: IntArray, j: IntArray, features: FloatArray) -> FloatArray:
        w = self.model.tensors
        standard = ((features - w["mean"]) / w["deviation"]).clip(-LIMIT, LIMIT)
        proxies = np.einsum("ed,ed->e", self.v[i], self.v[j]) / self.spread
        faces = np.einsum("ed,ed->e", self.f[i], self.f[j]) / self.spread
        p, q = self.p[i], self.p[j]
        columns = [standard, proxies[:, None] / 3, (proxies - faces)[:, None]]
        return np.hstack([*columns, *((p + q, np.abs(p - q)) if p.shape[1] else ())])


def _proxies(model: Model, f: FloatArray, i: Rows, neighbours: Neighbours) -> FloatArray:
    """Proxies of all faces, in chunks: its hallucinations are never stored."""
    a, w = model.architecture, model.tensors
    around = streamed.neighbourhood(neighbours.index, AROUND)
    hallucinate = None
    if a.offsets != "none":
        hallucinate = streamed.Hallucination.of(streamed.under(w, "hallucinator."))
    blocks = [streamed.under(w, f"proxies.blocks.{b}.") for b in range(a.blocks)]
    v = np.empty_like(f)
    for chunk in streamed.chunks(len(f), streamed.CHUNK):
        values = f[chunk][:, None]
        if hallucinate is not None:
            values = np.concatenate([values, hallucinate(f[chunk], i[chunk])], 1)
        match a.fusion:
            case "average":
                v[chunk] = streamed.unit(values.mean(1))
                continue
            case "self-attention":
                q = f[chunk]
            case "cross-attention":
                q = (around[chunk] @ f) @ w["proxies.neighbours.W.weight"].T
        for block in blocks:
            q = streamed.fuse(block, a.heads, q, values)
        v[chunk] = streamed.unit(q)
    return v


def _convolve(w: streamed.Tensors, v: FloatArray, index: IntArray) -> FloatArray:
    """`gcn.GraphConvolution` over the candidate pairs."""
    around = adjacency(index, len(v)) @ (v @ w["around.weight"].T)
    return np.asarray(np.maximum(v @ w["own.weight"].T + w["own.bias"] + around, 0), np.float32)


def adjacency(index: IntArray, N: int) -> Any:
    """A~ = D^-1 (A + I) of pairs (2, E) that stand once, (N, N) CSR."""
    from scipy.sparse import csr_matrix

    i, j, own = *index, np.arange(N)
    row, col = np.concatenate([i, j, own]), np.concatenate([j, i, own])
    degree = np.bincount(row, minlength=N).astype(np.float32)
    return csr_matrix((1 / degree[row], (row, col)), (N, N))


def _probabilities(w: streamed.Tensors, i: Rows) -> FloatArray:
    cosine = np.float32(SHARPNESS) * project(i, w["t"].T)
    ends = np.cumsum(np.bincount(w["attribute"].astype(np.int64)))[:-1]
    shares = [np.exp(part - part.max(1, keepdims=True)) for part in np.split(cosine, ends, axis=1)]
    return np.hstack([share / share.sum(1, keepdims=True) for share in shares])
