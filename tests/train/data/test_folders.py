"""Folders and tars of identities, embedded by the real networks."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceclust.config import Config, ScanOptions
from faceclust.embed.arcface import Embedder
from faceclust.errors import InputError
from faceclust.pipeline import models
from faceclust.pipeline.identities import Embedded, Extras
from faceclust.train.data import cache, folders, sources
from faceclust.train.data.cache import What
from faceclust.train.data.folders import Embedding, embed_records, embed_set, read_records, read_set
from tests.train.data.records import faces_emore, picture
from tests.train.data.test_ms1m import write as write_features

WHAT = What("made-up", "digest", "space", 2)


def embedded(*names: str, clip: bool = False) -> Embedded:
    """Embeddings that say which name they are of."""
    x = np.array([[float(n), 10, 20] for n in names], np.float32)
    return Embedded(names, x, -x, x[:, :1] if clip else np.zeros((len(names), 0), np.float32))


def nothing(count: int) -> None:
    """Nobody listens."""


def test_a_stopped_embedding_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "PART", 2)
    names = ["7", "3", "5", "1", "2"]
    asked: list[frozenset[str]] = []

    def run(known: frozenset[str]) -> Iterator[Embedded]:
        asked.append(known)
        for name in names:
            if name not in known:
                if name == "1" and len(asked) == 1:
                    raise KeyboardInterrupt
                yield embedded(name)

    with pytest.raises(KeyboardInterrupt):
        cache.embed(tmp_path, WHAT, run, nothing)
    path = cache.embed(tmp_path, WHAT, run, nothing)
    assert asked == [frozenset(), frozenset({"7", "3"})]
    found = cache.mapped(path)
    assert [str(name) for name in found["names"]] == ["1", "2", "3", "5", "7"]
    assert found["x"].tolist() == [[float(n), 10] for n in "12357"]
    assert found["y"].tolist() == [[20]] * 5
    assert found["xm"].tolist() == [[-float(n), -10] for n in "12357"]
    assert isinstance(found["x"], np.memmap)
    assert "i" not in found
    with np.load(path, allow_pickle=False) as file:
        assert np.array_equal(file["x"], found["x"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made-up.npz"]
    cache.embed(tmp_path, WHAT, run, nothing)
    assert len(asked) == 2
    cache.embed(tmp_path, What("made-up", "another", "space", 2), run, nothing)
    assert len(asked) == 3


@pytest.mark.usefixtures("everybody_reads")
def test_embeddings_are_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: set[int] = set()
    removed = cache.shutil.rmtree

    def rmtree(folder: Path) -> None:
        modes.update(path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file())
        assert folder.stat().st_mode & 0o777 == 0o700
        removed(folder)

    monkeypatch.setattr(cache.shutil, "rmtree", rmtree)
    path = cache.embed(tmp_path / "embeddings", WHAT, lambda _: [embedded("1", "2")], nothing)
    assert modes == {0o600}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_data_without_faces_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no face"):
        cache.embed(tmp_path, WHAT, lambda known: [], nothing)
    path = cache.embed(tmp_path, WHAT, lambda known: [embedded("1", clip=True)], nothing)
    assert cache.mapped(path)["i"].tolist() == [[1.0]]
    content = path.read_bytes()
    for cut in range(0, len(content), 97):
        path.write_bytes(content[:cut])
        with pytest.raises(InputError, match="is damaged"):
            cache.mapped(path)
        assert cache.stored_digest(path) == ""
    with zipfile.ZipFile(path, "w") as archive:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            stream, {"shape": (1 << 50, 2), "fortran_order": False, "descr": "<f4"}
        )
        archive.writestr("x.npy", stream.getvalue())
    with pytest.raises(InputError, match="is damaged"):
        cache.mapped(path)


def pack(path: Path, **people: int) -> Path:
    """A tar of crops, one folder a person."""
    with tarfile.open(path, "w") as tar:
        for person, photos in people.items():
            for photo in range(photos):
                data = picture(len(person), photo)
                member = tarfile.TarInfo(f"{person}/{photo}.jpg")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture(scope="module")
def using(tmp_path_factory: pytest.TempPathFactory) -> Embedding:
    config = Config(scan=ScanOptions(workers=1))
    folder = tmp_path_factory.mktemp("embeddings")
    extras = Extras(mirrored=True, clip="face-clip")
    return Embedding(models.resolve("mobile"), config, folder, extras)


@pytest.mark.slow
def test_a_tar_of_crops(tmp_path: Path, using: Embedding) -> None:
    found = read_set(embed_set(pack(tmp_path / "crops.tar", ann=2, robert=1), using))
    assert found.names == ("ann", "robert")
    assert found.label.tolist() == [0, 0, 1]
    assert (found.parts, found.space) == ((512, 192), models.MOBILE)
    with Image.open(io.BytesIO(picture(3, 1))) as image:
        crop = np.asarray(image)[None]
    network = Embedder(using.models.embedders)
    assert found.x[1] == pytest.approx(network(crop)[0], abs=1e-3)
    assert found.mirrored is not None
    flipped = np.ascontiguousarray(crop[:, :, ::-1])
    assert found.mirrored[1] == pytest.approx(network(flipped)[0], abs=1e-3)
    assert found.clip is not None
    assert np.linalg.norm(found.clip, axis=1) == pytest.approx(np.ones(3), abs=1e-4)


@pytest.mark.slow
def test_a_folder_with_links_and_damaged_files(tmp_path: Path, using: Embedding) -> None:
    for person in ("ann", "bob"):
        folder = tmp_path / "people" / person
        folder.mkdir(parents=True)
        (folder / "1.jpg").write_bytes(picture(len(person), 1))
        (folder / "broken.jpg").write_bytes(picture(len(person), 2)[:400])
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(picture(9, 9))
    (tmp_path / "people" / "carl").symlink_to(outside)
    (tmp_path / "people" / "ann" / "link.jpg").symlink_to(outside / "secret.jpg")
    found = read_set(embed_set(tmp_path / "people", using))
    assert found.names == ("ann", "bob")
    assert len(found) == 2


@pytest.mark.slow
def test_images_of_a_recordio(tmp_path: Path, using: Embedding) -> None:
    faces_emore(tmp_path / "emore", [2, 1])
    path, faces = embed_records(tmp_path / "emore", using)
    found = read_records(path, faces)
    assert found.label.tolist() == [0, 0, 1]
    unit = found.normalised()
    assert unit[0] @ unit[1] > unit[0] @ unit[2]


@pytest.mark.slow
def test_published_features_get_the_clip_of_their_images(tmp_path: Path, using: Embedding) -> None:
    write_features(tmp_path)
    faces_emore(tmp_path, [3, 2, 1])
    (tmp_path / "lists").mkdir()
    keys = [6, 5, 4, 3, 2, 99]
    (tmp_path / "lists/part0_train.list").write_text("".join(f"{key}\n" for key in keys))
    corpus = sources.read(["ms1m"], lambda: using, root=tmp_path)
    found = corpus.identities
    assert (len(found), found.x.shape[1]) == (5, 256)
    images = cache.mapped(next(using.folder.glob(f"recordio-{tmp_path.name}.npz")))
    by_key = {int(name): row for name, row in zip(images["names"], images["i"], strict=True)}
    assert found.clip is not None
    for row, key in zip(found.clip, keys[:5], strict=True):
        assert np.array_equal(row, by_key[key])
    assert corpus.crowd.widths == (256, 0)


@pytest.mark.slow
def test_photos_are_detected_and_aligned(tmp_path: Path, photos: Path, using: Embedding) -> None:
    for person in sorted(p for p in (photos / "cast").iterdir() if p.is_dir())[:2]:
        target = tmp_path / "cast" / person.name
        target.mkdir(parents=True)
        for file in sorted(person.iterdir())[:2]:
            with Image.open(file) as image:
                image.convert("RGB").resize((300, 300)).save(target / f"{file.stem}.jpg")
    assert not folders.holds_crops(tmp_path / "cast")
    found = read_set(embed_set(tmp_path / "cast", using))
    assert found.label.tolist() == [0, 0, 1, 1]
    unit = found.normalised()
    cosine = unit @ unit.T
    assert min(cosine[0, 1], cosine[2, 3]) > cosine[:2, 2:].max()


def test_families_share_groups_and_photos(tmp_path: Path) -> None:
    names = ["F1_MID1/P1_face1.webp", "F1_MID2/P1_face2.webp", "F1_MID1/P2_face1.webp",
             "F2_MID1/P1_face1.webp"]  # fmt: skip
    x = np.ones((4, 2), np.float32)
    np.savez(tmp_path / "set.npz", x=x, y=x, names=np.array(names))
    found = read_set(tmp_path / "set.npz")
    assert found.group.tolist() == [0, 0, 0, 1]
    assert found.photo.tolist() == [0, 0, 1, 2]
    assert found.label.tolist() == [0, 1, 0, 2]


def test_a_folder_of_tars_is_its_training_sets(tmp_path: Path) -> None:
    for name in ("train-pins", "attr-age", "dev-lfw", "photos"):
        (tmp_path / f"{name}.tar").write_bytes(b"")
    assert [p.stem for p in sources.members(tmp_path)] == ["train-pins", "attr-age"]
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "a.tar").write_bytes(b"")
    assert [p.stem for p in sources.members(tmp_path / "others")] == ["a"]
    assert sources.members(tmp_path / "others" / "a.tar") == [tmp_path / "others" / "a.tar"]


def test_sets_are_joined_without_mixing_people(tmp_path: Path) -> None:
    x = np.ones((2, 2), np.float32)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=x, y=x, names=np.array(["ann/1", "bob/1"]))
    both = folders.join([read_set(tmp_path / f"{name}.npz") for name in ("a", "b")])
    assert both.label.tolist() == [0, 1, 2, 3]
    assert both.names == ("0/ann", "0/bob", "1/ann", "1/bob")
    assert both.photo.tolist() == [-1] * 4
