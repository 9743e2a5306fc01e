"""Principal directions: ArcFace-like embeddings fill few of their dimensions."""

from __future__ import annotations

import numpy as np

from faceclust.halves import Rows
from faceclust.records import FloatArray

BLOCK = 8192
# From here on it pays to leave out the dimensions that hold next to nothing.
COMPACT_FROM, LOST = 20_000, 1e-5


def principal(x: Rows, D: int) -> FloatArray:
    """The D leading principal directions about the origin.

    256 of the 704 of the mobile space hold all but 4e-6 of the energy, so cosines stay as they are.

    Args:
        x: (N, D_in) float32.

    Returns:
        (D_in, D) float32, orthonormal.
    """
    return np.ascontiguousarray(_eigen(x)[1][:, :D], np.float32)


def compact(x: Rows) -> FloatArray:
    """The faces in fewer dimensions where they are many and that changes next to nothing.

    Args:
        x: (N, D) float32, L2-normalised; in a file or not, to the very same numbers.

    Returns:
        (N, <= D) float32, contiguous: 256 of the 704 dimensions of the mobile space.
    """
    return np.ascontiguousarray(compressed(x, LOST) if len(x) >= COMPACT_FROM else x[:], np.float32)


def compressed(x: Rows, lost: float) -> FloatArray:
    """The faces in as few principal dimensions as hold all but a share `lost` of the energy.

    Args:
        x: (N, D_in) float32, L2-normalised: inner products change by about `lost`.

    Returns:
        (N, D) float32.
    """
    energy, directions = _eigen(x)
    missing = 1 - np.cumsum(energy) / energy.sum()
    D = int(np.searchsorted(-missing, -lost)) + 1
    return project(x, np.ascontiguousarray(directions[:, :D], np.float32))


def project(x: Rows, basis: FloatArray) -> FloatArray:
    """The product of x (N, D_in) and a basis (D_in, D) by blocks: of a file no more is read.

    The last block takes the rest: of a few rows alone BLAS may add up in another order.
    """
    N = len(x)
    found = np.empty((N, basis.shape[1]), np.float32)
    last = max(N // BLOCK - 1, 0) * BLOCK
    for start in range(0, last + 1, BLOCK):
        rows = slice(start, start + BLOCK if start < last else N)
        np.matmul(x[rows], basis, out=found[rows])
    return found


def _eigen(x: Rows) -> tuple[FloatArray, FloatArray]:
    """Energy (D,) of each principal direction, largest first, and the directions (D, D)."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK]
        total += block.T @ block
    energy, directions = np.linalg.eigh(total)
    return np.maximum(energy[::-1], 0), directions[:, ::-1]
