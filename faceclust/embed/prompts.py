"""What prompts mean to a CLIP model: weights of a zero-shot classifier, one row for each value.

They are made by the text tower, which needs torch. Those of the default attributes in face-CLIP's
space come with faceclust, so that nobody needs torch for these.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from faceclust import weights
from faceclust.embed.attributes import Attribute, text_embeddings
from faceclust.embed.clip import Clip
from faceclust.errors import WeightsError
from faceclust.records import FloatArray

SHIPPED = "face-clip-attributes.npz"


def digest(prompts: Sequence[str]) -> str:
    """SHA-256 of a value's prompts: weights made from other prompts are not theirs."""
    return hashlib.sha256(json.dumps(list(prompts)).encode()).hexdigest()


def classifier(attribute: Attribute, clip: Clip) -> FloatArray:
    """The model's temperature times the text embedding of each value, for `zero_shot(i, w, 1)`.

    Returns:
        (V, E) float32.

    Raises:
        WeightsError: open_clip is not installed.
    """
    return np.asarray(clip.scale * text_embeddings(attribute, clip.encode_texts), np.float32)


def shipped(model: str) -> dict[str, FloatArray]:
    """Weights that come with faceclust, (E,) by `digest`; none for a model that is not theirs.

    Args:
        model: the model's id, see `clip.model_id`.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    path = weights.own(SHIPPED)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if str(file["model"]) != model:
                return {}
            return dict(zip(file["digest"].tolist(), file["w"], strict=True))
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is damaged; install faceclust again.") from error


def save(path: Path, model: str, attributes: Iterable[Attribute], clip: Clip) -> None:
    """Write the file that `shipped` reads: model (), digest (V,) and w (V, E)."""
    found = {
        digest(prompts): row
        for attribute in attributes
        for prompts, row in zip(attribute.values.values(), classifier(attribute, clip), strict=True)
    }
    w = np.stack(list(found.values()))
    np.savez(path, model=np.array(model), digest=np.array(list(found)), w=w)
