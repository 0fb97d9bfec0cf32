"""A report that is read from a manifest to be shown may have any shape, for the manifest may come from anywhere."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rnnlm.artifacts import MANIFEST
from rnnlm.errors import ArtifactError


@contextlib.contextmanager
def report_of(directory: Path, remedy: str) -> Iterator[None]:
    """Around what makes a view of an artifact's report: ArtifactError where it has not what the view shows."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        raise ArtifactError(f"{directory / MANIFEST} is damaged: its report is of another form", remedy) from None
