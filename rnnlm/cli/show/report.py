"""`rnnlm report`: one HTML file about a model."""

import tempfile
from pathlib import Path

from rnnlm.app.models import find_model, language_model_of, load_language_model, network_of
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_bytes
from rnnlm.cli.terminal import terminal
from rnnlm.report.report import report
from rnnlm.report.subject import Subject
from rnnlm.use.settings import ReportSettings


def show_report(request: Request) -> None:
    """Write the page; its sections are the result."""
    given, screen = request.settings(ReportSettings).settings, terminal(request)
    found = find_model(request)
    model = (language_model_of if found.model.task == "language" else network_of)(request, found)
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        load, reading = load_language_model(request), decoding(request, screen)
        subject = Subject(found, model, load, given, Path(directory), reading, screen.notice)
        page, sections = report(subject)
    write_bytes(Path(given.out), page)
    facts = {"out": given.out, "bytes": len(page), "model_sha256": found.model.model_sha256,
             "sections": {section.id: section.sentence for section in sections}}  # fmt: skip
    screen.result(facts, f"{given.out}: {len(sections)} sections, {len(page):,} bytes; open it in a browser")
