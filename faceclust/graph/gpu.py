"""Nearest neighbours on a GPU: all faces compared with all, at any size, in torch.

Products are computed in 16 bits, which is what a GPU is fastest at; the nearest by them are
compared again in 32. The same code runs on a CPU, where `graph.knn` is faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faceclust.graph.knn import SPARE, blank, lists
from faceclust.graph.principal import compact
from faceclust.records import FloatArray, Neighbours

if TYPE_CHECKING:
    from torch import Tensor

QUERIES, BASE = 1024, 1 << 18  # faces compared at once: half a gigabyte of products
CANDIDATES = 2  # times as many as are wanted: 16 bits tell near from far, not nearest from near
FEW = 256  # queries at once whose candidates' embeddings are gathered


def knn(x: FloatArray, k: int, *, device: str = "cuda") -> Neighbours:
    """The k nearest neighbours of every face, the face itself left out; as `graph.knn.knn`.

    The search is exhaustive at any size.

    Args:
        x: (N, D) float32, L2-normalised; N may be 0.
        k: neighbours a face; where there are fewer, the rest is padded with -1.
        device: of torch.

    Raises:
        OptionError: k is below 1.
    """
    import torch

    N, listed = len(x), blank(len(x), k)
    found = min(k, N - 1)
    if found < 1:
        return listed
    with torch.inference_mode():
        faces = torch.from_numpy(compact(x)).to(device)
        short = faces.to(torch.bfloat16 if device == "cpu" else torch.float16)
        many = min(found + 1 + SPARE, N)
        for start in range(0, N, QUERIES):
            rows = slice(start, min(start + QUERIES, N))
            ids = _candidates(short[rows], short, min(CANDIDATES * many, N))
            near, ids = _nearest(faces[rows], faces, ids, many)
            best = lists(ids.cpu().numpy(), near.cpu().numpy(), start, found)
            listed.index[rows, :found] = best.index
            listed.similarity[rows, :found] = best.similarity
    return listed


def unusable() -> str | None:
    """Why a GPU cannot be used, and what to do; None if it can."""
    try:
        import torch
    except ImportError:
        return "torch is not installed; run `pip install 'faceclust[clip]'`."
    if not torch.cuda.is_available():
        return "torch finds no GPU; run `faceclust doctor`."
    try:
        torch.ones(1, 1, device="cuda") @ torch.ones(1, 1, device="cuda")
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        return f"torch cannot compute on the GPU ({reason}); run `faceclust doctor`."
    return None


def _candidates(queries: Tensor, base: Tensor, count: int) -> Tensor:
    """(n, count) ids of the nearest by products in 16 bits."""
    import torch

    best = ids = None
    for start in range(0, len(base), BASE):
        products = queries @ base[start : start + BASE].T
        near, rows = products.topk(min(count, products.shape[1]), dim=1, sorted=False)
        best = near if best is None else torch.cat([best, near], dim=1)
        ids = rows + start if ids is None else torch.cat([ids, rows + start], dim=1)
        if best.shape[1] > count:
            best, place = best.topk(count, dim=1, sorted=False)
            ids = ids.gather(1, place)
    assert ids is not None
    return ids


def _nearest(queries: Tensor, base: Tensor, ids: Tensor, many: int) -> tuple[Tensor, Tensor]:
    """Similarity and ids (n, many) of the nearest of (n, C) candidates, in 32 bits."""
    import torch

    near = torch.cat([
        torch.einsum("nd,ncd->nc", queries[s : s + FEW], base[ids[s : s + FEW]])
        for s in range(0, len(ids), FEW)
    ])  # fmt: skip
    best, place = near.topk(many, dim=1)
    return best, ids.gather(1, place)
