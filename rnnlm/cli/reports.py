"""Guards the display of a report from a manifest, which may be damaged."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rnnlm.artifacts import MANIFEST
from rnnlm.errors import ArtifactError


@contextlib.contextmanager
def report_of(directory: Path, remedy: str) -> Iterator[None]:
    """Context for viewing an artifact's report: ArtifactError if it lacks what the view needs."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise ArtifactError(f"{directory / MANIFEST} is damaged: its report has another format", remedy) from None
