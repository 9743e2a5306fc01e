"""The package finds its functions when they are asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from faceclust import pipeline


@pytest.mark.parametrize("name", pipeline.__all__)
def test_every_name_is_what_type_checkers_take_it_for(name: str) -> None:
    tree = ast.parse(Path(str(pipeline.__file__)).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    (home,) = (n.module for n in imports if any(alias.name == name for alias in n.names))
    module = import_module(str(home))
    found = getattr(pipeline, name)
    assert found is getattr(module, name)
    assert not isinstance(found, ModuleType)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        pipeline.nothing  # noqa: B018


def test_a_short_command_loads_little() -> None:
    """Modules of the same name as a function do not take its place, and heavy ones stay away."""
    first = "import faceclust.pipeline.scan; from faceclust import pipeline; "
    code = first + "assert callable(pipeline.scan)"
    lean = "import sys; from faceclust import pipeline; pipeline.status; " + "; ".join(
        f"assert {name!r} not in sys.modules" for name in ("PIL", "faceclust.config", "lxml")
    )
    for each in (code, lean):
        subprocess.run([sys.executable, "-c", each], check=True, capture_output=True)
