from pathlib import Path

from faceclust.export.folders import FolderOptions, plan
from faceclust.export.plan import PlaceFile
from faceclust.records import Box, PersonRegion, PhotoInfo, TaggedPhoto

LIBRARY, OUT = Path("/library"), Path("/out")
INFO = PhotoInfo(100, 100, 1, "JPEG")


def photo(relative: str, *faces: tuple[int, int, str], named: bool = True) -> TaggedPhoto:
    """Faces are (face id, person id, name)."""
    regions = tuple(
        PersonRegion(person, face, name, Box(0.1, 0.1, 0.2, 0.2), named)
        for face, person, name in faces
    )
    return TaggedPhoto(LIBRARY / relative, Path(relative), INFO, regions)


def planned(*photos: TaggedPhoto, options: FolderOptions | None = None) -> dict[str, str]:
    """Path below OUT -> source below LIBRARY."""
    actions = list(plan(photos, options or FolderOptions(), OUT))
    assert len({action.path for action in actions}) == len(actions)
    return {
        action.path.relative_to(OUT).as_posix(): action.source.relative_to(LIBRARY).as_posix()
        for action in actions
    }


def test_a_photo_of_two_people_goes_into_both_folders() -> None:
    both = photo("a/1.jpg", (1, 1, "Ann"), (2, 2, "Bob"))
    assert planned(both) == {"Ann/1.jpg": "a/1.jpg", "Bob/1.jpg": "a/1.jpg"}


def test_the_link_kind_is_passed_on() -> None:
    actions = list(plan([photo("1.jpg", (1, 1, "Ann"))], FolderOptions(link="hard"), OUT))
    assert actions == [PlaceFile(OUT / "Ann/1.jpg", LIBRARY / "1.jpg", "hard")]


def test_two_faces_of_one_person_are_one_file() -> None:
    assert planned(photo("1.jpg", (1, 1, "Ann"), (2, 1, "Ann"))) == {"Ann/1.jpg": "1.jpg"}


def test_people_with_the_same_folder_name_stay_apart() -> None:
    paths = planned(
        photo("1.jpg", (1, 3, "A:B")),
        photo("2.jpg", (2, 7, "A/B")),
        photo("3.jpg", (3, 9, "a_b")),
    )
    assert paths == {"A_B/1.jpg": "1.jpg", "A_B (7)/2.jpg": "2.jpg", "a_b (9)/3.jpg": "3.jpg"}


def test_a_name_cannot_leave_the_folder() -> None:
    paths = planned(photo("1.jpg", (1, 1, "../../root")), photo("2.jpg", (2, 2, "/etc")))
    assert sorted(paths) == ["_.._root/1.jpg", "_etc/2.jpg"]


def test_photos_of_the_same_name_both_get_in_and_a_new_one_renames_nothing() -> None:
    old = [photo("b/IMG.jpg", (1, 1, "Ann")), photo("c/img.JPG", (2, 1, "Ann"))]
    before = planned(*old)
    after = planned(photo("a/IMG.jpg", (3, 1, "Ann")), *reversed(old))
    assert before["Ann/IMG.jpg"] == "b/IMG.jpg"
    assert len(before) == 2
    assert before.items() <= after.items()
    assert len(after) == 3


def test_unnamed_people_get_a_folder_from_two_faces_on() -> None:
    photos = [
        photo("1.jpg", (1, 12, "Person 12"), named=False),
        photo("2.jpg", (2, 12, "Person 12"), (3, 13, "Person 13"), named=False),
        photo("3.jpg", (4, 1, "Ann")),
    ]
    assert sorted(planned(*photos)) == ["Ann/3.jpg", "Person 12/1.jpg", "Person 12/2.jpg"]
    assert sorted(planned(*photos, options=FolderOptions(placeholders=False))) == ["Ann/3.jpg"]
    assert "Person 13/2.jpg" in planned(*photos, options=FolderOptions(min_faces=1))


def test_a_real_name_comes_before_a_placeholder() -> None:
    paths = planned(
        photo("1.jpg", (1, 2, "Person 2"), (2, 2, "Person 2"), named=False),
        photo("2.jpg", (3, 5, "person 2")),
    )
    assert paths == {"person 2/2.jpg": "2.jpg", "Person 2 (2)/1.jpg": "1.jpg"}


def test_photos_without_people_are_left_out() -> None:
    assert planned(photo("1.jpg")) == {}
