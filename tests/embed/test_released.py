from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faceclust.embed import released
from faceclust.errors import WeightsError
from tests.embed.hub import PICKLE, SAFE, Hub, faked


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return faked(tmp_path / "hub", monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"weights")
    return path


def test_the_hub_is_not_asked_for_what_is_there(hub: Hub, file: Path) -> None:
    kept = hub.keep("us/twin", SAFE, file)
    assert released.weights("twin", "safe") == kept
    assert hub.asked == []


def test_what_is_not_there_is_fetched_once(hub: Hub, file: Path) -> None:
    hub.files = {("us/twin", SAFE): file}
    found = released.weights("twin", "safe")
    assert found.read_bytes() == b"weights"
    assert released.weights("twin", "safe") == found
    assert hub.asked == [("us/twin", SAFE)]


def test_weights_of_another_name_are_looked_for_under_it(hub: Hub, file: Path) -> None:
    hub.files = {("us/named", "weights.safetensors"): file}
    assert released.weights("twin", "named").name == "weights.safetensors"


def test_a_pickle_is_neither_fetched_nor_taken_from_the_cache(hub: Hub, file: Path) -> None:
    hub.files = {("us/pickled", PICKLE): file, ("us/named", "weights.safetensors"): file}
    hub.keep("us/pickled", PICKLE, file)
    hub.keep("us/twin", SAFE, file)
    with pytest.raises(WeightsError, match="twin/pickled were not released as safetensors") as no:
        released.weights("twin", "pickled")
    assert str(no.value).endswith("use --clip twin/safe or twin/named or face-clip.")
    assert hub.asked == [("us/pickled", SAFE)]


def test_weights_that_are_not_on_the_hub_are_refused(hub: Hub) -> None:
    hub.files = None
    with pytest.raises(WeightsError, match=r"twin/url were not released.*use --clip face-clip\.$"):
        released.weights("twin", "url")
    assert hub.asked == []


def test_a_hub_out_of_reach_is_one_sentence(hub: Hub) -> None:
    hub.files = None
    with pytest.raises(WeightsError, match=r"hub cannot be reached.*--clip face-clip") as caught:
        released.weights("twin", "safe")
    assert "\n" not in str(caught.value)


def test_whose_account_it_is_stays_unknown_to_the_hub(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="needs faceclust[clip]")
    code = "import faceclust; from huggingface_hub.utils import build_hf_headers as headers"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('authorization' in headers())"],
        env={**os.environ, "HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
