"""Tags, classes and forecasts from the command line: trained, measured and used as a person would."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

from rnnlm.artifacts import read_manifest
from rnnlm.model.sealed import FORMAT, VERSION, seal_model

QUICK = ("--hidden", "16", "--embedding", "8", "--batch-size", "8", "--learning-rate", "0.02", "--dropout", "0")


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    """A workspace of tagged sentences, and an output-recurrent network that tags them; to be read only."""
    directory = tmp_path_factory.mktemp("tagger")
    draw = random.Random(3)
    sentences = []
    for _ in range(200):
        words = [("the", "DET"), (draw.choice(["cat", "dog", "bird"]), "NOUN"), (draw.choice(["runs", "sees"]), "VERB")]
        words += [("a", "DET"), (draw.choice(["fish", "run"]), "NOUN")] if words[-1][0] == "sees" else []
        sentences.append("".join(f"{word}\t{tag}\n" for word, tag in words))
    (directory / "tagged.txt").write_text("\n".join(sentences) + "\n")
    work = directory / "work"
    run("train", directory / "tagged.txt", "--out", work, "--task", "tag", "--fractions", "0.8,0.1,0.1",
        "--cell", "output-recurrent", "--steps", "150", *QUICK).ok()  # fmt: skip
    return work


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    """A workspace of names with a label, and an LSTM that tells them apart; to be read only."""
    directory = tmp_path_factory.mktemp("classifier")
    draw = random.Random(4)
    rows = {f"{''.join(draw.choices('abcde', k=draw.randint(2, 6)))}{end}\t{label}"
            for end, label in (("ski", "north"), ("ini", "south")) for _ in range(150)}  # fmt: skip
    (directory / "names.tsv").write_text("text\tlabel\n" + "".join(f"{row}\n" for row in sorted(rows)))
    work = directory / "work"
    run("train", directory / "names.tsv", "--out", work, "--task", "classify", "--kind", "char", "--fractions",
        "0.7,0.15,0.15", "--steps", "120", *QUICK).ok()  # fmt: skip
    return work


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory, run: Any) -> Path:
    """A workspace with a table of two noisy waves, and a GRU that continues one; to be read only."""
    needs("tables")
    directory = tmp_path_factory.mktemp("forecaster")
    random = np.random.Generator(np.random.PCG64(5))
    time = np.arange(500)
    wave = np.sin(time / 4) + 0.05 * random.standard_normal(500)
    table = "".join(f"{t},{10 + 3 * w:.4f},{np.cos(t / 4):.4f}\n" for t, w in zip(time, wave, strict=True))
    (directory / "waves.csv").write_text("t,level,other\n" + table)
    work = directory / "work"
    run("window", directory / "waves.csv", "--out", work, "--target", "level", "--steps", "12", "--horizon", "3",
        "--time", "t").ok()  # fmt: skip
    run("train", work, "--cell", "gru", "--steps", "200", *QUICK).ok()
    return work


def test_a_tagger_is_measured_fed_its_own_tags_and_the_true_ones(tagger: Path, run: Any) -> None:
    report = run("evaluate", tagger, "--json").ok().json
    assert report["task"] == "tag"
    assert report["accuracy"] > 0.9
    assert set(report["forced"]) == {"accuracy", "macro_f1", "nats_per_label"}
    assert report["forced"]["accuracy"] > 0.9
    assert [score["label"] for score in report["labels"]] == ["DET", "NOUN", "VERB"]
    assert sum(map(sum, report["matrix"])) == report["predictions"]
    words = (tagger / "raw" / "test.txt").read_text().split()
    assert report["predictions"] == len(words)
    shown = run("evaluate", tagger).ok().out
    assert "true labels fed back" in shown
    assert "NOUN" in shown


def test_tags_are_written_word_by_word(tagger: Path, run: Any) -> None:
    text = "the cat sees a run\n\nthe dog runs\n"
    rows = run("predict", tagger, "-", stdin=text.encode()).ok().out
    sentences = rows.split("\n\n")
    assert [line.split("\t")[0] for line in sentences[0].splitlines()] == ["the", "cat", "sees", "a", "run"]
    assert [line.split("\t")[1] for line in sentences[0].splitlines()] == ["DET", "NOUN", "VERB", "DET", "NOUN"]
    assert sentences[1].startswith("\nthe\tDET")  # the line without a word has left an empty one
    objects = [json.loads(line) for line in run("predict", tagger, "-", "-k", "3", "--json",
                                                stdin=text.encode()).ok().out.splitlines()]  # fmt: skip
    assert [len(each["words"]) for each in objects] == [5, 0, 3]
    for word in objects[0]["words"]:
        assert sum(label["probability"] for label in word["labels"]) == pytest.approx(1, abs=1e-6)


def test_a_labelled_file_is_measured_like_the_split_that_it_is(tagger: Path, classifier: Path, run: Any) -> None:
    words = (tagger / "raw" / "test.txt").read_text().splitlines()
    tags = (tagger / "raw" / "test.labels.txt").read_text().splitlines()
    text = "\n\n".join("\n".join(map("\t".join, zip(w.split(), t.split(), strict=True)))
                       for w, t in zip(words, tags, strict=True))  # fmt: skip
    file = tagger.parent / "again.txt"
    file.write_text(text + "\n")
    there, here = (
        run("evaluate", tagger, "--json").ok().json,
        run("evaluate", tagger, "--text", file, "--json").ok().json,
    )
    assert (there["accuracy"], there["matrix"]) == (here["accuracy"], here["matrix"])
    assert here["split"] is None
    texts = (classifier / "raw" / "test.txt").read_text().splitlines()
    labels = (classifier / "raw" / "test.labels.txt").read_text().splitlines()
    file = classifier.parent / "again.tsv"
    file.write_text("name\tfrom\n" + "".join(f"{t}\t{n}\n" for t, n in zip(texts, labels, strict=True)))
    there = run("evaluate", classifier, "--json").ok().json
    here = run("evaluate", classifier, "--text", file, "--field", "name", "--label", "from", "--json").ok().json
    assert there["matrix"] == here["matrix"]
    assert there["nats_per_label"] == pytest.approx(here["nats_per_label"], abs=1e-6)


def test_rare_labels_are_said_more_often_when_their_rarity_is_taken_out(
    classifier: Path, tmp_path: Path, run: Any
) -> None:
    """A model that is sure of nothing says the frequent label, and with --balance 1 what the text itself says."""
    counts = json.loads((classifier / "models" / "lstm" / "config.json").read_text())["label_counts"]
    labels = (classifier / "raw" / "train.labels.txt").read_text().split()
    assert sorted(counts) == sorted(labels.count(label) for label in set(labels))
    copy = shutil.copytree(classifier / "models" / "lstm", tmp_path / "copy")
    reseal(copy, lambda config: config.update(label_counts=[10**9, 1]))
    frequent = json.loads((copy / "config.json").read_text())["labels"][0]

    def labels_of(*flags: str) -> list[str]:
        return [
            row.split("\t")[0]
            for row in run("predict", copy, "-", *flags, stdin=b"abski\nabini\n").ok().out.splitlines()
        ]

    assert len(set(labels_of())) == 2
    assert frequent not in labels_of("--balance", "1")


def test_a_classifier_is_measured_beside_naive_bayes(classifier: Path, run: Any) -> None:
    report = run("evaluate", classifier, "--baseline", "--json").ok().json
    assert report["accuracy"] > 0.95
    assert report["naive_bayes"]["accuracy"] > 0.95
    assert "forced" not in report


def test_labels_are_written_in_the_order_of_the_lines(classifier: Path, run: Any) -> None:
    names = ["abcski", "eini", "", "bini", "adeski"]
    rows = run("predict", classifier, "-", stdin="\n".join(names).encode()).ok().out.splitlines()
    assert [row.split("\t")[2] for row in rows] == names
    assert [row.split("\t")[0] for row in rows if row.split("\t")[2]] == ["north", "south", "south", "north"]


def test_a_forecast_is_measured_beside_the_methods_that_need_no_network(forecaster: Path, run: Any) -> None:
    needs("plots")
    picture = forecaster.parent / "forecast.svg"
    report = run("evaluate", forecaster, "--plot", picture, "--season", "25", "--json").ok().json
    errors = {name: metrics["root_mean_square_error"][0] for name, metrics in report["errors"].items()}
    assert errors["model"] < errors["persistence"]
    assert {"seasonal_naive", "linear_autoregression", "linear_all_inputs"} <= set(errors)
    assert picture.read_text().startswith("<?xml")
    assert report["horizon"] == 3


def test_a_forecast_goes_beyond_the_table(forecaster: Path, run: Any) -> None:
    table = (forecaster.parent / "waves.csv").read_text().splitlines()[:41]
    file = forecaster.parent / "start.csv"
    file.write_text("\n".join(table) + "\n")
    rows = run("predict", forecaster, file).ok().out.splitlines()
    assert rows[0] == "row\tlevel"
    assert [row.split("\t")[0] for row in rows[1:]] == ["41", "42", "43"]
    everything = run("predict", forecaster, file, "--all", "--json").ok().out.splitlines()
    assert len(everything) == 40 - 12 + 1
    said = json.loads(everything[0])
    assert said["row"] == 15
    truth = float(table[15].split(",")[1])
    assert abs(said["forecast"]["level"] - truth) < 1.5


def test_forecasts_of_several_sequences_say_which(tmp_path: Path, run: Any) -> None:
    needs("tables")
    rows = [f"{name},{t},{t + (100 if name == 'b' else 0)}" for t in range(30) for name in "ab"]
    table = tmp_path / "two.csv"
    table.write_text("name,t,value\n" + "\n".join(rows) + "\n")
    work = tmp_path / "work"
    run("window", table, "--out", work, "--group", "name", "--steps", "5", "--target", "value", "--ignore", "t",
        "--fractions", "1,0,0").ok()  # fmt: skip
    run("train", work, "--steps", "20", *QUICK).ok()
    said = [line.split("\t") for line in run("predict", work, table).ok().out.splitlines()]
    assert [line[:2] for line in said] == [["name", "row"], ["a", "31"], ["b", "31"]]
    assert float(said[2][2]) > float(said[1][2]) + 50


def test_training_again_finds_each_model(tagger: Path, classifier: Path, forecaster: Path, run: Any) -> None:
    for work, more in ((tagger, ("--cell", "output-recurrent", "--steps", "150")), (classifier, ("--steps", "120")),
                       (forecaster, ("--cell", "gru", "--steps", "200"))):  # fmt: skip
        again = run("train", work, *more, *QUICK, "--json").ok()
        assert "up to date" in again.err
        assert again.json["parameters"] > 0


def test_a_model_copied_elsewhere_works_alone(tagger: Path, classifier: Path, forecaster: Path, tmp_path: Path,
                                              run: Any) -> None:  # fmt: skip
    for work, name, text in ((tagger, "output-recurrent", b"the cat runs\n"), (classifier, "lstm", b"abski\n")):
        copy = tmp_path / name
        (work / "models" / name).rename(copy)
        try:
            assert run("predict", copy, "-", stdin=text).ok().out
        finally:
            copy.rename(work / "models" / name)
    alone = run("evaluate", forecaster / "models" / "gru", "--text", forecaster.parent / "waves.csv").ok().out
    assert "gru" in alone


def test_what_makes_no_sense_is_refused(
    tagger: Path, classifier: Path, forecaster: Path, trained: Path, run: Any
) -> None:
    run("generate", tagger).refused(2, "no language model", "rnnlm predict")
    run("next", forecaster).refused(2, "no language model")
    run("predict", trained, "-").refused(2, "language model", "rnnlm generate")
    run("evaluate", trained, "--plot", "x.png").refused(2, "--plot")
    run("evaluate", tagger, "--context", "stream").refused(2, "--context")
    run("ladder", tagger).refused(2, "no language model")
    run("slices", forecaster).refused(2, "no language model")
    run("compare", tagger, forecaster).refused(2, "no language model")
    run("evaluate", forecaster, "--baseline").refused(2, "--baseline")
    run("evaluate", tagger / "models" / "output-recurrent").refused(2, "--text FILE")
    run("evaluate", forecaster / "models" / "gru").refused(2, "--text TABLE")
    run("train", classifier, "--cell", "output-recurrent").refused(2, "output-recurrent")
    run("train", trained, "--task", "tag").refused(2, "no label")
    run("train", forecaster, "--task", "tag").refused(2, "contains a table")
    run("train", forecaster, "--tied").refused(2, "--tied")
    run("train", tagger, "--pooling", "last").refused(2, "--pooling")
    run("neighbors", tagger, "a line", "--lines", "--map", "x.png").refused(2, "--lines with")


def test_a_line_becomes_a_vector_of_one_length_and_finds_its_like(trained: Path, tmp_path: Path, run: Any) -> None:
    lines = ["The old cat sees milk.", "", "The dogs like bread.", "The old cat sees milk.", "x " * 300]
    file = tmp_path / "lines.txt"
    file.write_text("\n".join(lines) + "\n")
    report = run("embed", trained, "--summary", "--text", file, "--json").ok().json
    vectors = np.load(report["summaries"]["path"])
    assert vectors.shape == (5, 24)
    assert np.isfinite(vectors).all()
    assert np.abs(vectors[0] - vectors[3]).max() < 1e-5
    near = run("neighbors", trained, "The old cat sees milk.", "--lines", "--text", file, "-k", "2", "--json").ok().json
    assert [row["line"] for row in near["neighbors"]["lines"]] == [1, 4]
    assert near["neighbors"]["lines"][0]["cosine"] == pytest.approx(1, abs=1e-5)
    shape = run("embed", trained, "--summary", "--json").ok().json["summaries"]["shape"]
    assert shape == [len((trained / "raw" / "test.txt").read_text().splitlines()), 24]


def test_forced_feedback_in_a_language_model_is_called_a_bigram(trained: Path, corpus: Path, tmp_path: Path,
                                                                 run: Any) -> None:  # fmt: skip
    work = tmp_path / "work"
    run("train", corpus, "--out", work, "--cell", "output-recurrent", "--steps", "30", *QUICK).ok()
    assert "the last token only" in run("evaluate", work).ok().err
    assert "the last token only" not in run("evaluate", trained).ok().err


def test_a_refused_run_leaves_no_setting_behind(classifier: Path, forecaster: Path, run: Any) -> None:
    for work, wrong in ((classifier, ("--cell", "output-recurrent")), (forecaster, ("--tied",)),
                        (forecaster, ("--pooling", "mean", "--skip-connection"))):  # fmt: skip
        before = (work / "workspace.json").read_bytes()
        assert run("train", work, *wrong).code == 2
        assert (work / "workspace.json").read_bytes() == before


def test_forms_of_one_cell_are_not_asked_of_the_next(corpus: Path, tmp_path: Path, run: Any) -> None:
    work = tmp_path / "work"
    quick = ("--steps", "3", *QUICK)
    run("train", corpus, "--out", work, "--cell", "output-recurrent", "--forcing", "free", *quick).ok()
    run("train", work, "--forcing", "teacher", *quick).ok()
    run("train", work, "--cell", "lstm-peephole", "--layers", "2", *quick).ok()
    run("train", work, "--cell", "gru", *quick).ok()
    run("train", work, "--cell", "output-recurrent", *quick).ok()
    run("train", work, "--cell", "gru", "--peepholes").refused(2, "use --cell lstm-plain")


def test_steps_of_training_are_not_those_of_windows(forecaster: Path, run: Any) -> None:
    before = (forecaster / "window" / "manifest.json").read_bytes()
    run("train", forecaster, "--name", "few", env={"RNNLM_STEPS": "3"}).ok()
    assert (forecaster / "window" / "manifest.json").read_bytes() == before


def test_a_model_goes_on_from_another_as_it_is_built(corpus: Path, tmp_path: Path, run: Any) -> None:
    work = tmp_path / "work"
    run("train", corpus, "--out", work, "--cell", "output-recurrent", "--forcing", "scheduled", "--steps", "5",
        *QUICK).ok()  # fmt: skip
    more = ("--from", "output-recurrent", "--steps", "5", "--batch-size", "8")
    run("train", work, "--name", "free", "--forcing", "free", *more).ok()
    assert not json.loads((work / "models" / "free" / "config.json").read_text())["architecture"]["forced"]
    run("train", work, "--name", "forced", "--forcing", "teacher", *more).ok()
    assert json.loads((work / "models" / "forced" / "config.json").read_text())["architecture"]["forced"]
    run("train", work, *more, "--equation", "h(t) = 1").refused(2, "--equation with --from")


def reseal(model: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write another config.json with a manifest that fits it, as a hostile hand would."""
    config = json.loads((model / "config.json").read_text())
    change(config)
    (model / "config.json").write_text(json.dumps(config))
    manifest = read_manifest(model, FORMAT, VERSION, remedy="")
    assert manifest is not None
    seal_model(model, settings=manifest.settings, inputs=manifest.inputs, report=manifest.report)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        *(("tagger", f"architecture.{key}", value) for key, value in [
            ("equations", "h(t) = foo(x(t))"), ("cell", 3), ("hidden", "16"), ("hidden", -1), ("hidden", 10**7),
            ("layers", 10**6),
            ("direct", "yes"), ("summary", "foo"), ("feedback", "foo"), ("task", "forecast"), ("labels", 2),
        ]),
        ("tagger", "labels", [1, 2, 3]),
        ("tagger", "labels", ["A", "A", "B"]),
        ("tagger", "labels", 3),
        ("tagger", "data", 3),
        ("tagger", "text", {"kind": "word"}),
        ("forecaster", "architecture.features", 5),
        ("forecaster", "architecture.labels", 2),
        ("forecaster", "series", None),
        ("forecaster", "series.steps", "12"),
        ("forecaster", "series.targets", ["level", "other"]),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_is_refused_in_one_line(
    tagger: Path, forecaster: Path, tmp_path: Path, run: Any, name: str, key: str, value: Any
) -> None:
    work = {"tagger": tagger, "forecaster": forecaster}[name]
    model = next(path for path in (work / "models").iterdir() if path.name in ("output-recurrent", "gru"))
    copy = shutil.copytree(model, tmp_path / "copy")
    *inside, last = key.split(".")

    def change(config: dict[str, Any]) -> None:
        for part in inside:
            config = config[part]
        config[last] = value

    reseal(copy, change)
    file = tmp_path / "file.csv"
    file.write_text("the cat\n" if name == "tagger" else "t,level,other\n" + "".join(f"{t},1,2\n" for t in range(40)))
    run("predict", copy, file, "--quiet").refused(4)
