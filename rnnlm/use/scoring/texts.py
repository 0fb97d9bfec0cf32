"""The lines to score: those of a text, its sentences, or a column of a file with others beside it."""

from collections.abc import Iterable, Iterator

from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sentences import sentences_of
from rnnlm.corpus.sources import JSON_LINES, check_text, plain_name, records, text_blocks, text_lines
from rnnlm.errors import InputError
from rnnlm.use.lines import LINES, blocks
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
    """A file as blocks of lines to score; what is passed through and the regions of each are added to `kept`.

    What comes through a pipe is passed on as soon as it is there.
    """
    together = 1 if file == "-" else LINES
    if given.field is not None:
        yield from _column(file, given.field, given.regions, kept, reading, together)
    elif given.regions is not None:
        count = 0
        for block in text_blocks(file, reading):
            texts = block.decode().split("\n")[:-1]
            yield _encoded(_without_bars(text, f"{file}, line {n:,}", kept) for n, text in enumerate(texts, count + 1))
            count += len(texts)
    elif given.sentences:
        found = sentences_of(enumerate(text_lines(file, reading), 1))
        breaks = given.context == "document"  # of which a blank line is the border
        for some in blocks((sentence for _, sentence in found if sentence or breaks), together):
            yield _encoded(some)
    else:
        yield from text_blocks(file, reading)


def _column(
    file: str, field: str, regions: str | None, kept: Kept, reading: Decoding, together: int
) -> Iterator[bytes]:
    """The text of each record as a line, some at a time."""
    beside = regions not in (None, BAR)
    columns = (field, *([str(regions)] if beside else []), *kept.names)
    for some in blocks(enumerate(records(file, columns, reading), 1), together):
        lines = []
        for number, (text, *values) in some:
            where, text = f"{file}, record {number:,}", " ".join(text.split())
            if regions == BAR:
                text = _without_bars(text, where, kept)
            elif beside and kept.regions is not None:
                kept.regions.append(named(text, values.pop(0), where))
            if kept.names:
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
