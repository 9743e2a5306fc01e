from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import InputError
from faceclust.train import crowds, libraries
from faceclust.train.crowds import SHAPES, VIEWS, Crowd

D = (64, 48)
ROWS = ("faces", "norms", "person", "group", "source", "age", "clip")


def write(folder: Path, name: str, names: list[str], centres: np.ndarray) -> None:
    rng = np.random.default_rng(len(names))
    raw = {
        key: 3 * (centres[:, :width] + 0.3 * rng.normal(size=(len(names), width)))
        for key, width in zip(("x", "y", "xm", "ym"), D * 2, strict=True)
    }
    arrays = {key: value.astype(np.float32) for key, value in raw.items()}
    np.savez(folder / f"{name}.npz", names=np.array(names), **arrays)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Crowd:
    """30 + 30 famous people, the first of one set also the first of the other."""
    folder = tmp_path_factory.mktemp("sets")
    rng = np.random.default_rng(0)

    def centres(people: int, photos: int) -> np.ndarray:
        return np.repeat(rng.normal(size=(people, max(D))), photos, axis=0)

    pins, pubfig = centres(30, 30), centres(30, 30)
    pubfig[:30] = pins[:30]
    famous = [f"P{i}/{n}.webp" for i in range(30) for n in range(30)]
    write(folder, "train-pins", famous, pins)
    write(folder, "train-pubfig", famous, pubfig)
    write(folder, "train-celeb", [f"C{i}/{i}.webp" for i in range(300)], centres(300, 1))
    family = [f"F{i // 4}_M{i % 4}/P{n}_face1.webp" for i in range(80) for n in range(10)]
    write(folder, "train-family", family, centres(80, 10))
    write(folder, "attr-age", [f"{i % 90}_0_0_{i}.webp" for i in range(200)], centres(200, 1))
    return crowds.read(folder)


def test_one_person_of_two_sets_is_one_person(crowd: Crowd) -> None:
    assert len(np.unique(crowd.person)) == 30 + 30 + 300 + 80 + 200 - 1
    assert len(set(crowd.person[:30]) | set(crowd.person[900:930])) == 1


def test_families_and_merged_people_stay_on_one_side(crowd: Crowd) -> None:
    apart = libraries.held_out(crowd, 0.5, seed=3)
    assert 0.2 < apart.mean() < 0.8
    for key in (crowd.person, crowd.group):
        assert not set(key[apart].tolist()) & set(key[~apart].tolist())
    assert len(np.unique(crowd.group[crowd.source == 3])) == 20


@given(groups=st.integers(2, 12), share=st.floats(0.05, 0.95), seed=st.integers(0, 1000))
def test_of_few_people_some_are_on_either_side(
    crowd: Crowd, groups: int, share: float, seed: int
) -> None:
    kept = np.isin(crowd.group, np.unique(crowd.group)[:groups])
    arrays = {name: getattr(crowd, name)[kept] for name in ROWS}
    few = replace(crowd, **arrays)
    apart = libraries.held_out(few, share, seed)
    least = min(2, groups // 2)
    for side in (apart, ~apart):
        assert len(np.unique(few.group[side])) >= least


@pytest.mark.parametrize("shape", [*sorted(set(SHAPES)), "any"])
def test_a_library_holds_only_faces_under_the_mask(crowd: Crowd, shape: crowds.Shape) -> None:
    mask = ~libraries.held_out(crowd, 0.5, seed=3)
    library = libraries.sample(crowd, mask, shape, np.random.default_rng(0))
    again = libraries.sample(crowd, mask, shape, np.random.default_rng(0))
    assert np.array_equal(library.faces, again.faces)
    assert len(library.faces) == len(library.person) == len(library.norms) > 0
    assert set(library.person.tolist()) <= set(crowd.person[mask].tolist())


def test_clans_have_people_with_many_more_photos_than_there_are(crowd: Crowd) -> None:
    everyone = np.ones(len(crowd.person), np.bool_)
    library = libraries.sample(crowd, everyone, "clan", np.random.default_rng(0))
    assert np.bincount(library.person).max() > 40


@pytest.mark.parametrize("which", VIEWS)
def test_views_are_normalised(crowd: Crowd, which: crowds.View) -> None:
    x = crowds.view(crowd.faces, crowd.widths, which)
    assert x.shape[1] == {"first": D[0], "second": D[1]}.get(which, sum(D))
    assert np.linalg.norm(x, axis=1) == pytest.approx(np.ones(len(x)), abs=1e-5)


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train-pins\.npz holds no embeddings"):
        crowds.read(tmp_path)
