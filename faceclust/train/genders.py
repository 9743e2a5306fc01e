"""The gender of faces whose labels do not tell it, or tell it wrongly.

The identity networks see every face at full size and were trained on far more people than are
labelled here, so a small perceptron on their embeddings, the teacher, knows the gender of faces it
never saw better than face-CLIP's labels alone could teach it:

relatives  a person keeps one gender from baby to old age: what the teacher is sure of over all
           photos of a person is given to each of them;
babies     of two copies of one photo of a baby 18 in 100 carry different labels: a label that the
           teacher clearly contradicts, without having seen that face, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from faceclust.embed.arcface import Embedder, normalise
from faceclust.records import FloatArray, ImageArray
from faceclust.train.captions import NAMES, UNKNOWN, VALUES, Labels
from faceclust.train.labelled import TRAIN, Faces

_GENDER, _LIFE = NAMES.index("gender"), NAMES.index("life")
_BABY = VALUES[_LIFE].index("baby")
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Teaching:
    """How the teacher is trained, and when it is believed.

    Attributes:
        folds: perceptrons; each leaves out one part of the faces, and judges that part.
        hidden, dropout: of the perceptron.
        steps, batch, rate, decay: of AdamW, the rate on half a cosine.
        sure: log-odds from which a person's gender counts as known.
        agree: share of the person's clear faces that must say the same.
        contradiction: log-odds against a label from which it is left out.
        seed: of everything random.
    """

    folds: int = 3
    hidden: int = 128
    dropout: float = 0.3
    steps: int = 700
    batch: int = 256
    rate: float = 1e-3
    decay: float = 0.05
    sure: float = 2.0
    agree: float = 0.8
    contradiction: float = 1.5
    seed: int = 0


def identity(
    crops: ImageArray, cache: Path, name: str, embedder: Callable[[], Embedder]
) -> FloatArray:
    """Identity embeddings of N faces and of their mirror images, (2, N, D), of unit variance.

    Args:
        crops: (N, 112, 112, 3).
        cache: folder where they are kept as `name`.identity.npy.
        name: of the set.
        embedder: opens the identity networks.
    """
    path = cache / f"{name}.identity.npy"
    if not path.is_file():
        embed = embedder()
        starts = range(0, len(crops), _CHUNK)
        views = [
            np.concatenate([embed(np.asarray(crops[s : s + _CHUNK])[:, :, ::step]) for s in starts])
            for step in (1, -1)
        ]
        np.save(path, np.stack([normalise(x, embed.parts) for x in views]))
    x = np.load(path, allow_pickle=False)
    return np.asarray(x * np.float32(np.sqrt(x.shape[2])), np.float32)


class Teacher:
    """Perceptrons on identity embeddings; each was trained without one fold of the faces.

    Args:
        x: (2, N, D) embeddings of labelled faces and their mirror images.
        female: (N,) whether they are labelled so.
        options: see there.

    Attributes:
        unseen: (N,) log-odds of female for these faces, by the one that did not see them.
    """

    def __init__(self, x: FloatArray, female: NDArray[np.bool_], options: Teaching) -> None:
        fold = np.random.default_rng(options.seed).integers(0, options.folds, x.shape[1])
        self._networks: list[nn.Module] = []
        self.unseen = np.zeros(x.shape[1], np.float32)
        for f in range(options.folds):
            seen = fold != f
            network = _fit(x[:, seen], female[seen], options, f)
            self.unseen[~seen] = _log_odds(network, x[:, ~seen])
            self._networks.append(network)

    def __call__(self, x: FloatArray) -> FloatArray:
        """(2, M, D) embeddings of other faces -> (M,) log-odds of female."""
        log_odds = [_log_odds(network, x) for network in self._networks]
        return np.asarray(np.mean(log_odds, axis=0), np.float32)


def _fit(x: FloatArray, female: NDArray[np.bool_], options: Teaching, fold: int) -> nn.Module:
    torch.manual_seed(options.seed + fold)
    network = nn.Sequential(
        nn.Linear(x.shape[2], options.hidden), nn.GELU(), nn.Dropout(options.dropout),
        nn.Linear(options.hidden, 1),
    )  # fmt: skip
    optimiser = torch.optim.AdamW(network.parameters(), options.rate, weight_decay=options.decay)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.steps)
    views, truth = torch.from_numpy(x), torch.from_numpy(female.astype(np.float32))
    for step in range(options.steps):
        rows = torch.randint(len(truth), (options.batch,))
        logits = network(views[step % 2, rows])[:, 0]
        optimiser.zero_grad()
        functional.binary_cross_entropy_with_logits(logits, truth[rows]).backward()
        optimiser.step()
        falling.step()
    return network.eval()


def _log_odds(network: nn.Module, x: FloatArray) -> FloatArray:
    with torch.inference_mode():
        return np.asarray(network(torch.from_numpy(x))[..., 0].mean(0).numpy(), np.float32)


def of_people(log_odds: FloatArray, people: Sequence[str], options: Teaching) -> NDArray[np.int8]:
    """(N,) gender of each face by all faces of its person; -1 where these do not tell.

    Args:
        log_odds: (N,) of female, of each face.
        people: N names.
        options: see there.
    """
    _, person = np.unique(np.asarray(people), return_inverse=True)
    mean = np.bincount(person, log_odds) / np.bincount(person)
    clear = np.abs(log_odds) > 1
    same = (log_odds > 0) == (mean[person] > 0)
    agreeing = np.bincount(person, clear & same) >= options.agree * np.bincount(person, clear)
    known = (np.abs(mean) > options.sure) & agreeing
    return np.where(known, mean > 0, UNKNOWN)[person].astype(np.int8)


def doubted(labels: Labels, unseen: FloatArray, options: Teaching) -> NDArray[np.bool_]:
    """(N,) whether the gender in `labels` (N, G) is a baby's and clearly contradicted."""
    female = labels[:, _GENDER] == 1
    against = np.where(female, -unseen, unseen) > options.contradiction
    return np.asarray(against & (labels[:, _LIFE] == _BABY), np.bool_)


def improve(
    sets: Mapping[str, Faces], people: Sequence[str], cache: Path,
    embedder: Callable[[], Embedder], options: Teaching,
) -> None:  # fmt: skip
    """Leave doubted genders of babies out of "attr-age", and put found ones into "train-family".

    Args:
        sets: whose labels are changed in place; what is held out is neither read nor changed.
        people: the person of each face of "train-family".
        cache: folder of the embeddings.
        embedder: the identity networks, opened only if the cache lacks their embeddings.
        options: see there.
    """
    age, family = sets["attr-age"], sets["train-family"]
    rows = age.rows(TRAIN)
    labels = age.labels[rows]
    x = identity(age.crops, cache, "attr-age", embedder)
    teacher = Teacher(x[:, rows], labels[:, _GENDER] == 1, options)
    age.labels[rows[doubted(labels, teacher.unseen, options)], _GENDER] = UNKNOWN
    log_odds = teacher(identity(family.crops, cache, "train-family", embedder))
    rows = family.rows(TRAIN)
    family.labels[rows, _GENDER] = of_people(log_odds, people, options)[rows]
