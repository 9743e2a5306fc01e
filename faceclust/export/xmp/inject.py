"""A photo with another XMP packet: written as a new file, read back and compared.

exiftool writes every format; without it the `exiv2` package writes JPEG, PNG, TIFF and WebP.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path

from PIL import Image

from faceclust.errors import InputError, PhotoError, WriteError
from faceclust.export import disk
from faceclust.programs import program
from faceclust.xmp.extract import DECODER_ERRORS, photo_format, read_embedded
from faceclust.xmp.packet import same

_INSTALL = "install exiftool (apt install libimage-exiftool-perl, brew install exiftool)"
_DEADLINE_S = 120
_MOST_JPEG = 65_502  # a segment, less its length and what stands before a packet
_EXIV2_SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")


def embed(path: Path, packet: bytes, out: Path) -> None:
    """Writes a copy of a photo with `packet` as its XMP; the photo itself is not touched.

    Mode and modification time are those of the original: the pixels have not changed, and a new
    time would make other programs take it for a new photo. Size and content hash do change. Until
    it is whole the copy is its owner's alone.

    Args:
        path: the photo.
        packet: the whole XMP packet.
        out: where the copy goes; a file there is replaced.

    Raises:
        WriteError: neither exiftool nor exiv2 is there.
        PhotoError: this photo cannot be written, or the copy does not hold the same picture and
            exactly this packet.
        OSError: the disk refuses. Whatever is raised, nothing is left at `out`.
    """
    with ExitStack() as undo:
        undo.callback(out.unlink, missing_ok=True)
        out.unlink(missing_ok=True)
        disk.create(out).close()
        _write(path, packet, out)
        _verify(path, packet, out)
        with out.open("r+b") as file:
            os.fsync(file.fileno())
        shutil.copystat(path, out)
        undo.pop_all()


def _write(path: Path, packet: bytes, out: Path) -> None:
    if len(packet) > _MOST_JPEG and photo_format(path) == "jpeg":
        raise PhotoError(
            "its XMP is over 64 kB, more than one segment of a JPEG holds; write a sidecar"
        )
    exiftool = program("exiftool")
    if exiftool:
        _with_exiftool(exiftool, path, packet, out)
    elif path.suffix.lower() in _EXIV2_SUFFIXES:
        _with_exiv2(path, packet, out)
    else:
        raise PhotoError(f"only exiftool writes this format; {_INSTALL}", "unsupported")


def _with_exiftool(exiftool: str, path: Path, packet: bytes, out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="faceclust-") as folder, out.open("wb") as file:
        block = Path(folder) / "packet.xmp"
        block.write_bytes(packet)
        # exiftool expands % in the name of a block; an absolute path never looks like an option.
        source = str(block).replace("%", "%%")
        command = [exiftool, "-config", "", "-q", "-q", "-charset", "filename=utf8"]
        arguments, given = [f"-XMP<={source}", "-o", "-", str(path.absolute())], b""
        if disk.ON_WINDOWS:
            # There a command line reaches it in the code page, which lacks most letters.
            arguments, given = ["-@", "-"], "\n".join(arguments).encode("utf-8", "surrogatepass")
        environment = {**os.environ, "LANG": "C", "LC_ALL": "C"}
        try:
            done = subprocess.run(
                [*command, *arguments],
                input=given,
                stdout=file,
                stderr=subprocess.PIPE,
                env=environment,
                timeout=_DEADLINE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise PhotoError(f"exiftool took over {_DEADLINE_S} s", "timeout") from error
    if done.returncode:
        _check_room(path, packet, out)
        reason = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0][:200]
        raise PhotoError(f"exiftool cannot write into it ({reason}); write a sidecar")


def _with_exiv2(path: Path, packet: bytes, out: Path) -> None:
    try:
        import exiv2
    except ImportError as error:
        raise WriteError(
            f"Writing into photos needs a program for it; {_INSTALL}, or the exiv2 package (pip"
            " install 'faceclust[embed]')."
        ) from error
    shutil.copyfile(path, out)
    try:
        image = exiv2.ImageFactory.open(str(out))
        image.readMetadata()
        image.setXmpPacket(packet.decode())
        # As it is: a packet rebuilt by exiv2 loses what it does not know. Segments that extended an
        # older packet stay in the file; no packet names them any more, so that nobody reads them.
        image.writeXmpFromPacket(True)
        image.writeMetadata()
    except exiv2.Exiv2Error as error:
        _check_room(path, packet, out)
        raise PhotoError(f"exiv2 cannot write into it ({error}); write a sidecar") from error


def _check_room(path: Path, packet: bytes, out: Path) -> None:
    """Say after a failure that the disk is full, where it is: then no other photo does better."""
    missing = path.stat().st_size + len(packet) - out.stat().st_size
    if shutil.disk_usage(out.parent).free < missing:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(out))


def _verify(path: Path, packet: bytes, out: Path) -> None:
    """Compares picture and packet of the copy with what they have to be."""
    try:
        found = read_embedded(out)
        if found is None or not same(found, packet):
            raise PhotoError("the copy holds other XMP than was written; write a sidecar")
        if _picture(path) != _picture(out):
            raise PhotoError("the copy shows another picture; write a sidecar")
    except (InputError, *DECODER_ERRORS) as error:
        raise PhotoError(f"the copy cannot be checked ({error}); write a sidecar") from error


def _picture(path: Path) -> bytes:
    """A digest of the decoded pixels."""
    match photo_format(path):
        case None:
            raise ValueError("unknown format")
        case "heic":
            pixels = _heic_pixels(path)
        case "tiff":
            pixels = _raw_pixels(path) or _pillow_pixels(path, "TIFF")
        case name:
            pixels = _pillow_pixels(path, name.upper())
    return hashlib.sha256(pixels).digest()


def _pillow_pixels(path: Path, name: str) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(path, formats=[name]) as image:
            pixels: bytes = image.tobytes()
    return pixels


def _heic_pixels(path: Path) -> bytes:
    import pillow_heif

    return bytes(pillow_heif.open_heif(path).data)


def _raw_pixels(path: Path) -> bytes | None:
    """The sensor's values of a raw photo, None where it is none."""
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            return bytes(raw.raw_image.tobytes())
    except rawpy.LibRawError:
        return None
