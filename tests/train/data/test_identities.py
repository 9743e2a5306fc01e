from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.train.crowds import crowd_of
from faceclust.train.data.identities import UNLABELLED, Identities
from tests.train.embedded import people


def test_shapes_are_checked_at_the_door() -> None:
    good = people(3, 2)
    for wrong in (
        {"x": good.x.astype(np.float64)}, {"x": good.x[0]}, {"label": good.label[:-1]},
        {"photo": good.photo.astype(np.int32)}, {"parts": (3, 4)}, {"names": ("one",)},
        {"clip": np.zeros((1, 4), np.float32)},
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"must|have only"):
            replace(good, **wrong)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.integers(2, 12), st.integers(1, 4), st.floats(0.05, 0.95), st.integers(0, 99),
       st.data())  # fmt: skip
def test_nothing_held_out_was_ever_seen(
    count: int, photos: int, share: float, seed: int, data: st.DataObject
) -> None:
    faces = people(count, photos)
    N = len(faces)
    photo = np.array(data.draw(st.lists(st.integers(-1, 8), min_size=N, max_size=N)))
    hidden = np.array(data.draw(st.lists(st.booleans(), min_size=N, max_size=N)))
    label = np.where(hidden & (faces.label > 1), UNLABELLED, faces.label)
    faces = replace(faces, label=label, group=label // 2 + (label < 0) * 99, photo=photo)
    train, test = faces.split(share, seed)
    strangers = np.flatnonzero(label < 0)
    assert set(train) & set(test) == set(strangers)
    mine, others = (rows[label[rows] >= 0] for rows in (train, test))
    assert len(others)
    assert not set(faces.group[mine]) & set(faces.group[others])
    assert not set(photo[mine][photo[mine] >= 0]) & set(photo[others])


def test_pairs_with_the_unlabelled_are_unsure() -> None:
    faces = people(4, 3)
    faces = replace(faces, label=np.where(faces.label == 3, UNLABELLED, faces.label))
    crowd = crowd_of(faces)
    assert crowd.known == 3
    a, b = np.array([0, 0, 3, 3]), np.array([0, 1, 0, 3])
    assert crowd.is_unsure(a, b).tolist() == [False, False, True, True]
    assert crowd.views == ("first", "second", "both", "mirrored")
    assert crowd_of(replace(faces, mirrored=None)).views == ("first", "second", "both")
    one = Identities(faces.x, faces.label, faces.group, faces.photo)
    assert crowd_of(one).views == ("first",)
