"""All that one step of face-CLIP sees, made beside the step that is being computed.

A batch is a function of the seed and its number alone, so that it does not matter who makes it,
or when: with `loaders`, processes of their own do, as torch's DataLoader has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from faceclust.train.captions import Labels, caption, prompts, truth
from faceclust.train.checkpoint import END, UNSEEN, Options
from faceclust.train.pools import Pool, batch_at


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one step.

    Attributes:
        tokens: (V + T, L) one prompt for every value, then T captions.
        true, known: (B, T) which captions are true of which faces, see `captions.truth`.
    """

    tokens: Tensor
    true: Tensor
    known: Tensor

    def to(self, device: str) -> Words:
        """The same on another device."""
        return Words(*(x.to(device) for x in (self.tokens, self.true, self.known)))


@dataclass(frozen=True, slots=True)
class Batch:
    """The faces of one step, their labels and the texts that they are compared with.

    Attributes:
        images: (B, S, S, 3) uint8 RGB.
        labels: (B, G) value, -1 unknown.
        words: see there.
    """

    images: Tensor
    labels: Tensor
    words: Words

    def to(self, device: str) -> Batch:
        """The same on another device."""
        return Batch(self.images.to(device), self.labels.to(device), self.words.to(device))


class Batches(Dataset):  # type: ignore[misc]
    """The batches of a run, by step.

    Args:
        pools: of faces.
        tokenize: CLIP's tokenizer.
        size: side of the images in pixels.
        options: of the run.
    """

    def __init__(self, pools: list[Pool], tokenize: Any, size: int, options: Options) -> None:
        self._pools, self._tokenize, self._size = pools, tokenize, size
        self._options = options

    def __getitem__(self, step: int) -> Batch:
        """The batch of one step."""
        options = self._options
        images, labels = batch_at(self._pools, options.batch, options.seed, step, self._size)
        rng = np.random.default_rng((options.seed, 3, step))
        words = words_of(labels, rng, self._tokenize, options.unseen)
        return Batch(torch.from_numpy(images), torch.from_numpy(labels), words)

    def following(self, step: int) -> Iterator[Batch]:
        """All batches from `step` on."""
        loaders = self._options.loaders
        return iter(DataLoader(
            self, batch_size=None, sampler=range(step, self._options.steps), num_workers=loaders,
            prefetch_factor=4 if loaders else None, worker_init_fn=_alone,
        ))  # fmt: skip


def _alone(number: int) -> None:
    """A process among as many as there are cores needs no threads."""
    import cv2

    cv2.setNumThreads(0)


def words_of(labels: Labels, rng: np.random.Generator, tokenize: Any, unseen: float) -> Words:
    """Freshly worded prompts, and captions of every other face.

    Args:
        labels: (B, G) value, -1 unknown.
        rng: draws the words.
        tokenize: CLIP's tokenizer.
        unseen: chance that a text gets an unknown word.
    """
    captions = [caption(known, rng) for known in labels[::2]]
    texts = prompts(rng) + [item.text for item in captions]
    tokens = tokens_of(texts, tokenize, unseen, rng)
    return Words(tokens, *(torch.from_numpy(a) for a in truth(labels, captions)))


def tokens_of(texts: list[str], tokenize: Any, unseen: float, rng: np.random.Generator) -> Tensor:
    """(T, L) token ids, L the longest text; some texts get an unknown word somewhere."""
    tokens: Tensor = tokenize(texts)
    for t in np.flatnonzero(rng.random(len(texts)) < unseen):
        end = int((tokens[t] == END).nonzero()[0])
        at = int(rng.integers(1, end + 1))
        tokens[t, at + 1 :] = tokens[t, at:-1].clone()
        tokens[t, at] = UNSEEN
        tokens[t, -1] = END if end + 1 >= tokens.shape[1] else tokens[t, -1]
    return tokens[:, : int((tokens != 0).sum(1).max())]
