"""Melodies as a MIDI file: symbols such as `F#4/8` (a note), `R/4` (a rest) and `|` (the end of a bar)."""

import io
import re
from collections.abc import Sequence

from rnnlm.errors import InputError

_NOTE = re.compile(r"(?P<letter>[A-G])(?P<sign>[#b]?)(?P<octave>-?\d)/(?P<value>\d+\.?)|R/(?P<rest>\d+\.?)", re.I)
_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_QUARTER = 480  # ticks
_TEMPO = 500_000  # microseconds of a quarter, 120 in a minute
_VELOCITY = 80
BAR = "|"

Event = tuple[int | None, int]
"""A pitch by its MIDI number, None for a rest, and its length in ticks."""


def check_midi() -> None:
    """InputError where the extra `midi` is not installed."""
    try:
        import mido  # noqa: F401, PLC0415
    except ImportError:
        raise InputError("a MIDI file needs mido", "pip install 'rnnlm[midi]'") from None


def melody_events(text: str) -> tuple[list[Event], int]:
    """The notes and rests of a text, and how many of its symbols are neither of them nor ends of bars."""
    events: list[Event] = []
    unread = 0
    for symbol in text.split():
        match = _NOTE.fullmatch(symbol)
        value = match and (match["value"] or match["rest"])
        if match is None or not value or int(value.rstrip(".")) not in (1, 2, 4, 8, 16, 32):
            unread += symbol != BAR
            continue
        ticks = 4 * _QUARTER // int(value.rstrip("."))
        ticks += ticks // 2 if value.endswith(".") else 0
        if match["rest"]:
            events.append((None, ticks))
            continue
        sign = {"": 0, "#": 1, "b": -1}[match["sign"].lower()]
        pitch = 12 * (int(match["octave"]) + 1) + _SEMITONES[match["letter"].upper()] + sign
        if 0 <= pitch <= 127:
            events.append((pitch, ticks))
        else:
            unread += 1
    return events, unread


def midi_file(texts: Sequence[str]) -> tuple[bytes, int]:
    """The melodies one after the other, a whole rest between them, as a file; and the symbols that were not read.

    InputError where no text has a note.
    """
    check_midi()
    import mido  # noqa: PLC0415

    found = [melody_events(text) for text in texts]
    if not any(pitch is not None for events, _ in found for pitch, _ in events):
        raise InputError("--midi: the texts have no notes such as C4/4", "train on builtin:melodies --prepared")
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=_TEMPO)])
    waited = 0
    for number, (events, _) in enumerate(found):
        waited += 4 * _QUARTER if number else 0
        for pitch, ticks in events:
            if pitch is None:
                waited += ticks
                continue
            track.append(mido.Message("note_on", note=pitch, velocity=_VELOCITY, time=waited))
            track.append(mido.Message("note_off", note=pitch, velocity=0, time=ticks))
            waited = 0
    track.append(mido.MetaMessage("end_of_track", time=waited))
    file, content = mido.MidiFile(type=0, ticks_per_beat=_QUARTER), io.BytesIO()
    file.tracks.append(track)
    file.save(file=content)
    return content.getvalue(), sum(unread for _, unread in found)
