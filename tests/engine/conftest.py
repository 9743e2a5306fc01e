from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceclust.engine.connect import RayRunner, connect


@pytest.fixture(scope="session")
def needs_ray() -> None:
    """Ray itself must not be imported before `connect` has said how it is to behave."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'faceclust[ray]'")
    # Ray's workers must find the tests' own functions.
    os.environ["PYTHONPATH"] = os.fspath(Path(__file__).resolve().parents[2])


@pytest.fixture(scope="session")
def runner(needs_ray: None) -> Iterator[RayRunner]:
    """A Ray cluster of two processors, started once for all tests."""
    with connect(cpus=2) as connected:
        yield connected
