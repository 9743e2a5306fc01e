"""Dies at every step of an export in turn, and checks what a later undo or export makes of it.

Run as its own process, which forks: `python -m tests.export.crash FOLDER undo|apply`. A step is
every change to the disk that Python announces in its audit hooks, and every call of the journal.
Exits with 0 and writes the number of steps it died at.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from faceclust.export.plan import Action, EmbedXmp, PlaceFile, PlaceSymlink, WriteText
from tests.export.memory import FileJournal, run, take_back, tree

KILLED = 9
CHANGES = {"os.rename", "os.link", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"}


class Countdown:
    """Kills the process at step `left`."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, event: str = "journal", args: tuple[object, ...] = ()) -> None:
        opens_to_write = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
        if event in CHANGES or event == "journal" or opens_to_write:
            self.left -= 1
            if self.left == 0:
                os._exit(KILLED)


class MortalJournal(FileJournal):
    def __init__(self, path: Path, countdown: Countdown) -> None:
        super().__init__(path)
        self._countdown = countdown

    def _append(self, call: str, argument: object) -> None:
        self._countdown()
        super()._append(call, argument)


def embed(path: Path, packet: bytes, out: Path) -> None:
    """In place of the real one: the packet goes to the end of the file."""
    out.write_bytes(path.read_bytes().partition(b"<xmp>")[0] + packet)


def library(root: Path) -> None:
    (root / "library").mkdir(parents=True)
    (root / "library/1.jpg").write_bytes(b"photo one")
    (root / "library/1.xmp").write_bytes(b"theirs")
    (root / "library/1.jpg_original").write_bytes(b"another program's")


def first(root: Path) -> list[Action]:
    return [
        WriteText(root / "out/a.json", b"old"),
        PlaceSymlink(root / "out/Ann/link.jpg", Path("../../library/1.xmp")),
        PlaceFile(root / "out/Ann/hard to copy.jpg", root / "library/1.jpg", "hard"),
    ]


def second(root: Path) -> list[Action]:
    """Something new and something changed of every kind."""
    sidecar = root / "library/1.xmp"
    return [
        WriteText(root / "out/a.json", b"new"),
        WriteText(root / "out/Bob/Carl/b.json", b"b"),
        WriteText(sidecar, b"theirs and ours", merged_from=sidecar.read_bytes()),
        PlaceSymlink(root / "out/Ann/link.jpg", Path("../../library/1.jpg")),
        PlaceSymlink(root / "out/Bob/link.jpg", Path("../../library/1.jpg")),
        PlaceFile(root / "out/Bob/hard.jpg", root / "library/1.jpg", "hard"),
        PlaceFile(root / "out/Bob/copy.jpg", root / "library/1.jpg", "copy"),
        PlaceFile(root / "out/Ann/hard to copy.jpg", root / "library/1.jpg", "copy"),
        EmbedXmp(root / "library/1.jpg", b"<xmp>Ann"),
    ]


def die_at(step: int, root: Path, then: str) -> bool:
    """Export, dying at `step`, and check the recovery; False if it lived."""
    library(root)
    untouched = tree(root)
    journal = root.with_suffix(".journal")
    run(first(root), FileJournal(journal), root)
    if then == "undo-undo":
        run(second(root), FileJournal(journal), root)
    child = os.fork()
    if child == 0:
        countdown = Countdown(step)
        mortal = MortalJournal(journal, countdown)
        sys.addaudithook(countdown)
        if then == "undo-undo":
            take_back(mortal)
        else:
            run(second(root), mortal, root)
        os._exit(0)
    died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED
    if then == "apply":
        summary, _ = run(second(root), FileJournal(journal), root)
        assert summary.skipped == 0, summary
        check_second(root)
    _, foretold = take_back(FileJournal(journal), dry_run=True)
    summary, events = take_back(FileJournal(journal))
    assert foretold == events
    assert tree(root) == untouched, (step, tree(root), untouched, events)
    assert summary.left == 0, events
    return died


def check_second(root: Path) -> None:
    assert (root / "out/a.json").read_bytes() == b"new"
    assert (root / "out/Ann/link.jpg").readlink().name == "1.jpg"
    assert (root / "library/1.xmp").read_bytes() == b"theirs and ours"
    assert (root / "library/1.jpg").read_bytes() == b"photo one<xmp>Ann"
    assert not [path for path in tree(root) if ".faceclust-" in path]


def main(folder: Path, then: str) -> None:
    module = ModuleType("faceclust.export.xmp")
    module.__dict__["embed"] = embed
    sys.modules["faceclust.export.xmp"] = module
    step = 1
    while die_at(step, folder / str(step), then):
        step += 1
    sys.stdout.write(str(step - 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
