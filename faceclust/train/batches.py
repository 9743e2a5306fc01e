"""All that one step of face-CLIP sees, made beside the step that is being computed.

A batch is a function of the seed and its number alone, so that it does not matter who makes it,
or when: with `loaders`, processes of their own do, as torch has them. They send arrays,
not tensors, which would take more shared memory than a container has.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from faceclust.train.captions import Labels, caption, prompts, truth
from faceclust.train.checkpoint import END, UNSEEN, Options
from faceclust.train.pools import Pool, batch_at


class Words(NamedTuple):
    """The texts of one step, as arrays, or as tensors once they are on a device.

    Attributes:
        tokens: (V + T, L) one prompt for every value, then T captions.
        true, known: (B, T) which captions are true of which faces, see `captions.truth`.
    """

    tokens: Any
    true: Any
    known: Any

    def on(self, device: str) -> Words:
        """As tensors."""
        return Words(*(torch.from_numpy(x).to(device) for x in self))


class Batch(NamedTuple):
    """The faces of one step, their labels and the texts that they are compared with.

    Attributes:
        images: (B, S, S, 3) uint8 RGB.
        labels: (B, G) value, -1 unknown.
        words: see there.
    """

    images: Any
    labels: Any
    words: Words

    def on(self, device: str) -> Batch:
        """As tensors."""
        images, labels = (torch.from_numpy(x).to(device) for x in (self.images, self.labels))
        return Batch(images, labels, self.words.on(device))


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
        return Batch(images, labels, words)

    def following(self, step: int) -> Iterator[Batch]:
        """All batches from `step` on."""
        # Others than forked processes would be sent all faces, one copy each.
        forks = "fork" in multiprocessing.get_all_start_methods()
        loaders = self._options.loaders if forks else 0
        return iter(DataLoader(
            self, batch_size=None, sampler=range(step, self._options.steps), collate_fn=_as_it_is,
            num_workers=loaders, prefetch_factor=2 if loaders else None, worker_init_fn=_alone,
            multiprocessing_context="fork" if loaders else None,
        ))  # fmt: skip


def _as_it_is(batch: Batch) -> Batch:
    return batch


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
    return Words(tokens.numpy(), *truth(labels, captions))


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
