"""Train CLIP-Cluster end to end on sampled libraries (Shen et al., ICCV 2023, 3.5).

First B learns from real pairs of one person; then all of it is trained together on sub-graphs of
sampled libraries, L = L_CLIP + lambda L_ID + mu L_cross + nu L_real; last, how much of what it
says counts is fitted on people that it never saw. `faceclust train --stage clip-cluster` runs it.

Everything random is a function of the seed and the step, so a run that was killed goes on from its
last checkpoint and ends with the same weights, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from faceclust import weights
from faceclust.cluster.partition import partition
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.evaluate import bcubed
from faceclust.graph import correction, edges
from faceclust.graph.architecture import Architecture
from faceclust.graph.clip_cluster import ClipCluster, Nodes
from faceclust.graph.edges import FLOOR, EdgeModel
from faceclust.graph.gcn import adjacency
from faceclust.graph.principal import principal
from faceclust.records import FloatArray, Graph, IntArray
from faceclust.train import crowds, graphs, libraries, proxy_losses
from faceclust.train.crowds import Crowd, View
from faceclust.train.graphs import FaceGraph
from faceclust.train.proxy_state import ProxyState
from faceclust.train.real_pairs import RealPairs

Tell = Callable[[dict[str, Any]], None]
SEEN, TRIAL = 0, 1


@dataclass(frozen=True, slots=True)
class ProxyTraining:
    """How CLIP-Cluster is trained.

    Attributes:
        architecture: what is trained.
        libraries: how many are sampled, the shapes in turn; trials: how many of people held out.
        held_out: share of the people kept for the trials.
        neighbours: k of the neighbour lists.
        nodes: faces of a sub-graph; one a step.
        transfer: steps in which B alone learns from real pairs; pairs: of each of its batches.
        steps: after that, of everything.
        rate, decay: of AdamW; the rate falls to 0 along a cosine. warmup: steps of its rise.
        identity, cross, real: lambda, mu, nu.
        average: decay of the running average of the weights, which is what is kept.
        judge_every: steps between two looks at the people held out; the best average is kept.
        save_every: steps between checkpoints.
        seed: of everything.
        threads: of torch; the result depends on it in the last bits.
    """

    architecture: Architecture = field(default_factory=Architecture)
    libraries: int = 40
    trials: int = 16
    held_out: float = 0.25
    neighbours: int = 50
    nodes: int = 1500
    transfer: int = 300
    pairs: int = 1024
    steps: int = 300
    rate: float = 1e-3
    decay: float = 0.01
    warmup: int = 30
    identity: float = 1.0
    cross: float = 1.0
    real: float = 1.0
    average: float = 0.98
    judge_every: int = 50
    save_every: int = 50
    seed: int = 0
    threads: int = 2


def train(
    crowd: Crowd, space: str, options: ProxyTraining, out: Path, *, device: str = "cpu",
    precision: str = "float32", base: EdgeModel | None = None, tell: Tell = lambda row: None,
) -> Path:  # fmt: skip
    """Train, from the last checkpoint if there is one.

    Args:
        crowd: all faces, with their embeddings by the shipped face-CLIP, whose words are used.
        space: model id of their identity embeddings.
        options: see there.
        out: the run's folder.
        device, precision: "cuda", "bf16" to train faster where that can be had.
        base: the structural model that is added to; the shipped one if not given, else it goes
            along in the result.
        tell: given the losses, and F on the people held out.

    Returns:
        `out/clip-cluster.safetensors`.

    Raises:
        OptionError: the folder holds a run with other options.
        InputError: what it holds is damaged, or the data are too few.
    """
    torch.set_num_threads(options.threads)
    structural = base or edges.load(weights.own("edges-universal.npz"))
    apart = libraries.held_out(crowd, options.held_out, options.seed)
    both: View = "both" if "both" in crowd.views else "first"
    x = crowds.view(crowd.faces, crowd.widths, both)
    basis = principal(x[~apart], options.architecture.D)
    digest = digest_of(crowd, options, structural)
    drawn = [
        list(graphs.drawn(crowd, mask, side, count, options.seed, out / "graphs" / digest[:16],
                          structural, basis, options.neighbours))
        for side, mask, count in ((SEEN, ~apart, options.libraries),
                                  (TRIAL, apart, options.trials))
    ]  # fmt: skip
    people = RealPairs(drawn[SEEN])
    t, values = vocabulary()
    model = _fresh(t, values, drawn[SEEN], options)
    state = ProxyState(model.to(device), options.rate, options.decay)
    recipe = recipe_of(options, digest)
    checkpoint = out / "state.safetensors"
    if checkpoint.is_file():
        state.load(checkpoint, recipe)
    total = options.transfer + options.steps
    while state.step < total:
        row = _step(state, drawn[SEEN], people, options, device, precision)
        if state.step % 10 == 0:
            tell({"step": state.step, "of": total, **row})
        joint = state.step - options.transfer
        if joint > 0 and joint % options.judge_every == 0:
            _judge(state, drawn[TRIAL], tell)
        if state.step % options.save_every == 0 or state.step == total:
            state.save(checkpoint, recipe)
    kept = _finished(state, basis, space, base, drawn[TRIAL], options, tell)
    kept.save(path := out / "clip-cluster.safetensors", asdict(options))
    return path


def recipe_of(options: ProxyTraining, data: str) -> str:
    """The whole configuration of a run; `data` is of `digest_of`."""
    return json.dumps({**asdict(options), "data": data})


def digest_of(crowd: Crowd, options: ProxyTraining, base: EdgeModel) -> str:
    """What tells this run's people, and who of them is held out, from another's."""
    digest = hashlib.sha256(f"{options.seed} {options.held_out} {options.neighbours}".encode())
    some = slice(None, None, 1 + len(crowd.faces) // 1000)
    seen = (crowd.person, crowd.group, crowd.faces[some], crowd.clip[some])
    for array in (*seen, *base.weights, *base.biases):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def vocabulary() -> tuple[FloatArray, tuple[int, ...]]:
    """The text embeddings of all attribute values that are hallucinated, and how many each has."""
    from faceclust.embed.attributes import DEFAULTS, text_embeddings
    from faceclust.embed.clip import Clip

    clip = Clip()
    chosen = [a for a in DEFAULTS if a.name in ("age", "pose", "expression")]
    t = [text_embeddings(attribute, clip.encode_texts) for attribute in chosen]
    return np.concatenate(t), tuple(len(part) for part in t)


def _fresh(
    t: FloatArray, values: tuple[int, ...], seen: list[FaceGraph], options: ProxyTraining
) -> ClipCluster:
    s = np.concatenate([graph.s[::7] for graph in seen])
    mean, deviation = s.mean(0), s.std(0) + np.float32(1e-6)
    torch.manual_seed(options.seed)
    return ClipCluster(
        torch.from_numpy(t), values, torch.from_numpy(mean), torch.from_numpy(deviation),
        options.architecture, options.seed,
    )  # fmt: skip


def _step(
    state: ProxyState, seen: list[FaceGraph], people: RealPairs, options: ProxyTraining,
    device: str, precision: str,
) -> dict[str, float]:  # fmt: skip
    """One step of B alone, or of everything; what to log."""
    rng = np.random.default_rng((options.seed, 7, state.step))
    torch.manual_seed(options.seed * 1_000_003 + state.step)
    state.model.train()
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    with torch.autocast(device, kind, enabled=precision == "bf16"):
        if state.step < options.transfer:
            losses = _transfer(state.model, people, options, rng, device)
            at, of = state.step, options.transfer
        else:
            graph = seen[int(rng.integers(len(seen)))]
            losses = _joint(state.model, graph, people, options, rng, device)
            at, of = state.step - options.transfer, options.steps
    rate = min(1, (at + 1) / options.warmup) * 0.5 * (1 + math.cos(math.pi * at / of))
    state.descend(torch.stack(list(losses.values())).sum(), options.rate * rate, options.average)
    return {name: float(loss.detach()) for name, loss in losses.items()}


def _transfer(
    model: ClipCluster, people: RealPairs, options: ProxyTraining, rng: np.random.Generator,
    device: str,
) -> dict[str, Tensor]:  # fmt: skip
    if model.architecture.offsets == "none":
        return {"transfer": torch.zeros((), requires_grad=True)}
    f, i, f_r, i_r = (a.to(device) for a in people(options.pairs, rng))
    transfer = model.hallucinator.space_transfer
    return {"transfer": proxy_losses.transfer_loss(transfer, i, f, i_r, f_r)}


def _joint(
    model: ClipCluster, graph: FaceGraph, people: RealPairs, options: ProxyTraining,
    rng: np.random.Generator, device: str,
) -> dict[str, Tensor]:  # fmt: skip
    faces, pairs, rows = graph.subgraph(options.nodes, rng)
    nodes = nodes_of(graph, faces, torch.from_numpy(pairs), device)
    s, base, same, sure = (
        torch.from_numpy(a[rows]).to(device) for a in (graph.s, graph.base, graph.same, graph.sure)
    )
    found = model(nodes, torch.from_numpy(pairs).to(device), s, base, float(graph.spread[0]))
    cross = proxy_losses.cross_entropy(found.log_odds.float(), same.float(), sure)
    losses = {"cross": options.cross * cross}
    if found.seen is None:
        return losses
    losses["clip"] = proxy_losses.clip_loss(found.seen, nodes.i, model.hallucinator.words)
    losses["identity"] = options.identity * proxy_losses.identity_loss(found.seen, nodes.f)
    f, i, f_other, i_other = (a.to(device) for a in people(options.pairs // 4, rng))
    own = model.hallucinator.own_values(i_other)
    real = proxy_losses.real_loss(model.hallucinator(f, i), own, f_other)
    return losses | {"real": options.real * real}


def nodes_of(graph: FaceGraph, faces: IntArray, pairs: Tensor, device: str = "cpu") -> Nodes:
    """The faces of a sub-graph and its adjacency D^-1 (A + I)."""
    A = adjacency(pairs, len(faces))
    f, around, i = (torch.from_numpy(a[faces]) for a in (graph.f, graph.around, graph.i))
    return Nodes(f.to(device), around.to(device), i.to(device), A.to(device))


def _judge(state: ProxyState, trials: list[FaceGraph], tell: Tell) -> None:
    """Keep the running average if its log loss on people held out is the lowest so far."""
    said = [additions(state.averaged(), graph) for graph in trials]
    share = fitted_share(trials, said)
    loss = _log_loss(trials, said, share)
    f = float(np.mean([f_of(g, g.base + share * a) for g, a in zip(trials, said, strict=True)]))
    state.offer(loss)
    tell({"step": state.step, "held_out_loss": loss, "share": share, "f": f})


def additions(model: ClipCluster, graph: FaceGraph) -> FloatArray:
    """(E,) what the model adds to the structural log-odds of a whole library."""
    model.eval()
    index = torch.from_numpy(graph.index)
    nodes = nodes_of(graph, np.arange(len(graph)), index)
    with torch.inference_mode():
        nothing = torch.zeros(len(graph.base))
        found = model(nodes, index, torch.from_numpy(graph.s), nothing, float(graph.spread[0]))
    return np.asarray(found.log_odds.numpy(), np.float32)


def fitted_share(trials: list[FaceGraph], said: list[FloatArray]) -> float:
    """How much of the additions should count: the share in [0, 1] of least log loss.

    A model of faces knows the people it was trained on too well; on others it is too sure.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda share: _log_loss(trials, said, share), bounds=(0, 1), method="bounded"
    )
    return float(found.x)


def _log_loss(trials: list[FaceGraph], said: list[FloatArray], share: float) -> float:
    """Mean over libraries of the mean cross-entropy in nats."""
    losses = []
    for graph, addition in zip(trials, said, strict=True):
        if graph.sure.any():
            z = (graph.base + share * addition)[graph.sure]
            losses.append(np.logaddexp(0, z * (1 - 2.0 * graph.same[graph.sure])).mean())
    return float(np.mean(losses)) if losses else 0.0


def f_of(graph: FaceGraph, log_odds: FloatArray) -> float:
    """BCubed F of the partition that log-odds lead to, over the labelled faces."""
    keep = log_odds > FLOOR
    labels = partition(Graph(graph.index[:, keep], log_odds[keep], len(graph)))
    return bcubed(graph.person[graph.counts], labels[graph.counts]).f


def _finished(
    state: ProxyState, basis: FloatArray, space: str, base: EdgeModel | None,
    trials: list[FaceGraph], options: ProxyTraining, tell: Tell,
) -> correction.Model:  # fmt: skip
    """The best average with the share that it is to have."""
    model = state.best_model()
    said = [additions(model, graph) for graph in trials]
    share = fitted_share(trials, said)
    f = [(f_of(g, g.base), f_of(g, g.base + np.float32(share) * a))
         for g, a in zip(trials, said, strict=True)]  # fmt: skip
    before, after = (float(np.mean(column)) for column in zip(*f, strict=True))
    tell({"step": state.step, "share": share, "f_structure": before, "f": after})
    tensors = {k: v.detach().cpu().numpy() for k, v in model.state_dict().items()}
    return correction.Model(
        tensors, options.architecture, basis, share, space, model_id(FACE_CLIP), base
    )
