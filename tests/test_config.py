from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceclust import config, weights
from faceclust.cluster.methods import ClusterOptions
from faceclust.config import CONFIG_NAME, Config, ScanOptions, load, override
from faceclust.errors import OptionError
from faceclust.photos import WalkOptions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CONFIG_NAME
    path.write_text(text, encoding="utf-8")
    return path


def mine() -> Path:
    return platformdirs.user_config_path("faceclust")


def test_without_files_the_defaults_hold(root: Path) -> None:
    assert load() == load(root) == Config()
    assert Config().scan.processes_on("cpu") >= 1


def test_the_library_s_file_comes_after_the_user_s(root: Path) -> None:
    write(mine(), '[cluster]\nk = 20\nmethod = "hac"\n[scan]\nworkers = 3\n')
    write(root, '[cluster]\nmethod = "components"\n[walk]\nexclude = ["*.gif", "trash/"]\n')
    config = load(root)
    assert config.cluster == ClusterOptions(method="components", k=20)
    assert config.walk == WalkOptions(exclude=("*.gif", "trash/"))
    assert config.scan.workers == 3
    assert load().cluster.method == "hac"


def test_a_file_that_begins_as_editors_on_windows_save_it(root: Path) -> None:
    (root / CONFIG_NAME).write_text("[cluster]\nk = 20\n", encoding="utf-8-sig")
    assert load(root).cluster.k == 20


def test_windows_waits_for_so_many_workers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "MOST_WORKERS", 60)
    monkeypatch.setattr(config, "cores", lambda: 128)
    assert ScanOptions().processes_on("cpu") == 60
    with pytest.raises(OptionError, match=r"--workers must be at most 60 on Windows, not 61\."):
        override(ScanOptions(), workers=61)


def test_a_gpu_is_shared_by_as_few_as_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "cores", lambda: 16)
    monkeypatch.setattr(weights, "room", lambda: 3)
    assert [ScanOptions().processes_on(device) for device in ("cpu", "cuda")] == [16, 3]
    assert ScanOptions(workers=8).processes_on("cuda") == 8
    monkeypatch.setattr(weights, "room", lambda: 70)
    assert ScanOptions().processes_on("cuda") == 16


def test_attributes_add_up(root: Path) -> None:
    write(mine(), '[attributes.scarf]\nyes = ["a woman with a scarf"]\nno = ["a woman"]\n')
    write(root, "[attributes]\nbeard = false\n")
    names = [attribute.name for attribute in load(root).attributes]
    assert names[-1] == "scarf"
    assert len(names) == len(Config().attributes)
    assert "beard" not in names


@pytest.mark.parametrize(
    "text",
    [
        "[attributes.scarf]\nyes = ['a']\n",
        "[attributes]\nscarf = 3\n",
        "[attributes.scarf]\nyes = 1\nno = 2\n",
    ],
)
def test_a_malformed_attribute_names_its_file(root: Path, text: str) -> None:
    path = write(root, text)
    with pytest.raises(OptionError, match="scarf") as caught:
        load(root)
    assert str(path) in str(caught.value)


def test_flags_come_after_files_and_none_is_no_flag(root: Path) -> None:
    write(root, "[detector]\nmin_face = 60\ntiles = true\n")
    options = override(load(root).detector, min_face=80, tiles=None)
    assert (options.min_face, options.tiles) == (80, True)


def test_a_whole_number_does_for_a_fraction(root: Path) -> None:
    write(mine(), "[scan]\nseconds_per_photo = 90\n")
    write(root, '[cluster]\nmethod = "infomap"\nthreshold = 1\n')
    config = load(root)
    assert isinstance(config.scan.seconds_per_photo, float)
    assert isinstance(config.cluster.threshold, float)


@pytest.mark.parametrize("lines", ['profile = "/photos/models"', "workers = 9999", "", "k = 3"])
def test_photos_do_not_say_how_a_scan_runs(root: Path, lines: str) -> None:
    """They may come from a stranger, with other people's networks and a lot of workers."""
    path = write(root, f"[cluster]\nk = 20\n[scan]\n{lines}\n")
    with pytest.raises(OptionError, match=r"no table \[scan\] here.*flags of .*scan") as caught:
        load(root)
    assert str(caught.value).startswith(f"{path}")
    assert str(mine() / CONFIG_NAME) in str(caught.value)
    write(mine(), path.read_text(encoding="utf-8").replace("k = 3", ""))
    path.unlink()
    assert load(root).cluster.k == 20


def test_photos_do_not_say_whose_weights_score_faces(root: Path) -> None:
    path = write(root, "[cluster]\nweights = 'theirs.npz'\n")
    with pytest.raises(OptionError, match=r"\[cluster\] has no weights here.*remembered") as caught:
        load(root)
    assert str(caught.value).startswith(f"{path}")
    assert str(mine() / CONFIG_NAME) in str(caught.value)


def test_weights_lie_beside_the_user_s_file_or_where_it_says(root: Path) -> None:
    elsewhere = str(root / "edges.npz")
    for words, found in (
        ("mine.npz", str(mine() / "mine.npz")),
        (elsewhere, elsewhere),
        ("~/edges.npz", str(Path("~/edges.npz").expanduser())),
        ("", ""),
    ):
        write(mine(), f"[cluster]\nweights = '{words}'\n")
        assert load(root).cluster.weights == found
    write(mine(), "[cluster]\nweights = 3\n")
    with pytest.raises(OptionError, match=r"\[cluster\] weights must be text, not 3"):
        load(root)


@pytest.mark.parametrize("ours", [True, False])
def test_a_mistake_names_the_file_it_is_in(root: Path, ours: bool) -> None:
    path = write(mine() if ours else root, "[cluster]\nk = 3.5")
    with pytest.raises(OptionError) as caught:
        load(root)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k = ", "cannot be read as TOML"),
        ("[scan]\nworkers = 1\nworkers = 2", "cannot be read as TOML"),
        ("a = " + "[" * 5000, "cannot be read as TOML"),
        (
            "[clusters]\nk = 3",
            r"no table \[clusters\]; there are attributes, cluster, detector, scan, walk",
        ),
        ("k = 3", r"no table \[k\]; there are"),
        ("scan = 3", r"scan must be a table: write \[scan\]"),
        ("[[scan]]\nworkers = 3", r"scan must be a table: write \[scan\]"),
        ("[cluster]\nkk = 3", r"\[cluster\] has no kk; it has by_component, edges, exact_below, k"),
        ("[scan]\nwhere = 3", r"\[scan\] has no where; it has clip, device"),
        ("[scan]\noptions = 3", r"\[scan\] has no options; it has clip, device"),
        ("[scan]\nself = 3", r"\[scan\] has no self; it has clip, device"),
        ('[cluster]\nk = "many"', r"\[cluster\] k must be a whole number, not 'many'"),
        ("[cluster]\nby_component = 1", r"by_component must be true or false, not 1"),
        ("[cluster]\nk = 3.5", r"k must be a whole number, not 3.5"),
        ("[cluster]\nk = true", r"k must be a whole number, not True"),
        ("[scan]\nseconds_per_photo = true", r"seconds_per_photo must be a number, not True"),
        ("[detector]\ntiles = 1", r"tiles must be true or false, not 1"),
        ("[scan]\nprofile = 3", r"profile must be text, not 3"),
        ('[scan]\ndevice = "gpu"', r"device must be one of cpu, cuda, not 'gpu'"),
        ('[cluster]\nmethod = "magic"', r"method must be one of partition, .*, not 'magic'"),
        ('[cluster]\nthreshold = "high"', r"threshold must be a number, not 'high'"),
        ("[cluster]\nnum_people = 2.5", r"num_people must be a whole number, not 2.5"),
        ('[walk]\nexclude = "*.gif"', r"exclude must be a list of text, not '\*.gif'"),
        ('[walk]\nexclude = ["*.gif", 3]', r"exclude must be a list of text, not"),
        ("[walk]\nlimit = 1979-05-27", r"limit must be a whole number, not"),
        ("[scan]\nworkers = 0", r"workers must be at least 1, not 0"),
        (
            "[scan]\nseconds_per_photo = 0",
            r"seconds_per_photo must be more than 0 and finite, not 0",
        ),
        ("[scan]\nseconds_per_photo = inf", r"seconds_per_photo must be more than 0.*not inf"),
        ("[scan]\nseconds_per_photo = nan", r"seconds_per_photo must be more than 0.*not nan"),
    ],
)
def test_each_mistake_gets_one_sentence_that_names_the_file(
    root: Path, text: str, message: str
) -> None:
    path = write(mine(), text)
    with pytest.raises(OptionError, match=message) as caught:
        load(root)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_file_that_is_not_utf_8(root: Path) -> None:
    (root / CONFIG_NAME).write_bytes(b'[scan]\nprofile = "caf\xe9"\n')
    with pytest.raises(OptionError, match="cannot be read as TOML"):
        load(root)


def test_a_folder_of_that_name_is_no_file(root: Path) -> None:
    (root / CONFIG_NAME).mkdir()
    assert load(root) == Config()


def test_the_cores_are_counted_where_the_system_does_not_say_which_are_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert ScanOptions().processes_on("cpu") == 1


@dataclass(frozen=True)
class Sample:
    """One option of each type that rooms use."""

    switch: bool = False
    number: int = 3
    fraction: float = 0.5
    perhaps: int | None = None
    words: tuple[str, ...] = ()


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()),
    st.lists(st.integers()), st.dictionaries(st.text(), st.integers()),
)  # fmt: skip


@given(st.sampled_from(["switch", "number", "fraction", "perhaps", "words"]), VALUES)
def test_an_option_never_gets_a_value_of_another_type(name: str, value: object) -> None:
    types = {"switch": bool, "number": int, "fraction": float, "perhaps": int, "words": tuple}
    try:
        changed = override(Sample(), **{name: value})
    except OptionError:
        return
    kept = getattr(changed, name)
    if value is None:
        assert changed == Sample()
    else:
        assert type(kept) is types[name]
        assert not isinstance(kept, tuple) or all(type(word) is str for word in kept)


TABLES = st.dictionaries(
    st.sampled_from(["scan", "walk", "cluster", "detector"]),
    st.dictionaries(
        st.sampled_from(["k", "method", "workers", "exclude", "min_face", "threshold", "seed"]),
        st.sampled_from(["1", "-1", "0.5", '"hac"', "[]", '["a"]', "true", "{a = 1}", "nan"]),
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TABLES)
def test_any_toml_is_read_or_refused(root: Path, tables: dict[str, dict[str, str]]) -> None:
    lines = [
        line
        for table, values in tables.items()
        for line in (f"[{table}]", *(f"{key} = {value}" for key, value in values.items()))
    ]
    write(mine(), "\n".join(lines))
    try:
        config = load(root)
    except OptionError:
        return
    assert isinstance(config.cluster.k, int)
    assert config.scan.processes_on("cpu") >= 1
