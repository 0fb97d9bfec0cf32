"""`rnnlm generate`, `chat` and `next`: texts on standard output as they are generated, a dialog, and next words."""

import dataclasses
import json
import shutil
import sys
import tempfile
from pathlib import Path

from rnnlm.app.models import open_language_model
from rnnlm.app.opening import decoding
from rnnlm.app.request import Request
from rnnlm.artifacts import write_bytes
from rnnlm.cli.terminal import terminal
from rnnlm.errors import InputError
from rnnlm.screen import Grid
from rnnlm.use.generation.chat import Session
from rnnlm.use.generation.midi import check_midi, midi_file
from rnnlm.use.generation.next import next_words
from rnnlm.use.generation.prompt import told_unknown, unknown_words
from rnnlm.use.generation.record import copied_words, record
from rnnlm.use.generation.settings import DrawSettings, GenerateSettings, NextSettings
from rnnlm.use.generation.sources import prompts, texts_of, training_ids

_ACCEPT = "type a text to see a continuation; an empty line accepts it; :help; Ctrl-D ends"


def generate(request: Request) -> None:
    """The texts, as JSON Lines or as text, with a blank line between them where one may have several lines."""
    given, screen = request.settings(GenerateSettings).settings, terminal(request)
    found, network = open_language_model(request)
    rules, alone = found.model.rules, given.n == 1 and given.prompt_file is None and given.beam is None
    streaming = alone and not given.picky and not request.run.json
    asked = [given.prompt] if given.prompt_file is None else prompts(given.prompt_file, decoding(request, screen))
    if given.prompt_file is None and (unknown := unknown_words(rules, given.prompt)):
        screen.notice(told_unknown(unknown))
    between = "" if given.last_line == 1 else "\n"
    with tempfile.TemporaryDirectory(prefix="rnnlm-") as directory:
        compared = given.novelty or given.max_copied is not None
        train = training_ids(found, Path(directory), screen.notice) if compared else None
        if train is None and given.max_copied is not None:
            raise InputError("--max-copied without the training text", "name the workspace of the model")
        if given.midi is not None:
            check_midi()
        write, melodies = _write if streaming else None, list[str]()
        texts = texts_of(network, rules, given, asked, train, emit=write, notice=screen.notice)
        for number, (text, copied) in enumerate(texts):
            melodies += [text.before + text.continued] * (given.midi is not None)
            if request.run.json:
                _write(json.dumps(record(rules, given, text, copied), ensure_ascii=False) + "\n")
                continue
            if not streaming:
                _write((between if number else "") + text.before + text.continued + "\n")
            if copied is not None and given.novelty:
                _write(f"[{copied_words(rules, text, copied)}]\n")
    if given.midi is not None:
        content, unread = midi_file(melodies)
        write_bytes(Path(given.midi), content)
        screen.notice(
            f"{given.midi}: {len(melodies):,} melodies" + (f", {unread:,} symbols left out" if unread else "")
        )


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
        typed = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
        answer = session.answer(typed)
        if isinstance(answer, str):
            screen.notice(answer)
        elif request.run.json:
            _write(json.dumps(dataclasses.asdict(answer), ensure_ascii=False) + "\n")
        else:
            if unknown := session.unknown(typed):
                screen.notice(told_unknown(unknown))
            _write(answer.shown(shutil.get_terminal_size().columns if person else None))


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
