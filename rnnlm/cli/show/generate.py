"""`rnnlm generate`, `chat` and `next`: texts on standard output as they are generated, a dialog, and next words."""

import dataclasses
import json
import sys
import tempfile
from pathlib import Path

from rnnlm.app.models import open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.cli.terminal import Terminal, terminal
from rnnlm.screen import Grid
from rnnlm.use.generation.chat import Session, Turn
from rnnlm.use.generation.generate import generate as generated
from rnnlm.use.generation.generate import generate_from
from rnnlm.use.generation.next import next_words
from rnnlm.use.generation.prompt import unknown_words
from rnnlm.use.generation.record import copied_words, record
from rnnlm.use.generation.settings import DrawSettings, GenerateSettings, NextSettings
from rnnlm.use.generation.sources import prompts, training_ids, with_copies

_ACCEPT = "type a text to see a continuation; an empty line accepts it; Ctrl-D ends"
_NAMED = 5  # unknown words that a notice names


def generate(request: Request) -> None:
    """The texts: as text with a blank line between them, or as JSON Lines."""
    given, screen = request.settings(GenerateSettings).settings, terminal(request)
    found, network = open_language_model(request)
    rules = found.model.rules
    streaming = given.n == 1 and given.prompt_file is None and given.beam is None and not request.run.json
    if given.prompt_file is None:
        _tell_unknown(screen, unknown_words(rules, given.prompt))
        texts = generated(network, rules, given, _write if streaming else None)
    else:
        texts = generate_from(network, rules, given, prompts(given.prompt_file, decoding(request, screen)))
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        train = training_ids(found, Path(directory), screen.notice) if given.novelty else None
        for number, (text, copied) in enumerate(with_copies(texts, train, given.batch_size)):
            if request.run.json:
                _write(json.dumps(record(rules, given, text, copied), ensure_ascii=False) + "\n")
                continue
            if not streaming:
                _write(("\n" if number else "") + text.before + text.continued + "\n")
            if copied is not None:
                _write(f"[{copied_words(rules, text, copied)}]\n")


def chat(request: Request) -> None:
    """Lines from standard input; after each the text with a continuation, and the next words, or JSON."""
    found, network = open_language_model(request)
    session, screen = Session(network, found.model.rules, request.settings(DrawSettings).settings), terminal(request)
    person = sys.stdin.isatty()
    if person:
        screen.notice(_ACCEPT)
    while True:
        if person:
            _write("> ")
        line = sys.stdin.buffer.readline()
        if not line:
            return
        turn = session.turn(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))
        shown = json.dumps(dataclasses.asdict(turn), ensure_ascii=False) + "\n" if request.run.json else _shown(turn)
        _write(shown)


def next_(request: Request) -> None:
    """The most likely next words, one per row."""
    given = request.settings(NextSettings).settings
    found, network = open_language_model(request)
    words = next_words(network, found.model.rules, given.prompt, given.k)
    view = Grid("next", "probability", named=0)
    for word in words:
        view.add_row(word.token, f"{word.probability:.4f}")
    terminal(request).result({"next": [dataclasses.asdict(word) for word in words]}, view)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _shown(turn: Turn) -> str:
    """The current line, with `|` at the end of the person's part, and the next words with their probabilities."""
    line = turn.text.rpartition("\n")[2]
    words = "  ".join(f"{each.token} {each.probability:.3f}" for each in turn.next)
    return f"{line}|{turn.continuation.removesuffix(chr(10))}\n" + (f"next: {words}\n" if words else "")


def _tell_unknown(screen: Terminal, words: list[str]) -> None:
    if words:
        named = ", ".join(dict.fromkeys(words[:_NAMED])) + (", …" if len(words) > _NAMED else "")
        screen.notice(f"not in the vocabulary, read as <unk>: {named}")
