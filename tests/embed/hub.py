"""A hub without a network, and "twin", a model of open_clip that is on it: face-CLIP once more."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faceclust.weights import own

SAFE, PICKLE = "open_clip_model.safetensors", "open_clip_pytorch_model.bin"
MEAN, STD = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
TAGS = {"safe": "us/twin/", "pickled": "us/pickled/", "named": "us/named/weights.bin", "url": ""}


@dataclass
class Hub:
    """What is on it, what is in the user's cache of it, and what it was asked for.

    Attributes:
        files: repository and name of what it has; None for a hub that does not answer.
    """

    cache: Path
    files: dict[tuple[str, str], Path] | None = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def keep(self, repository: str, name: str, content: Path) -> Path:
        """Put a file into the cache, as the hub's client does."""
        folder = self.cache / f"models--{repository.replace('/', '--')}"
        path = folder / "snapshots" / "0" / name
        path.parent.mkdir(parents=True)
        shutil.copy(content, path)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("0")
        return path

    def download(self, repository: str, name: str) -> str:
        """As `hf_hub_download`."""
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        self.asked.append((repository, name))
        if self.files is None:
            raise LocalEntryNotFoundError("no connection\nand more lines")
        if (repository, name) not in self.files:
            raise EntryNotFoundError("404")
        return str(self.keep(repository, name, self.files[repository, name]))

    def exists(self, repository: str, name: str) -> bool:
        """As `file_exists`."""
        if self.files is None:
            raise ConnectionError
        return (repository, name) in self.files


def faked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Put a hub in place of the real one, and "twin" beside the models of open_clip."""
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    from open_clip import factory, pretrained

    import faceclust.embed.tower  # noqa: F401 - face-CLIP's image tower

    hub = Hub(cache)
    config = json.loads(own("face-clip.json").read_text())
    tags = {tag: {"hf_hub": place, "mean": MEAN, "std": STD} for tag, place in TAGS.items()}
    monkeypatch.setitem(factory._MODEL_CONFIGS, "twin", config)
    monkeypatch.setitem(pretrained._PRETRAINED, "twin", tags)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub.download)
    monkeypatch.setattr("huggingface_hub.file_exists", hub.exists)
    return hub
