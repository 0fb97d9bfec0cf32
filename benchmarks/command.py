"""How the benchmarks call the command line."""

import json
import subprocess
import sys
from typing import Any


def rnnlm(*arguments: object) -> str:
    """Run the command line; return what it printed."""
    command = [sys.executable, "-m", "rnnlm", *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def rnnlm_json(*arguments: object) -> dict[str, Any]:
    """Run the command line with `--json`; return the object that it printed."""
    result: dict[str, Any] = json.loads(rnnlm(*arguments, "--json"))
    return result
