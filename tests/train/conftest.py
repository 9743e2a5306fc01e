from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.train.faces import write_data, write_yaws

CONFIG = {
    "embed_dim": 32,
    "custom_text": True,
    "vision_cfg": {
        "timm_model_name": "face_mobile", "timm_model_pretrained": False, "timm_pool": "",
        "timm_proj": "linear", "image_size": 112,
    },
    "text_cfg": {
        "context_length": 32, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1,
    },
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "face-clip-tiny.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture
def options(tmp_path: Path) -> Any:
    """A run of four steps on a few faces."""
    checkpoint = pytest.importorskip("faceclust.train.checkpoint", exc_type=ImportError)
    write_data(tmp_path)
    write_yaws(tmp_path / "cache", tmp_path)
    return checkpoint.Options(
        data=str(tmp_path), run=str(tmp_path / "run"), cache=str(tmp_path / "cache"),
        words=2, head=1, steps=4, warmup=1, batch=(2, 2, 2, 1, 1, 0, 0), save_every=2, threads=1,
    )  # fmt: skip
