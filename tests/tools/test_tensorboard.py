"""TensorBoard reads from a run what its `metrics.jsonl` holds."""

import json
from pathlib import Path
from typing import Any

import pytest


def test_events_are_the_lines_of_the_log(run: Any, corpus: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    work = tmp_path / "work"
    run("train", corpus, "--out", work, "--hidden", 8, "--steps", 40, "--log-to",
        "tensorboard").ok()  # fmt: skip
    events = EventAccumulator(str(work / "tensorboard" / "lstm"), size_guidance={"scalars": 0}).Reload()
    rows = [json.loads(line) for line in (work / "models" / "lstm" / "metrics.jsonl").read_text("utf-8").splitlines()]
    names = {name for row in rows for name in row if name != "step"}
    assert set(events.Tags()["scalars"]) == names
    for name in names:
        told = [(event.step, event.value) for event in events.Scalars(name)]
        own = [(row["step"], row[name]) for row in rows if name in row]
        assert [step for step, _ in told] == [step for step, _ in own]
        assert [value for _, value in told] == pytest.approx([value for _, value in own], rel=1e-6)
