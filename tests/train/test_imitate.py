from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs faceclust[clip]")
pytest.importorskip("open_clip", reason="needs faceclust[clip]")

from torch.nn.functional import normalize  # noqa: E402

from faceclust.errors import OptionError  # noqa: E402
from faceclust.train import face_clip  # noqa: E402
from faceclust.train.captions import OFFSETS  # noqa: E402
from faceclust.train.checkpoint import Options  # noqa: E402
from faceclust.train.imitate import Teacher, imitation_loss  # noqa: E402
from faceclust.train.losses import Weighting  # noqa: E402


def test_nothing_is_lost_by_saying_the_same() -> None:
    i, t = normalize(torch.randn(4, 8), dim=1), normalize(torch.randn(OFFSETS[-1], 8), dim=1)
    scale = torch.tensor(20.0)
    same = imitation_loss(i, i.clone(), t, scale, Weighting())
    near = imitation_loss(normalize(i + 0.1 * i.roll(1, 0), dim=1), i, t, scale, Weighting())
    far = imitation_loss(i.roll(1, 0), i, t, scale, Weighting())
    assert same == pytest.approx(0, abs=1e-4)
    assert 1e-2 < near < far / 4


def test_a_pupil_comes_near_its_teacher_and_the_teacher_stays(
    options: Options, config: Path
) -> None:
    options = replace(options, steps=24, save_every=24)
    first = face_clip.train(options, config, None)
    cache, rng = Path(options.cache), np.random.default_rng(0)
    for name in ("attr-age", "train-family"):
        count = len(np.load(cache / f"{name}.names.npy"))
        np.save(cache / f"{name}.identity.npy", rng.normal(size=(2, count, 8)).astype(np.float32))
    x = torch.randn(16, 3, 112, 112, generator=torch.manual_seed(0))
    before, near = Teacher(config, first)(x), []
    for share in (0.0, 1.0):
        again = replace(
            options, start=str(first), run=f"{options.run}-{share}", head=0, frozen=0, rectify=10,
            batch=(2, 2, 2, 1, 1, 2, 1), imitate=share, average=0.9,
        )  # fmt: skip
        pupil = Teacher(config, face_clip.train(again, config, None))
        near.append(float((pupil(x) * before).sum(1).mean()))
    apart = replace(
        options, start=f"{options.run}-0.0/face-clip.safetensors", teacher=str(first), head=0,
        frozen=0, rectify=1, run=f"{options.run}-apart", batch=(2, 2, 2, 1, 1, 2, 1), imitate=1.0,
        average=0.9,
    )  # fmt: skip
    later = Teacher(config, face_clip.train(apart, config, None))
    near.append(float((later(x) * before).sum(1).mean()))
    assert torch.equal(Teacher(config, first)(x), before)
    assert near[1] > max(near[0], 0.9)
    assert near[2] > near[0]


@pytest.mark.parametrize(
    "wrong", [{"imitate": 1.0}, {"imitate": 2.0, "start": "weights"}, {"teacher": "weights"}]
)
def test_who_imitates_needs_somebody_to_imitate(options: Options, wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="--imitate"):
        replace(options, **wrong)
