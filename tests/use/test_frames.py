"""Labels of real-valued sequences: windows, training, predictions; spoken digits and their best possible accuracy."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import needs

import rnnlm
from rnnlm.builtin import digits
from rnnlm.builtin.digits import DIGITS, NAMES, TEMPLATES, best_accuracy, digit_lines, log_likelihoods, utterance
from rnnlm.errors import ArtifactError, InputError
from rnnlm.model.likelihood import log_probabilities
from rnnlm.tables.rules import SeriesRules
from rnnlm.tables.series import open_series
from rnnlm.use.labels.frames import LinearLabels


def draws(seed: int) -> np.random.Generator:
    """A generator of 64 bits."""
    return np.random.Generator(np.random.PCG64(seed))


def test_the_likelihood_of_a_digit_is_the_sum_over_all_its_lengths() -> None:
    for seed in range(8):
        _, _, frames = utterance(draws(seed))
        slow = []
        for phones in DIGITS:
            total = 0.0
            for lengths in product(range(2, 7), repeat=3):
                if sum(lengths) == len(frames):
                    means = TEMPLATES[np.repeat(phones, lengths)]
                    total += math.exp(-((frames - means) ** 2).sum() / (2 * digits.NOISE**2))
            slow.append(math.log(total))
        found = log_likelihoods(frames)
        assert found == pytest.approx(slow, abs=1e-8)


def test_the_best_accuracy_is_what_the_catalogue_says_and_the_mean_frame_says_little() -> None:
    best = best_accuracy(6000, draws(3))
    assert best == pytest.approx(0.963, abs=0.006)
    for phones in DIGITS[::2]:
        forward, back = (TEMPLATES[list(each)].mean(0) for each in (phones, phones[::-1]))
        assert forward == pytest.approx(back)
        assert phones[::-1] in DIGITS


def test_lines_are_the_draws_and_the_same_everywhere() -> None:
    header, *rows = digit_lines(3, draws(1))
    assert header == "utterance,digit,phone," + ",".join(f"band{n}" for n in range(1, 9))
    random = draws(1)
    place = 0
    for number in range(3):
        digit, phones, frames = utterance(random)
        for phone, frame in zip(phones, frames, strict=True):
            cells = rows[place].split(",")
            assert cells[:3] == [str(number), NAMES[digit], f"p{phone}"]
            assert [float(cell) for cell in cells[3:]] == pytest.approx(frame.tolist(), abs=5.1e-4)
            place += 1
    assert place == len(rows)
    assert rows[0].startswith("0,seven,p7,2.528,2.424,1.341,0.679")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 digits as a table."""
    path = tmp_path_factory.mktemp("frames") / "digits.csv"
    path.write_text("".join(f"{line}\n" for line in digit_lines(400, draws(5))))
    return path


def test_a_sequence_is_classified(table: Path, run: Any, tmp_path: Path) -> None:
    needs("tables")
    work = tmp_path / "work"
    done = run("window", table, "--out", work, "--group", "utterance", "--label", "digit", "--ignore", "phone").ok()
    assert "label: digit, one of " in done.out
    run("train", work, "--hidden", "24", "--steps", "250", "--batch-size", "16").ok()
    told = run("evaluate", work, "--baseline", "--json").ok().json
    assert told["accuracy"] > 0.6 > 0.45 > told["linear"]["accuracy"]
    assert told["predictions"] == 80
    made = run("predict", work, table, "-k", "2").ok().out.splitlines()
    assert len(made) == 400
    model: Any = rnnlm.load(work)
    found = model.predict(table)
    assert [row.split("\t")[:2] for row in made] == [[each.group, each.choices[0].label] for each in found]
    truth = dict(line.split(",")[:2] for line in table.read_text().splitlines()[1:])
    right = sum(each.choices[0].label == truth[each.group] for each in found) / 400
    assert right == pytest.approx(run("evaluate", work, "--text", table, "--json").ok().json["accuracy"])
    record = json.loads(run("predict", work, table, "--json").ok().out.splitlines()[0])
    assert set(record) == {"group", "labels"}
    nats, network = 0.0, model.network.double().use_engine("readable")
    series = open_series(work / "window", "test")
    for window in range(len(series)):
        inputs, targets, lengths = series.batch(np.array([window]))
        with torch.inference_mode():
            segment = network.read(torch.from_numpy(inputs).double(), network.initial_state(1))
            log_p = log_probabilities(network, segment.output[lengths[0] - 1])
        nats -= float(log_p[0, targets[0]])
    assert told["nats_per_label"] == pytest.approx(nats / len(series), abs=1e-5)
    page = run("report", work, "--out", tmp_path / "page.html")
    needs("plots")
    page.ok()
    content = (tmp_path / "page.html").read_text("utf-8")
    assert "rnnlm window TABLE" in content
    assert f"{told['linear']['accuracy']:.2%}" in content


def test_each_row_is_tagged(table: Path, run: Any, tmp_path: Path) -> None:
    needs("tables")
    work = tmp_path / "work"
    flags = ("--group", "utterance", "--label", "phone", "--label-each", "--ignore", "digit")
    run("window", table, "--out", work, *flags).ok()
    run("train", work, "--hidden", "24", "--steps", "200", "--batch-size", "16").ok()
    told = run("evaluate", work, "--baseline", "--json").ok().json
    assert told["accuracy"] > told["linear"]["accuracy"] > 0.4
    rows = [row.split("\t") for row in run("predict", work, table).ok().out.splitlines()]
    lines = table.read_text().splitlines()[1:]
    assert [row[0] for row in rows] == [line.split(",")[0] for line in lines]
    assert [row[1] for row in rows[:3]] == ["1", "2", "3"]
    right = sum(row[2] == line.split(",")[2] for row, line in zip(rows, lines, strict=True)) / len(lines)
    assert right == pytest.approx(run("evaluate", work, "--text", table, "--json").ok().json["accuracy"], abs=0.02)
    steps = tmp_path / "steps"
    run("window", table, "--out", steps, *flags, "--steps", "4").ok()
    run("train", steps, "--hidden", "8", "--steps", "20").ok()
    some = run("predict", steps, table).ok().out.splitlines()
    assert [row.split("\t")[:2] for row in some] == [row[:2] for row in rows]
    told = run("evaluate", steps, "--text", table, "--json").ok().json
    assert told["predictions"] == len(lines)
    right = sum(row.split("\t")[2] == line.split(",")[2] for row, line in zip(some, lines, strict=True)) / len(lines)
    assert told["accuracy"] == pytest.approx(right, abs=0.02)  # --balance


def test_linear_labels_are_those_of_least_squares(table: Path, run: Any, tmp_path: Path) -> None:
    needs("tables")
    run("window", table, "--out", tmp_path / "w", "--group", "utterance", "--label", "digit", "--ignore", "phone").ok()
    train, test = (open_series(tmp_path / "w" / "window", split) for split in ("train", "test"))
    found = LinearLabels.fit(train)
    x, y = [], []
    for window in range(len(train)):
        inputs, targets, lengths = train.batch(np.array([window]))
        x.append([*inputs[: lengths[0], 0].astype(float).mean(0), 1.0])
        y.append(np.eye(10)[targets[0]])
    x, y = np.array(x), np.array(y)
    penalty = np.diag([*[1e-3 * len(x)] * 8, 0.0])
    slow = np.linalg.solve(x.T @ x + penalty, x.T @ y)
    assert found.weights == pytest.approx(slow[:-1], abs=1e-6)
    assert found.bias == pytest.approx(slow[-1], abs=1e-6)
    assert found.confusion(test).predictions == len(test)


@pytest.mark.parametrize(
    ("text", "flags", "says"),
    [
        (
            "g,x,y\n" + "".join(f"{n},1,u\n{n},2,v\n" for n in range(20)),
            ("--group", "g", "--label", "y"),
            "labels u and v",
        ),
        (
            "g,x,y\n" + "a,1,u\nb,2,v\n" * 9,
            ("--group", "g", "--label", "y"),
            "cut in time, each of them would be in every split",
        ),
        ("g,x,y\n" + "a,1,u\nb,2,u\nc,1,u\nd,1,u\n" * 9, ("--label", "y", "--label-each"), "has 1 labels"),
        ("g,x,y\n" + "a,1,u\nb,2,v\n" * 9, ("--label", "nothing"), "nothing"),
    ],
)
def test_labels_that_cannot_be_are_exit_3(
    text: str, flags: tuple[str, ...], says: str, run: Any, tmp_path: Path
) -> None:
    needs("tables")
    (tmp_path / "t.csv").write_text(text)
    ended = run("window", tmp_path / "t.csv", "--out", tmp_path / "w", *flags)
    assert (ended.code, says in ended.err) == (3, True), ended.err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--label-each", "--target", "x"), "--label-each without --label"),
        (("--label", "y", "--target", "x"), "--label with --target"),
        (("--label", "y", "--horizon", "1-4"), "--label with --target, --horizon"),
        (("--label", "y", "--group", "y"), "has another role too"),
    ],
)
def test_settings_that_clash_are_exit_2(flags: tuple[str, ...], says: str, run: Any, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("g,x,y\n" + "a,1,u\nb,2,v\n" * 9)
    ended = run("window", tmp_path / "t.csv", "--out", tmp_path / "w", *flags)
    assert (ended.code, says in ended.err) == (2, True), ended.err


def test_a_label_may_stand_in_one_row_and_unseen_ones_are_wrong(run: Any, tmp_path: Path) -> None:
    needs("tables")
    rows = []
    for n in range(60):
        label = "new" if n > 55 else "up" if n % 2 else "down"
        rows += [f"{n},{step * (1 if n % 2 else -1)},{label if step == 2 else ''}" for step in range(4)]
    (tmp_path / "t.csv").write_text("g,x,y\n" + "".join(f"{row}\n" for row in rows))
    cut = run("window", tmp_path / "t.csv", "--out", tmp_path / "w", "--group", "g", "--label", "y").ok()
    assert "y: 16 rows of test have labels that train has not" in cut.err
    test = open_series(tmp_path / "w" / "window", "test")
    assert test.labels == ("down", "up")
    assert test.batch(np.arange(len(test)))[1].tolist() == [0, 1] * 4 + [-2] * 4
    run("train", tmp_path / "w", "--hidden", "8", "--steps", "60").ok()
    told = run("evaluate", tmp_path / "w", "--json").ok().json
    assert (told["unseen"], told["accuracy"]) == (4, 8 / 12)
    again = run("evaluate", tmp_path / "w", "--text", tmp_path / "t.csv", "--json").ok()
    assert "16 rows of" in again.err and "labels that train has not" in again.err
    rows[0] = "0,0,up"  # which predict does not read
    (tmp_path / "torn.csv").write_text("g,x,y\n" + "".join(f"{row}\n" for row in rows))
    assert run("evaluate", tmp_path / "w", "--text", tmp_path / "torn.csv").code == 3
    assert len(run("predict", tmp_path / "w", tmp_path / "torn.csv").ok().out.splitlines()) == 60
    unlabelled = tmp_path / "u.csv"
    unlabelled.write_text("g,x\n" + "".join(f"a,{step}\n" for step in range(4)))
    assert run("predict", tmp_path / "w", unlabelled).ok().out.startswith("a\tup\t")
    assert run("predict", tmp_path / "w", unlabelled, "--future").code == 2


def test_written_windows_have_their_labels(table: Path, run: Any, tmp_path: Path) -> None:
    needs("tables")
    for name, flags in (("digit", ("--ignore", "phone")), ("phone", ("--label-each", "--ignore", "digit"))):
        work = tmp_path / name
        run("window", table, "--out", work, "--group", "utterance", "--label", name, "--write", *flags).ok()
        train = open_series(work / "window", "train")
        windows, labels = (np.load(work / f"windows-train{part}.npy") for part in ("", ".labels"))
        assert labels.shape == (len(train),) if name == "digit" else windows.shape[:2]
        assert labels.dtype == np.int32
        _, targets, _ = train.batch(np.arange(3))
        assert (labels[:3] == targets).all() if name == "digit" else (labels[:3, : len(targets)] == targets.T).all()


def test_rows_without_a_label_and_other_roles(run: Any, tmp_path: Path) -> None:
    needs("tables")
    rows = [f"{n},{step},{'' if step == 3 else 'uv'[step % 2]},{step}" for n in range(20) for step in range(4)]
    (tmp_path / "t.csv").write_text("g,x,y,z\n" + "".join(f"{row}\n" for row in rows))
    work, flags = tmp_path / "w", ("--group", "g")
    run("window", tmp_path / "t.csv", "--out", work, *flags, "--label", "y", "--label-each", "--ignore", "z").ok()
    assert len(open_series(work / "window", "train")) == 14  # only the last rows have no label
    run("train", work, "--hidden", "4", "--steps", "5", "--name", "old").ok()
    run("window", work, "--target", "z", "--horizon", "1").ok()  # in place of the label
    assert open_series(work / "window", "train").rules.task == "forecast"
    run("window", work, "--label", "y", "--label-each", "--inputs", "z").ok()
    ended = run("evaluate", work, "--model", "old", "--text", tmp_path / "t.csv", "--baseline")
    assert (ended.code, "--baseline without the windows of training" in ended.err) == (2, True)


def test_damaged_labels_are_found(run: Any, tmp_path: Path, table: Path) -> None:
    needs("tables")
    run("window", table, "--out", tmp_path / "w", "--group", "utterance", "--label", "digit", "--ignore", "phone").ok()
    place = tmp_path / "w" / "window"
    rules = json.loads((place / "series.json").read_text())
    for change in ({"labels": ["a", "a"]}, {"labels": []}, {"label": 3}, {"targets": ["x"]}, {"label_each": 1}):
        with pytest.raises(ArtifactError):
            SeriesRules.from_json({**rules, **change})
    numbers = np.load(place / "train.labels.npy")
    for bad in (numbers[:-1], numbers + 10, numbers.astype(np.int64)):
        np.save(place / "train.labels.npy", bad)
        with pytest.raises(ArtifactError):
            open_series(place, "train")


def test_a_missing_table_is_an_error_in_python(table: Path, run: Any, tmp_path: Path) -> None:
    needs("tables")
    run("window", table, "--out", tmp_path / "w", "--group", "utterance", "--label", "digit", "--ignore", "phone").ok()
    run("train", tmp_path / "w", "--hidden", "4", "--steps", "2").ok()
    model: Any = rnnlm.load(tmp_path / "w")
    with pytest.raises(InputError, match="does not exist"):
        model.predict(tmp_path / "no.csv")
    assert "labels each sequence of a table" in repr(model)
