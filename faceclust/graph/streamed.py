"""Proxies and edge scores for whole libraries: the modules restructured exactly, without torch.

The naive form of `hallucinate`, `proxy` and `gcn` computes 2 E H + ... for each of the M + 1
values of each face. Four restructurings give the same numbers for a fraction of the work:

- the first layers of M and B are sums over their inputs; W_t t is computed once a value, W_i i and
  W_f f once a face;
- nothing stands between M's last layer and B's first: they are one matrix, and di never exists;
- with a single query, W_K is moved to the query's side and W_V behind the attention's sum: two
  products a face in place of two for each of its values;
- W (V_i + V_j) is W V_i + W V_j: once a node, not once an edge.

The hallucinated features are never stored: faces stream through in chunks, and only the proxies
are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceclust.records import FloatArray, IntArray

CHUNK = 1024
EDGES = 65_536
EPSILON = np.float32(1e-5)  # torch's of LayerNorm

Tensors = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, eq=False)
class Hallucination:
    """f^ of a chunk of faces, from the weights of `hallucinate.Hallucinator`.

    Attributes:
        t: (V, E) text embeddings of the values.
        groups: for each attribute, the slice of its values.
        words: W_t of M's first layer applied to every value, (V, H).
        image, image_bias: W_i (H, E) and b (H,).
        fused: W_d W_o, B's first layer behind M's last, (H_B, H).
        face, face_bias: W_f (H_B, D) and b (H_B,).
        out: W_o of B, (D, H_B).
    """

    t: FloatArray
    groups: tuple[slice, ...]
    words: FloatArray
    image: FloatArray
    image_bias: FloatArray
    fused: FloatArray
    face: FloatArray
    face_bias: FloatArray
    out: FloatArray

    @classmethod
    def of(cls, w: Tensors) -> Hallucination:
        """Restructure the tensors of a `Hallucinator`'s state."""
        sizes = np.bincount(w["attribute"].astype(np.int64)).tolist()
        ends = np.cumsum(sizes).tolist()
        return cls(
            t=w["t"],
            groups=tuple(slice(end - size, end) for end, size in zip(ends, sizes, strict=True)),
            words=w["words"] @ w["text_to_image.words.weight"].T,
            image=w["text_to_image.image.weight"],
            image_bias=w["text_to_image.image.bias"],
            fused=w["space_transfer.change.weight"] @ w["text_to_image.out.weight"],
            face=w["space_transfer.face.weight"],
            face_bias=w["space_transfer.face.bias"],
            out=w["space_transfer.out.weight"],
        )

    def __call__(self, f: FloatArray, i: FloatArray) -> FloatArray:
        """f: (n, D), i: (n, E) -> f^: (n, M, D)."""
        cosine = i @ self.t.T
        own = np.stack([cosine[:, g].argmax(1) + g.start for g in self.groups], 1)
        attribute = np.repeat(np.arange(len(self.groups)), [g.stop - g.start for g in self.groups])
        has = np.zeros(cosine.shape, np.bool_)
        np.put_along_axis(has, own, True, 1)
        n, V = has.shape
        target = np.broadcast_to(np.arange(V), (n, V))[~has].reshape(n, V - len(self.groups))
        source = np.take_along_axis(own, attribute[target], 1)
        words = self.words[target] - self.words[source]
        h = gelu(words + (i @ self.image.T + self.image_bias)[:, None])
        g = gelu(h @ self.fused.T + (f @ self.face.T + self.face_bias)[:, None])
        return np.asarray(f[:, None] + g @ self.out.T, np.float32)


def fuse(block: Tensors, heads: int, q: FloatArray, values: FloatArray) -> FloatArray:
    """One `proxy.DecoderBlock` with W_K and W_V on the query's side.

    A head's scores are (W_K^T W_Q q) . u for the normalised values u, its output W_O W_V sum a u.
    The LayerNorm's bias adds the same to all scores of a query, which softmax does not see.

    Shapes:
        q: (n, D), values: (n, S, D) -> (n, D).
    """
    n, D = q.shape
    d = D // heads
    u = _standard(values)
    gain, bias = block["norm_values.weight"], block["norm_values.bias"]
    Q = _norm(block, "norm_query", q) @ block["attention.Q.weight"].T
    K = block["attention.K.weight"].reshape(heads, d, D)
    asked = np.einsum("nhd,hdD->nhD", Q.reshape(n, heads, d), K, optimize=True) * gain
    scores = asked @ u.transpose(0, 2, 1) / np.float32(np.sqrt(d))
    a = np.exp(scores - scores.max(2, keepdims=True))
    a /= a.sum(2, keepdims=True)
    gathered = (a @ u) * gain + bias
    V = block["attention.V.weight"].reshape(heads, d, D)
    out = np.einsum("nhD,hdD->nhd", gathered, V, optimize=True).reshape(n, D)
    q = q + out @ block["attention.O.weight"].T
    wide = gelu(_norm(block, "norm_mlp", q) @ block["expand.weight"].T + block["expand.bias"])
    return np.asarray(q + wide @ block["contract.weight"].T + block["contract.bias"], np.float32)


def unit(x: FloatArray) -> FloatArray:
    """Rows scaled to length 1, as torch's `normalize` does."""
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), np.float32)


def gelu(x: FloatArray) -> FloatArray:
    """The exact form, x Phi(x)."""
    from scipy.special import erf

    return np.asarray(x * 0.5 * (1 + erf(x / np.float32(np.sqrt(2)))), np.float32)


def chunks(total: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover `total`."""
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


def under(tensors: Tensors, prefix: str) -> dict[str, FloatArray]:
    """The tensors below a name, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def neighbourhood(index: IntArray, k: int) -> Any:
    """A_0 of Eq. 3: the mean over the first k listed neighbours, (N, N) CSR, zero diagonal."""
    from scipy.sparse import csr_matrix

    near = index[:, :k]
    listed = near >= 0
    weight = 1 / np.maximum(listed.sum(1), 1).astype(np.float32)
    row = np.nonzero(listed)[0]
    return csr_matrix((weight[row], (row, near[listed])), (len(index), len(index)))


def _standard(x: FloatArray) -> FloatArray:
    centred = x - x.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + EPSILON), np.float32)


def _norm(block: Tensors, name: str, x: FloatArray) -> FloatArray:
    return _standard(x) * block[f"{name}.weight"] + block[f"{name}.bias"]
