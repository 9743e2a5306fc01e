"""A trained CLIP-Cluster model over a whole library on a GPU: `graph.correction`, through torch.

The modules of training do it, in chunks: what they compute again and again costs a GPU nothing.
Hallucinations and proxies, where nearly all products are, are computed in bfloat16; cosines, the
convolution and the head, whose cosines are divided by the small spread of strangers', in float32.

The card holds a few hundred numbers a face, the candidate pairs for as long as the convolution
takes, and one chunk of all else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from faceclust.errors import WeightsError
from faceclust.graph.architecture import AROUND
from faceclust.graph.clip_cluster import ClipCluster
from faceclust.graph.correction import REMEDY, Model
from faceclust.graph.gcn import adjacency
from faceclust.graph.pairs import Pairs
from faceclust.graph.streamed import chunks
from faceclust.graph.structure import Scale
from faceclust.halves import Rows
from faceclust.records import FloatArray, IntArray, Neighbours

FACES = 2048  # at once: some hundred megabytes of hallucinations


@dataclass(frozen=True, slots=True, eq=False)
class GpuCorrection:
    """What the model adds to the log-odds of the candidate pairs of one library.

    Attributes:
        module: the model, its share: how much of what it says counts.
        f: (N, D) faces in the model's own dimensions, v: (N, D) their proxies.
        V: (N, C) after the graph convolution.
        p: (N, V) probabilities of the attribute values, or (N, 0).
        spread: of the cosine between the library's strangers.
    """

    module: ClipCluster
    share: float
    f: Tensor
    v: Tensor
    V: Tensor
    p: Tensor
    spread: float

    @classmethod
    def of(
        cls, model: Model, x: Rows, i: Rows, neighbours: Neighbours, pairs: Pairs,
        scale: Scale, *, device: str = "cuda", precision: str = "bf16",
    ) -> GpuCorrection:  # fmt: skip
        """Compute everything that belongs to faces.

        Args:
            model: whose space and CLIP model are those of x and i.
            x: (N, D_in) float32 identity embeddings, L2-normalised.
            i: (N, E) float32 CLIP embeddings, L2-normalised.
            neighbours: of the N faces.
            pairs, scale: the candidates, from `edges.candidates`.
            device: of torch.
            precision: "bf16", or "float32" for the numbers of `graph.correction`.

        Raises:
            RuntimeError: the device fails, or has too little memory.
        """
        with torch.inference_mode():
            N, module = len(x), module_of(model).to(device)
            basis = torch.tensor(model.basis, device=device)
            f = torch.empty(N, basis.shape[1], device=device)
            for faces in chunks(N, FACES):
                f[faces] = torch.tensor(x[faces], device=device) @ basis
            v, p = torch.empty_like(f), []
            for faces in chunks(N, FACES):
                clip = torch.tensor(i[faces], device=device)
                near = torch.tensor(neighbours.index[faces, :AROUND], device=device)
                around = mean_of(f, near)
                with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                    v[faces], _ = module.proxy(f[faces], around, clip)
                p.append(module.attributes(clip))
            A = adjacency(torch.tensor(pairs.index, device=device), N)
            V = module.convolution(v, A)
            return cls(module, model.share, f, v, V, torch.cat(p), scale.deviation)

    def __call__(self, index: IntArray, features: FloatArray) -> FloatArray:
        """The addition for some pairs: index (2, e), features (e, S) -> (e,) float32.

        All are computed at once: `structure.features` comes in chunks.
        """
        with torch.inference_mode():
            ends, s = (torch.tensor(array, device=self.f.device) for array in (index, features))
            known = self.module.pair(self.f, self.v, self.p, ends, s, self.spread)
            rows = torch.arange(ends.numel(), device=ends.device).view_as(ends)
            said = self.module.head(self.V[ends.flatten()], rows, known)  # W V_i of these alone
            return np.asarray((self.share * said).cpu().numpy(), np.float32)


def module_of(model: Model) -> ClipCluster:
    """The module of these weights, as it is used after training.

    Raises:
        WeightsError: the weights are not those of its architecture.
    """
    w = {name: torch.tensor(value) for name, value in model.tensors.items()}
    values = w["hallucinator.attribute"].bincount().tolist()
    module = ClipCluster(w["hallucinator.t"], values, w["mean"], w["deviation"], model.architecture)
    try:
        module.load_state_dict(w)
    except RuntimeError as error:  # which a GPU that fails raises as well
        raise WeightsError(f"The CLIP-Cluster model is damaged ({error}); {REMEDY}.") from error
    module.eval()
    return module


def mean_of(f: Tensor, near: Tensor) -> Tensor:
    """A_0 f of Eq. 3 for some faces: f (N, D), near (n, k) rows of it or -1 -> (n, D)."""
    listed = (near >= 0).to(f.dtype)
    total = (f[near.clamp(min=0)] * listed[..., None]).sum(1)
    return total / listed.sum(1, keepdim=True).clamp(min=1)
