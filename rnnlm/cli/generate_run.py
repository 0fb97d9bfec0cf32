"""The body of `rnnlm generate`: texts on standard output as they come, and the dialogue of --interactive."""

import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from rnnlm.app.models import FoundModel
from rnnlm.app.reading import decoding
from rnnlm.app.request import Request
from rnnlm.arrays import open_npy
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.sources import read_lines, split_blocks
from rnnlm.corpus.text import TextRules, encode_text
from rnnlm.errors import InputError
from rnnlm.model.likelihood import LanguageModel
from rnnlm.use.generation.chat import Session, Turn
from rnnlm.use.generation.generate import Generated, generate, generate_from
from rnnlm.use.generation.novelty import Copied, longest_copies
from rnnlm.use.generation.prompt import text_of, unknown_words
from rnnlm.use.settings import GenerateSettings

_ACCEPT = "type, and see how it may go on; an empty line takes that over; Ctrl-D ends"
_NAMED = 5  # unknown words that a notice names


def generate_texts(request: Request, found: FoundModel, network: LanguageModel) -> None:
    """Show the texts: as they are, a blank line between them, or as JSON, a line for each."""
    given: GenerateSettings = request.settings(GenerateSettings).settings
    rules, screen = found.model.rules, terminal(request)
    streaming = given.n == 1 and given.prompt_file is None and given.beam is None and not request.run.json
    if given.prompt_file is None:
        _tell_unknown(screen, unknown_words(rules, given.prompt))
        texts = generate(network, rules, given, _say if streaming else None)
    else:
        texts = generate_from(network, rules, given, _prompts(given.prompt_file, decoding(request, screen)))
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        train = _training_ids(found, Path(directory), screen) if given.novelty else None
        for number, (text, copied) in enumerate(_compared(texts, train, given.batch_size)):
            if request.run.json:
                _say(json.dumps(_record(rules, given, text, copied), ensure_ascii=False) + "\n")
                continue
            if not streaming:
                _say(("\n" if number else "") + text.before + text.continued + "\n")
            if copied is not None:
                _say(f"[{_copied_words(rules, text, copied)}]\n")


def talk(request: Request, found: FoundModel, network: LanguageModel) -> None:
    """Lines from standard input; after each the text with how it may go on, and the next words; JSON, a line each."""
    given: GenerateSettings = request.settings(GenerateSettings).settings
    session, screen = Session(network, found.model.rules, given), terminal(request)
    person = sys.stdin.isatty()
    if person:
        screen.notice(_ACCEPT)
    while True:
        if person:
            _say("> ")
        line = sys.stdin.buffer.readline()
        if not line:
            return
        turn = session.turn(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
        _say(json.dumps(dataclasses.asdict(turn), ensure_ascii=False) + "\n" if request.run.json else _shown(turn))


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _shown(turn: Turn) -> str:
    """The line that is being written, `|` where the person's part ends, and the next words with their probabilities."""
    line = turn.text.rpartition("\n")[2]
    words = "  ".join(f"{each.token} {each.probability:.3f}" for each in turn.next)
    return f"{line}|{turn.continuation.removesuffix(chr(10))}\n" + (f"next: {words}\n" if words else "")


def _prompts(name: str, reading: Decoding) -> Iterator[str]:
    """The lines of a file, an empty one too, which begins a text; InputError for a file without any."""
    if name != "-" and not Path(name).is_file():
        raise InputError(f"--prompt-file {name} is no file", "name a text file with a prompt a line")
    none = True
    for line in read_lines(name, reading):
        none = False
        yield line
    if none:
        raise InputError(f"--prompt-file {name} holds no prompt", "give one a line; an empty line is an empty prompt")


def _tell_unknown(screen: Terminal, words: list[str]) -> None:
    if words:
        named = ", ".join(dict.fromkeys(words[:_NAMED])) + (", …" if len(words) > _NAMED else "")
        screen.notice(f"not in the vocabulary, and read as <unk>: {named}")


def _compared(
    texts: Iterable[Generated], train: NDArray[Any] | None, batch_size: int
) -> Iterator[tuple[Generated, Copied | None]]:
    """Each text with what it has copied; nothing is said of that without a training text."""
    source = iter(texts)
    while batch := list(islice(source, 1 if train is None else batch_size)):
        copies = [None] if train is None else longest_copies([text.ids for text in batch], train)
        yield from zip(batch, copies, strict=True)


def _training_ids(found: FoundModel, directory: Path, screen: Terminal) -> NDArray[Any] | None:
    """The training text as the model's ids; None, with a notice, for a model without a workspace.

    Where the workspace has been rebuilt since, its training split is read anew by the model's own rules.
    """
    workspace = found.workspace
    if workspace is None or workspace.manifest("raw") is None:
        screen.notice("novelty: there is no training text beside this model; name its workspace")
        return None
    made_from = found.model.config.get("data", {}).get("vocab")
    manifest = workspace.manifest("vocab")
    if manifest is not None and manifest.identity == made_from:
        with workspace.opening("vocab") as vocab:
            return open_npy(vocab / "train.ids.npy", kinds="u", dimensions=1, remedy=workspace.rebuild("vocab"))
    screen.notice("novelty: the workspace has changed since the model was trained; compared with its text of now")
    return encode_text(split_blocks(workspace, "train"), found.model.rules, directory).ids.ids


def _copied_words(rules: TextRules, text: Generated, copied: Copied) -> str:
    if not copied.length:
        return "no token of it stands in the training text"
    return (
        f"copied from the training text, at most {copied.length} of {text.tokens} tokens: {_run(rules, text, copied)}"
    )


def _run(rules: TextRules, text: Generated, copied: Copied) -> str:
    """The words of a copied run in one line, line ends as </s>."""
    return text_of(rules, text.ids[copied.start : copied.start + copied.length]).replace("\n", " </s> ").strip()


def _record(rules: TextRules, given: GenerateSettings, text: Generated, copied: Copied | None) -> dict[str, Any]:
    """A text as JSON: log probabilities are natural ones, under the model's own distribution."""
    record: dict[str, Any] = {
        "prompt": text.prompt,
        "unknown_prompt_words": unknown_words(rules, text.prompt),
        "text": text.text,
        "tokens": text.tokens,
        "nats": text.nats,
        "log_probabilities": [dataclasses.asdict(each) for each in text.said],
    }
    if given.novelty:
        record["novelty"] = None if copied is None else {
            "longest_copied_tokens": copied.length, "copied_text": _run(rules, text, copied),
        }  # fmt: skip
    return record
