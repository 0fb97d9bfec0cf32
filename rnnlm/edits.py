"""What may be edited in an artifact by hand: the words of its lines, not their number or format."""

import codecs
from itertools import zip_longest
from pathlib import Path

from rnnlm.arrays import open_npy
from rnnlm.errors import ArtifactError


def check_text(path: Path, *, no_specials: bool) -> None:
    """Raise ArtifactError unless an edited file is UTF-8 text of whole lines without special tokens."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    last = b"\n"
    try:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(2**20), b""):
                decoder.decode(block)
                if b"\0" in block or b"\r" in block:
                    raise ValueError("a zero byte or a carriage return")
                last = block
            decoder.decode(b"", True)
        if not last.endswith(b"\n"):
            raise ValueError("no line end at its end")
        if no_specials:
            with path.open(encoding="utf-8", newline="\n") as lines:
                if any({"<pad>", "<s>", "</s>"} & set(line.split()) for line in lines):
                    raise ValueError("a special string as a word")
    except ValueError as error:
        raise ArtifactError(f"{path} cannot be adopted: {error}", "save it as UTF-8 lines, or rebuild it") from None


def check_lines(path: Path, lines: Path) -> None:
    """Raise ArtifactError unless an edited file still has a line for each entry of its line map."""
    count = len(open_npy(lines, kinds="ui", dimensions=1, remedy="rebuild with --force"))
    with path.open("rb") as file:
        found = sum(block.count(b"\n") for block in iter(lambda: file.read(2**20), b""))
    if found != count:
        raise ArtifactError(
            f"{path} has {found:,} lines where {count:,} were written",
            "keep the number of lines, or rebuild with --force",
        )


def check_labels(directory: Path, split: str, *, per_token: bool) -> None:
    """Raise ArtifactError unless the raw text of an edited split still has a label for each line, or for each word."""
    path = directory / f"{split}.labels.txt"
    what = "a tag for each word" if per_token else "a label"
    with (
        (directory / f"{split}.txt").open(encoding="utf-8", newline="\n") as texts,
        path.open(encoding="utf-8", newline="\n") as labels,
    ):
        for number, (text, label) in enumerate(zip_longest(texts, labels, fillvalue=""), 1):
            words = label.split()
            whole = bool(text and words) and " ".join(words) + "\n" == label
            if not whole or (per_token and len(words) != len(text.split())):
                raise ArtifactError(
                    f"{path} cannot be adopted: line {number} is not {what} of that line in {split}.txt",
                    "keep lines and labels together, or read the corpus again",
                )
