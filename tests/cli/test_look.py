"""`rnnlm look`: what a path is, in facts, and a command that works."""

import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import needs

PROSE = "It was a day on which the rain fell without an end over\nthe town and the fields and nobody came to see\n"
CONLL_2012 = (
    "#begin document (a)\n" + "a 0 0 the DT (S* - - - - * -\na 0 1 cat NN *) - - - - * -\n" * 3 + "\n#end document"
)
CONLL_U = "# text = the cat\n1\tthe\tthe\tDET\t_\t_\t2\tdet\t_\t_\n2\tcat\tcat\tNOUN\t_\t_\t0\troot\t_\t_\n"
COMMANDS = {"table.csv": "window", "stations.csv": "window", "u1.nbest": "rescore", "kaldi.txt": "rescore",
            "dev.ac": "rescore", "lists.jsonl": "rescore", "items.tsv": "score", "items.jsonl": "score",
            "model.arpa": "ngram", "pairs.tsv": "pairs", "blimp.jsonl": "pairs"}  # fmt: skip
WANTED: dict[str, tuple[str, dict[str, Any], str]] = {
    "plain.txt": ("the cat sat. it ran.\n" * 40, {"what": "a text in UTF-8", "lines": 40, "repeated lines": 39}, ""),
    "wrapped.txt": (PROSE * 60, {"wrapped prose": True}, "--sentences"),
    "tagged.tsv": ("the\tDET\ncat\tNOUN\n\n" * 9, {"word and tag in each line": True}, "--task tag"),
    "spaced.conll": ("-DOCSTART- O\n\nthe DT B-NP O\ncat NN I-NP O\n\n" * 9, {"blank lines": 18}, "--task tag"),
    "deep.conll": (f"{CONLL_2012}\n" * 20, {"word and tag in each line": True}, "--task tag --field 4 --label 5"),
    "ud.conllu": (f"{CONLL_U}\n" * 20, {"wrapped prose": False}, "--task tag --field 2 --label 4"),
    "pairs.tsv": ("good\tbad\nthe cat runs\tthe cat run\n", {"what": "minimal pairs"}, "pairs MODEL"),
    "blimp.jsonl": ('{"sentence_good": "a", "sentence_bad": "b"}\n', {"records": 1}, "pairs MODEL"),
    "items.tsv": (
        "item\tcondition\tsentence\n1\ta\tthe cat sat\n2\tb\tthe cat ran\n",
        {"what": "sentences with other columns"},
        "--field sentence --keep item,condition",
    ),
    "items.jsonl": ('{"item": 1, "sentence": "the cat"}\n' * 3, {}, "score MODEL"),
    "reviews.csv": (
        "review,mood\na good long film,yes\na bad film indeed,no\n" * 30,
        {"what": "texts with a label each"},
        "--field review --label mood",
    ),
    "stations.csv": (
        "".join(["day,site,x\n", *(f"2020-01-{d:02},{s},{d}\n" for s in "ab" for d in range(1, 29))]),
        {"could be --group or --label": "site"},
        "--target x --time day --group site",
    ),
    "u1.nbest": ("-10.5 -3.2 2 the cat\n-11 -3.9 2 the hat\n", {"hypotheses": 2}, "rescore MODEL"),
    "kaldi.txt": ("u1-1 the cat\nu1-2 the hat\n", {"what": "n-best lists of Kaldi"}, "--format kaldi --write best"),
    "dev.ac": ("u1-1 10.5\nu1-2 11.5\n", {"hypotheses": 2}, "--costs NAME="),
    "lists.jsonl": ('{"id": "u", "text": "a", "scores": {"ac": -1.5}}\n', {}, "rescore MODEL"),
    "model.arpa": ("\\data\\\nngram 1=2\n\n\\1-grams:\n", {"what": "an n-gram model in ARPA format"}, "--from"),
    "vectors.txt": ("2 6\n" + "cat 0 1 2 3 4 5\ndog 1 2 3 4 5 6\n", {"columns": 6}, "--vectors"),
    "tagged.txt": ("the\tDET\ncat\tNOUN\n\n" * 9, {"word and tag in each line": True}, "--task tag"),
    "names.txt": ("".join(f"name{k % 26}x\n" for k in range(99)), {"lines": 99}, "--kind char"),
    "marked.txt": ("<s> a b </s>\n" * 9, {"special strings": 18}, ""),
    "curly.txt": ("“a b” – ‘c’\n" * 9, {"curly quotes and dashes": 45}, "--fold-quotes"),
    "soft.txt": ("a\u00adb c d e f g h\n" * 9, {"format characters": 9}, ""),
    "records.jsonl": ('{"id": 1, "text": "a b"}\n' * 9, {"what": "JSON Lines", "fields": "id, text"}, "--field text"),
    "table.csv": ("day;x;y\n1.2.2020;1,5;a\n2.2.2020;2,5;b\n" * 1, {"what": "a table", "rows": 2}, "--target x"),
}


@pytest.mark.parametrize("name", WANTED)
def test_a_file_is_described(run: Any, tmp_path: Path, name: str) -> None:
    needs("tables")
    content, facts, flags = WANTED[name]
    path = tmp_path / name
    path.write_text(content, "utf-8")
    before = sorted(tmp_path.iterdir())
    found = run("look", path, "--json").ok().json[str(path)]
    assert found.items() >= facts.items()
    assert flags in found["command"]
    assert sorted(tmp_path.iterdir()) == before
    assert found["command"] in " ".join(run("look", path).ok().out.split())
    program, command, *_ = shlex.split(found["command"])
    assert (program, command) == ("rnnlm", COMMANDS.get(name, "train"))


def test_folders_models_and_what_is_not_there(run: Any, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in ("train.txt", "valid.txt"):
        (folder / name).write_text("the cat sees ćats\n")
    assert "a folder of splits" in run("look", folder).ok().out
    (folder / "train.log").write_text("x\n")
    assert "train could be train.log" in " ".join(run("look", folder).ok().out.split())
    found = run("look", folder / "train.txt", "--model", trained, "--json").ok().json[str(folder / "train.txt")]
    assert found["unknown to the model"].endswith("of 5 tokens")
    assert "ć (U+0107)" in found["unseen by the model"]
    run("look", tmp_path / "none.txt").refused(3, "none.txt does not exist")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    run("look", tmp_path / "latin.txt").refused(3, "latin.txt", "not UTF-8", "iconv")
    np.save(folder / "a.npy", np.zeros((9, 3)))
    assert "a table" in run("look", folder).ok().out


def test_a_folder_is_of_splits_of_labels_or_of_files(run: Any, tmp_path: Path) -> None:
    def seen(*files: str) -> dict[str, Any]:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("the cat\nthe dog\n")
        found: dict[str, Any] = run("look", folder, "--json").ok().json[str(folder)]
        return found

    assert seen("train.txt", "test.txt")["files"] == "train (1), test (1)"
    assert seen("Czech.txt", "Dutch.txt", "Greek.txt")["labels"] == "3: Czech, Dutch, Greek"
    assert seen("pos/1.txt", "pos/2.txt", "neg/1.txt")["labels"] == "2: neg, pos"
    assert seen("train/pos/1.txt", "train/neg/1.txt", "test/pos/1.txt")["what"] == "a folder of labels"
    alone = seen("shakespeare.txt")
    assert (alone["what"], alone["lines"]) == ("a text in UTF-8", 2)
    mixed = seen("a.nbest", "b.nbest", "more/c.nbest")
    assert (mixed["what"], mixed["folders"]) == ("a folder", "more")
    assert "a.nbest (16 bytes), b.nbest" in mixed["files"]
    assert mixed["command"].startswith("rnnlm look ")
    assert seen("one/ptb.train.txt", "two/train.txt")["what"] == "a folder"


def test_workspaces_and_models_are_told_from_corpora(run: Any, trained: Path, tmp_path: Path) -> None:
    trained = shutil.copytree(trained, tmp_path / "work")
    np.save(trained / "rows.npy", np.zeros((9, 3)))  # as `pad` and `embed` write them
    assert run("look", trained, "--json").ok().json[str(trained)]["command"] == f"rnnlm status {trained}"
    sealed = next(path.parent for path in trained.glob("models/*/weights.safetensors"))
    assert run("look", sealed, "--json").ok().json[str(sealed)]["what"] == "a model"


def test_only_a_part_of_a_large_file_is_read(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_text("the cat sat on the mat\n" * 200_000)
    found = run("look", path, "--json").ok().json[str(path)]
    assert (found["read"], found["bytes"]) == ("the first 1,048,576 bytes", path.stat().st_size)
    assert found["lines"] < 50_000
