"""The lines to score: those of a text, its sentences, or a column of a file with others beside it."""

from collections.abc import Iterable, Iterator

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sentences import sentences_of
from rnnlm.corpus.sources import JSON_LINES, check_text, plain_name, records, text_blocks, text_lines
from rnnlm.errors import InputError
from rnnlm.use.lines import blocks
from rnnlm.use.scoring.regions import BAR, barred, named
from rnnlm.use.scoring.settings import ScoreSettings
from rnnlm.use.scoring.table import Kept


def check_files(files: Iterable[str], given: ScoreSettings) -> None:
    """InputError for a file that is not there, or that has columns of which none is named."""
    for file in files:
        check_text(file)
        if given.field is None and given.ids is None and plain_name(file).endswith((".tsv", ".csv", *JSON_LINES)):
            raise InputError(f"{file} has columns", "name that of the text with --field, as in --field sentence")


def lines_of(file: str, given: ScoreSettings, kept: Kept, reading: Decoding) -> Iterator[bytes]:
    """A file as blocks of lines to score; what is passed through and the regions of each are added to `kept`."""
    if given.field is not None:
        yield from _column(file, given.field, given.regions, kept, reading)
    elif given.regions is not None:
        for some in blocks(enumerate(text_lines(file, reading), 1)):
            yield _encoded(_without_bars(text, f"{file}, line {number:,}", kept) for number, text in some)
    elif given.sentences:
        for some in blocks(sentences_of(enumerate(text_lines(file, reading), 1))):
            yield _encoded(sentence for _, sentence in some)
    else:
        yield from text_blocks(file, reading)


def _column(file: str, field: str, regions: str | None, kept: Kept, reading: Decoding) -> Iterator[bytes]:
    """The text of each record as a line, some at a time."""
    beside = regions not in (None, BAR)
    columns = (field, *([str(regions)] if beside else []), *kept.names)
    for some in blocks(enumerate(records(file, columns, reading), 1)):
        lines = []
        for number, (text, *values) in some:
            where, text = f"{file}, record {number:,}", " ".join(text.split())
            if regions == BAR:
                text = _without_bars(text, where, kept)
            elif beside and kept.regions is not None:
                kept.regions.append(named(text, str(values.pop(0)), where))
            kept.lines.append(tuple(values))
            lines.append(text)
        yield _encoded(lines)


def _without_bars(text: str, where: str, kept: Kept) -> str:
    text, regions = barred(text, where)
    if kept.regions is not None:
        kept.regions.append(regions)
    return text


def _encoded(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
