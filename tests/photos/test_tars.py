from __future__ import annotations

import io
import lzma
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from faceclust.photos import tars

MANY = 32 << 20
EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def packed(path: Path, *blocks: bytes) -> Path:
    path.write_bytes(lzma.compress(b"".join(blocks) + bytes(1024), preset=0))
    return path


def pax(**records: str) -> bytes:
    """A member's extended header."""
    info = tarfile.TarInfo("a.png")
    info.pax_headers = {key.replace("_", "."): value for key, value in records.items()}
    return info.tobuf(tarfile.PAX_FORMAT)[:-512]


def names(path: Path) -> list[str]:
    with tars.open_tar(path) as tar:
        return [member.name for member in tars.members(tar)]


def assert_refused(path: Path, reason: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(tarfile.ReadError, match=reason):
            names(path)
        assert tracemalloc.get_traced_memory()[1] < 24 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_real_tar_is_read_with_its_long_names(tmp_path: Path, mode: str, form: int) -> None:
    wanted = [f"{'ann/' * 60}{number}é.png" for number in range(3)]
    with tarfile.open(tmp_path / "a.tar", mode, format=form) as tar:  # type: ignore[call-overload]
        for name in wanted:
            tar.addfile(tarfile.TarInfo(name))
    assert names(tmp_path / "a.tar") == wanted


@pytest.mark.parametrize("kind", EXTENSIONS)
def test_extension_headers_of_many_bytes_are_refused(tmp_path: Path, kind: bytes) -> None:
    first = header("first.png", 0)
    long = header("long", MANY, kind) + bytes(MANY)
    assert_refused(packed(tmp_path / "a.tar", first, long, header("a.png", 0)), "headers are over")


def test_extension_headers_of_a_negative_size_are_refused(tmp_path: Path) -> None:
    first = header("first.png", 0)
    path = packed(tmp_path / "a.tar", first, header("a", -512, tarfile.XHDTYPE), bytes(MANY))
    assert_refused(path, "headers are over")


def test_extension_headers_without_end_are_refused(tmp_path: Path) -> None:
    chain = (header("long", 1, tarfile.GNUTYPE_LONGNAME) + b"a".ljust(512, b"\0")) * 900
    assert_refused(packed(tmp_path / "a.tar", header("first.png", 0), chain), "endless|over 1 MB")


def test_maps_of_sparse_files_without_end_are_refused(tmp_path: Path) -> None:
    first = header("first.png", 0)
    extended = pax(GNU_sparse_major="1", GNU_sparse_minor="0")
    numbers = b"99999999999\n" + b"1\n" * (MANY // 2)
    path = packed(tmp_path / "a.tar", first, extended, header("a.png", 512), numbers)
    assert_refused(path, "headers are over")


def test_old_maps_of_sparse_files_without_end_are_refused(tmp_path: Path) -> None:
    sparse = bytearray(header("a.png", 512, tarfile.GNUTYPE_SPARSE))
    sparse[482] = 1
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse)
    block = (b"%011o\0%011o\0" % (512, 512) * 21).ljust(504) + b"\1" + bytes(7)
    many = block * (MANY // 512)
    path = packed(tmp_path / "a.tar", header("first.png", 0), bytes(sparse), many)
    assert_refused(path, "headers are over")


@pytest.mark.parametrize("size", ["-512", "-1"])
def test_a_member_of_a_negative_size_is_refused(tmp_path: Path, size: str) -> None:
    path = packed(tmp_path / "a.tar", header("first.png", 0), pax(size=size), header("a.png", 0))
    assert_refused(path, "negative size")


def test_members_are_counted_and_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packed(tmp_path / "a.tar", *(header(f"{number}.png", 0) for number in range(9)))
    with tars.open_tar(path) as tar:
        kept = [len(tar.members) for _ in tars.members(tar)]  # type: ignore[attr-defined]
        assert kept == [0] * 9
    monkeypatch.setattr(tars, "MAX_MEMBERS", 8)
    assert_refused(path, "over 8 members")


def test_the_content_of_a_member_may_be_long(tmp_path: Path) -> None:
    content = bytes(3 << 20)
    with tarfile.open(tmp_path / "a.tar", "w") as made:
        info = tarfile.TarInfo("a.png")
        info.size = len(content)
        made.addfile(info, io.BytesIO(content))
    with tars.open_tar(tmp_path / "a.tar") as tar:
        for member in tars.members(tar):
            stream = tar.extractfile(member)
            assert stream is not None
            assert stream.read() == content
