"""The ladder of a model, from the JSON that `rnnlm ladder --json` wrote."""

from pathlib import Path

from rnnlm.artifacts import read_json
from rnnlm.corpus.text import EncodedText
from rnnlm.errors import ArtifactError, InputError
from rnnlm.report.parts import Table
from rnnlm.report.subject import Subject

_COLUMNS = (
    ("perplexity", "{:,.2f}"), ("valid_perplexity", "{:,.2f}"), ("bits_per_character", "{:.4f}"),
    ("seconds", "{:,.0f}"), ("fit_seconds", "{:,.0f}"),
)  # fmt: skip


def ladder(subject: Subject, text: EncodedText) -> list[Table]:
    """Its rows as a table; none without --ladder.

    Raises InputError for a file that is no ladder, or one of another model or text.
    """
    if subject.given.ladder is None:
        return []
    path, sealed = Path(subject.given.ladder), subject.found.model
    remedy = f"write it with: rnnlm ladder {subject.found.workspace.path if subject.found.workspace else 'WORK'} --json"
    try:
        told = read_json(path, remedy=remedy)
    except ArtifactError as error:
        raise InputError(error.message, remedy) from None
    try:
        models, digest, fitted = told["models"], told["raw_sha256"], int(told["fit_tokens"])
        rows = [
            (f"{row['name']}{'*' if row['adapts'] else ''}", *(form.format(float(row[key])) for key, form in _COLUMNS))
            for row in told["rows"]
        ]
        same = sealed.model_sha256 in models.values()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise InputError(f"--ladder {path} is not the JSON of a ladder", remedy) from None
    if not same:
        raise InputError(f"--ladder {path} is about other models than {sealed.path}", remedy)
    if digest != text.raw_sha256:
        raise InputError(f"--ladder {path} was measured on another text", "name the same one with --split or --text")
    caption = (
        f"The ladder, each row with one part more; weights fitted on {fitted:,} tokens of valid; * learns from the "
        "text that it is measured on, each token after it was predicted"
    )
    columns = ("mixture", "perplexity", "on valid", "bits per character", "seconds", "seconds of fitting")
    return [Table(caption, columns, rows)]
