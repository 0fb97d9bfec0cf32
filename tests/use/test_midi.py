"""Melodies as MIDI: what the file plays, read back by another library's reader; what has no notes."""

from pathlib import Path
from typing import Any

import pytest
from conftest import needs

from rnnlm.builtin.melodies import melody_lines
from rnnlm.errors import InputError
from rnnlm.use.generation.midi import melody_events, midi_file


def test_symbols_are_pitches_and_lengths() -> None:
    assert melody_events("C4/4 F#4/8 R/8 | Bb3/4. a4/2") == (
        [(60, 480), (66, 240), (None, 240), (58, 720), (69, 960)], 0
    )  # fmt: skip
    assert melody_events("the C4/4 C4/3 H4/4 C10/4 C4") == ([(60, 480)], 5)
    assert melody_events("B9/4") == ([], 1)
    assert melody_events("c-1/4 G9/4") == ([(0, 480), (127, 480)], 0)
    for line in list(melody_lines())[:50]:
        events, unread = melody_events(line)
        assert unread == 0
        assert len(events) + line.split().count("|") == len(line.split())


def test_the_file_plays_the_notes_at_their_times(tmp_path: Path) -> None:
    needs("midi")
    import mido

    content, unread = midi_file(["C4/4 R/8 D4/8 |", "the E4/2"])
    (tmp_path / "a.mid").write_bytes(content)
    assert content == midi_file(["C4/4 R/8 D4/8 |", "the E4/2"])[0]
    assert unread == 1
    now, played = 0, []
    for message in mido.MidiFile(tmp_path / "a.mid").tracks[0]:
        now += message.time
        if message.type in ("note_on", "note_off"):
            played.append((now, message.type == "note_on", message.note))
    assert played == [
        (0, True, 60), (480, False, 60), (720, True, 62), (960, False, 62), (960 + 1920, True, 64), (3840, False, 64)
    ]  # fmt: skip
    with pytest.raises(InputError, match="no notes such as C4/4"):
        midi_file(["the cat", "| R/4"])


def test_generate_writes_what_it_shows(run: Any, tmp_path: Path) -> None:
    needs("midi")
    work = tmp_path / "work"
    run("train", "builtin:melodies", "--prepared", "--out", work, "--hidden", "16", "--steps", "30").ok()
    done = run("generate", work, "-n", "3", "--midi", tmp_path / "tunes.mid").ok()
    assert (tmp_path / "tunes.mid").read_bytes() == midi_file(done.out.splitlines())[0]
    assert "tunes.mid: 3 melodies" in done.err
    (tmp_path / "a.txt").write_text("the dog ran\n" * 30)
    run("train", tmp_path / "a.txt", "--out", tmp_path / "words", "--hidden", "8", "--steps", "5").ok()
    assert run("generate", tmp_path / "words", "--midi", tmp_path / "no.mid").code == 3
    assert not (tmp_path / "no.mid").exists()
