from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceclust.config import Config
from faceclust.errors import InputError
from faceclust.pipeline.identities import as_folder, embed_folder, person_of
from faceclust.pipeline.models import Models
from faceclust.weights import Device
from faceclust.workers import Limits

PNG = b"not decoded here"


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def member(name: str, content: bytes = PNG, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def unpacked(tar: Path) -> dict[str, bytes]:
    with as_folder(tar) as folder:
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_unpacked_for_the_time_being(tmp_path: Path, mode: str) -> None:
    path = tar_of(tmp_path / "people.tar", member("ann/1.png"), member("bob/2.png"), mode=mode)
    with as_folder(path) as folder:
        assert sorted(p.parent.name for p in folder.rglob("*.png")) == ["ann", "bob"]
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_a_folder_is_used_where_it_is(tmp_path: Path) -> None:
    with as_folder(tmp_path) as folder:
        assert folder == tmp_path
    assert tmp_path.exists()


def test_nothing_of_a_tar_lands_outside(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    inside = str(target).lstrip("/")
    path = tar_of(
        tmp_path / "evil.tar",
        member(f"{target}/absolute.png"),
        member("link", b"", type=tarfile.SYMTYPE, linkname=str(target)),
        member("link/through.png"),
        member("hard.png", b"", type=tarfile.LNKTYPE, linkname=f"{target}/secret"),
        member("fifo.png", b"", type=tarfile.FIFOTYPE),
        member("device.png", b"", type=tarfile.CHRTYPE),
        member("fine/1.png"),
    )
    assert unpacked(path) == {
        f"{inside}/absolute.png": PNG, "link/through.png": PNG, "fine/1.png": PNG,
    }  # fmt: skip
    assert list(target.iterdir()) == []


def test_a_tar_that_climbs_out_is_refused(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "evil.tar", member("../../outside.png"))
    with pytest.raises(InputError, match=r"evil\.tar cannot be unpacked"):
        unpacked(path)


def test_a_tar_is_refused_where_python_cannot_keep_it_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tar_of(tmp_path / "people.tar", member("ann/1.png"))
    monkeypatch.delattr(tarfile, "data_filter")  # as before Python 3.10.12 and 3.11.4
    with pytest.raises(InputError, match=r"people\.tar .* 3\.10\.12, 3\.11\.4 or later"):
        unpacked(path)


def test_a_tar_of_huge_members_is_refused_before_they_are_written(tmp_path: Path) -> None:
    info, _ = member("ann/1.png")
    info.size = 100 << 30
    path = tmp_path / "huge.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)
    with pytest.raises(InputError, match=r"huge\.tar holds more than 64 GB"):
        unpacked(path)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_truncated_tar_gets_a_sentence(tmp_path: Path, mode: str) -> None:
    path = tar_of(tmp_path / "people.tar", member("ann/1.png", os.urandom(50_000)), mode=mode)
    for content in (path.read_bytes()[:30_000], b"", b"no tar at all" * 100):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"people\.tar cannot be unpacked") as caught:
            unpacked(path)
        assert "\n" not in str(caught.value)


def test_a_tar_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.tar does not exist"):
        unpacked(tmp_path / "nowhere.tar")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(["w", "w:gz", "w:bz2", "w:xz"]),
    st.dictionaries(st.floats(0, 0.99), st.integers(0, 255), max_size=6),
)
def test_any_tar_is_unpacked_or_refused(
    tmp_path: Path, mode: str, changes: dict[float, int]
) -> None:
    path = tar_of(
        tmp_path / "fuzzed.tar",
        member("ann/1.png", pax_headers={"path": "ann/é.png", "size": str(len(PNG))}),
        member("bob/2.png"),
        mode=mode,
    )
    content = bytearray(path.read_bytes())
    for where, value in changes.items():
        content[int(where * min(len(content), 3 * 512))] = value
    path.write_bytes(content)
    with suppress(InputError):
        unpacked(path)


def test_a_member_whose_name_holds_a_nul_is_refused(tmp_path: Path) -> None:
    path = tar_of(tmp_path / "nul.tar", member("ann/1.png", pax_headers={"path": "ann/\0.png"}))
    with pytest.raises(InputError, match=r"nul\.tar cannot be unpacked"):
        unpacked(path)


def test_headers_of_many_bytes_are_refused(tmp_path: Path) -> None:
    first, (long, content) = member("ann/1.png"), member("ann/2.png", bytes(2 << 20))
    long.type = tarfile.GNUTYPE_LONGNAME
    path = tar_of(tmp_path / "long.tar", first, (long, content), member("ann/3.png"))
    with pytest.raises(InputError, match=r"long\.tar cannot be unpacked .*headers are over 1 MB"):
        unpacked(path)


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [64, 36]), ("cuda", [100])])
def test_a_gpu_is_given_more_crops_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: Device, sizes: list[int]
) -> None:
    given: list[int] = []

    def run(_: object, tasks: list[object], *, limits: Limits, **__: object) -> Iterator[object]:
        assert limits.seconds >= 60 * len(tasks[0])  # type: ignore[arg-type]
        given.extend(len(task) for task in tasks)  # type: ignore[arg-type]
        yield from ()

    monkeypatch.setattr("faceclust.workers.run", run)
    for n in range(100):
        (tmp_path / f"{n}.jpg").touch()
    config = Config(scan=replace(Config().scan, device=device))
    found = Models(Path("d.onnx"), (), "detector", "model")
    assert list(embed_folder(tmp_path, found, config, aligned=True)) == []
    assert given == sizes


def test_a_loose_file_is_the_only_one_of_its_person() -> None:
    names = {"ann/1.jpg": "ann", "a/b/2.jpg": "a/b", "3.jpg": "3.jpg"}
    assert {name: person_of(name) for name in names} == names
