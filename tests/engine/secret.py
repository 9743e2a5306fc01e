"""Two clusters, one after the other, and strangers at the first: python -m tests.engine.secret.

Prints as JSON what the workers' secrets were, who got in and what was left of it all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

from faceclust.engine.connect import connect

MODE, TOKEN = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN"
STRANGER = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False); print('in')"


def told(_: int) -> str:
    """Of a worker."""
    return os.environ[TOKEN]


def gets_in(address: str, secret: Mapping[str, str]) -> bool:
    """Whether another program may use the cluster at an address."""
    environment = {name: value for name, value in os.environ.items() if name not in (MODE, TOKEN)}
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, address],
        env={**environment, **secret}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout == "in\n"


def main() -> None:
    """See the module."""
    import ray

    report: dict[str, object] = {}
    with redirect_stdout(sys.stderr):
        with connect(cpus=1) as runner:
            (first,) = runner.each(told, [1])
            address = ray.get_runtime_context().gcs_address
            report["in"] = {
                "nobody": gets_in(address, {}),
                "owner": gets_in(address, {MODE: "token", TOKEN: first}),
            }
        with connect(cpus=1) as runner:
            (second,) = runner.each(told, [1])
    report["secrets"] = [first, second]
    report["environment"] = [os.environ.get(MODE), os.environ.get(TOKEN)]
    report["home"] = [str(path) for path in Path.home().rglob("*")]
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    main()
