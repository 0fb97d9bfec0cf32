"""Forging: what somebody would do who changes an artifact and then makes its manifest say that it is so."""

import json
from pathlib import Path
from typing import Any

from rnnlm.artifacts import MANIFEST, json_bytes, sha256_file, with_digest


def sealed_json(content: dict[str, Any]) -> bytes:
    """JSON whose last field is the digest of the others, as manifests and `workspace.json` have it."""
    return json_bytes(with_digest(content))


def reseal(directory: Path, **changes: Any) -> None:
    """Make the manifest say that the files of a directory are as they should be, and whatever else is wanted."""
    path = directory / MANIFEST
    content = json.loads(path.read_bytes())
    content["outputs"] = {name: sha256_file(directory / name) for name in content["outputs"]}
    path.write_bytes(sealed_json({**content, **changes}))


def forge(path: Path, content: bytes) -> None:
    """Put other content into a file of an artifact, and have it sealed."""
    path.write_bytes(content)
    reseal(path.parent)
