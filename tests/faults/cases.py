"""The cases that a tool in daily use meets: what is done to it, as data, and how it has to end.

Each case makes its files in a `Place` and gives a command line. One that ends with a code above 0 says so in one line,
in which its `words` stand; of one that ends well, `holds` says whether what came of it is right. What is not here:
kills and signals (`test_kills.py`, `test_signals.py`), races and replacements (`test_replacing.py`), failing disks
(`test_saves.py`), divergence, memory (`test_memory.py`), and bytes changed at random (`test_mutations.py`).
"""

import gzip
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from conftest import Finished, zstandard_frame
from places import (
    CUTTING,
    GOOD,
    PANICKING,
    SIZE,
    Place,
    bomb,
    clean,
    cleaned,
    config_with,
    endless_manifest,
    fake_model,
    fifo,
    forged,
    hard_link,
    made_anew,
    mixed,
    npy,
    only_one_line_end,
    other_tokenizer,
    out_at,
    outside_ids,
    own_settings,
    piped_manifest,
    replaced,
    report_to,
    resumed,
    resumed_damaged,
    resumed_with_other_data,
    same_as,
    tokenizer_with,
    train,
    version,
    vocab,
    writing,
)  # fmt: skip

LONG_LINE = int(os.environ.get("RNNLM_LINE_BYTES", str(5 * 10**6)))  # `make soak` asks for 100 MB
NPY_OF_2_TO_63 = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }" % 2**63
SAFETENSORS_OF_2_TO_63 = json.dumps(
    {"E": {"dtype": "F32", "shape": [2**63], "data_offsets": [0, 2**65]}}, separators=(",", ":")
).encode()


@dataclass(frozen=True)
class Case:
    """A command line, its exit code, what its one line has to say, and what must hold where it ends well."""

    command: Callable[[Place], list[Any]]
    code: int
    words: tuple[str, ...] = ()
    holds: Callable[[Place, Finished], bool] = lambda place, finished: True


def refused(command: Callable[[Place], list[Any]], code: int, *words: str) -> Case:
    """A case that ends in one line."""
    return Case(command, code, words)


def done(command: Callable[[Place], list[Any]], holds: Callable[[Place, Finished], bool]) -> Case:
    """A case that ends well."""
    return Case(command, 0, (), holds)


REPLACED = GOOD + b"caf\xe9\n\xff\xfe x\n" + "a true \ufffd\n".encode()
SURROGATES = b'{"text": "the \\ud800 cat"}\n' * 40
SPECIALS = b"<s> the <s> </s> cat <pad> sat <unk> </s>\n" * 60
NFD = GOOD.decode().replace("cat", "cafe\u0301").encode()
NFC = GOOD.decode().replace("cat", "caf\u00e9").encode()

CASES: dict[str, Case] = {
    # What is named as a text.
    "missing": refused(lambda place: ["clean", place.root / "none.txt", "--out", place.out], 3, "none.txt", "exist"),
    "empty": refused(clean("empty.txt", b""), 3, "empty.txt", "empty"),
    "blank": refused(clean("blank.txt", b" \n\t\n" * 40), 3, "nothing is left", "train"),
    "a directory": refused(lambda place: ["clean", place.root, "--out", place.out], 3, "no train file"),
    "a pipe that nobody writes into": refused(lambda place: ["clean", fifo(place), "--out", place.out], 3, "pipe.txt",
                                              "nobody writes"),
    "an empty device": refused(lambda place: ["clean", "/dev/null", "--out", place.out], 3, "/dev/null", "empty"),
    "an endless device": refused(lambda place: ["clean", "/dev/zero", "--out", place.out], 3, "/dev/zero", "zero byte"),
    "a device of noise": refused(lambda place: ["clean", "/dev/urandom", "--out", place.out], 3, "/dev/urandom"),
    "a device as a table": refused(lambda place: ["window", place.link("t.csv", Path("/dev/zero")), "--out", place.out,
                                                  "--target", "x"], 3, "t.csv", "device"),
    "a device as settings": refused(lambda place: ["clean", place.file("a.txt"), "--config", "/dev/zero"], 3,
                                    "/dev/zero"),
    "a device as a vocabulary": refused(lambda place: ["vocab", place.file("a.txt"), "--out", place.out, "--vocabulary",
                                                       "/dev/zero"], 3, "/dev/zero"),
    "a device as a tokenizer": refused(lambda place: ["vocab", place.file("a.txt"), "--out", place.out, "--tokenizer",
                                                      "/dev/zero"], 3, "/dev/zero"),
    "a text to score that is missing": refused(lambda place: ["score", place.trained, place.root / "none.txt"], 3,
                                               "none.txt"),
    "a pipe as a text to score": refused(lambda place: ["score", place.trained, fifo(place)], 3, "pipe.txt"),
    # What it holds.
    "not UTF-8": refused(clean("a.txt", b"ok\ncaf\xe9\n"), 3, "a.txt is not UTF-8 at byte 6", "--errors replace"),
    "not UTF-8, replaced": done(
        lambda place: ["clean", place.file("a.txt", REPLACED), "--out", place.out, "--errors", "replace",
                       "--fractions", "1,0,0", "--punctuation", "keep"],
        lambda place, finished: replaced(place, 3) and cleaned(place).count("\ufffd") == 4),
    "not UTF-8 in a text to score": refused(lambda place: ["score", place.trained, place.file("a.txt", REPLACED)], 3,
                                            "a.txt is not UTF-8 at byte 3,862"),
    "not UTF-8 in JSON Lines": refused(clean("a.jsonl", b'{"text": "\xff"}\n'), 3, "a.jsonl is not UTF-8 at byte 10"),
    "a lone surrogate as bytes": refused(clean("a.txt", b"ok \xed\xa0\x80\n"), 3, "a.txt is not UTF-8 at byte 3"),
    "a lone surrogate in JSON": refused(clean("a.jsonl", SURROGATES), 3, "a.jsonl, line 1", "surrogate"),
    "lone surrogates in JSON, replaced": done(
        lambda place: ["clean", place.file("a.jsonl", SURROGATES), "--out", place.out, "--errors", "replace"],
        lambda place, finished: replaced(place, 40)),
    "a lone surrogate in a prompt": refused(lambda place: ["generate", place.trained, "--prompt", "a\udcff"], 2,
                                            "not valid Unicode"),
    "UTF-16": refused(clean("a.txt", GOOD.decode().encode("utf-16")), 3, "a.txt is UTF-16", "iconv -f UTF-16"),
    "UTF-16 without a mark": refused(clean("a.txt", GOOD.decode().encode("utf-16-be")), 3, "a.txt is UTF-16BE"),
    "UTF-32": refused(clean("a.txt", GOOD.decode().encode("utf-32")), 3, "a.txt is UTF-32"),
    "a byte-order mark": done(clean("a.txt", b"\xef\xbb\xbf" + GOOD), same_as(GOOD)),
    "a zero byte": refused(clean("a.txt", b"abc\ndef\0g\n"), 3, "a.txt", "zero byte at offset 7"),
    "control characters": done(clean("a.txt", GOOD.replace(b" ", b"\x01\x1b\x7f ")), same_as(GOOD)),
    "carriage returns and line feeds": done(clean("a.txt", GOOD.replace(b"\n", b"\r\n")), same_as(GOOD)),
    "carriage returns": done(clean("a.txt", GOOD.replace(b"\n", b"\r")), same_as(GOOD)),
    "line separators, which end no line": done(
        clean("a.txt", GOOD.replace(b" ", "\u2028".encode())), same_as(GOOD)),
    "composed and decomposed letters": done(clean("a.txt", NFD), same_as(NFC)),
    "letters kept as they are": done(
        clean("a.txt", NFD, "--normalization", "none"),
        lambda place, finished: "cafe\u0301" in cleaned(place)),
    "one long line": done(
        vocab("a.txt", b"the cat sat " * (LONG_LINE // 12) + b"\n", "--fractions", "1,0,0"),
        lambda place, finished: finished.json["splits"]["train"]["tokens"] == LONG_LINE // 12 * 3 + 1),
    "special strings as words": done(vocab("a.txt", SPECIALS, "--prepared", "--fractions", "1,0,0"), only_one_line_end),
    "special strings as an error": refused(
        clean("a.txt", SPECIALS, "--prepared", "--special-in-text", "error"), 3, "line 1", "<s>"),
    # How much of it there is.
    "one line to be split": refused(clean("a.txt", b"just one line\n"), 3, "too small to split", "--fractions 1,0,0"),
    "less than a batch": refused(
        lambda place: ["train", place.file("a.txt", b"a b\na b\n"), "--out", place.out, "--fractions", "1,0,0",
                       "--batch-size", "64"], 3, "too few for 64 streams"),
    "an empty vocabulary": refused(
        lambda place: ["vocab", place.file("a.txt"), "--out", place.out, "--vocabulary", place.file("v.txt", b"\n")], 3,
        "v.txt lists no word"),
    "no word often enough": done(
        vocab("a.txt", b"a b c\nd e f\n", "--min-count", "9", "--fractions", "1,0,0"),
        lambda place, finished: (finished.json["size"], finished.json["outputs"]) == (4, 2)),
    "a vocabulary above 65,536": done(
        vocab("a.txt", b"\n".join(b"w%d" % n for n in range(66_000)), "--closed", "--fractions", "1,0,0"),
        lambda place, finished: finished.json["size"] == 66_004
        and np.load(place.out / "vocab" / "train.ids.npy").dtype == np.uint32),
    # Compressed.
    "a gzip bomb": refused(bomb("b.txt.gz", gzip.compress), 3, "b.txt.gz", "times its size", "--expansion"),
    "a zstandard bomb": refused(bomb("b.txt.zst", zstandard_frame), 3, "b.txt.zst", "times its size", "--expansion"),
    "a table whose line has no end": refused(
        lambda place: ["window", place.file("t.csv.gz", gzip.compress(b"a,b\n1," + b"1" * 30_000_000)), "--out",
                       place.out, "--target", "a"], 3, "t.csv.gz", "line"),
    "gzip cut short": refused(clean("c.txt.gz", gzip.compress(GOOD)[:-5]), 3, "c.txt.gz is cut short"),
    "zstandard cut short": refused(clean("c.txt.zst", zstandard_frame(GOOD)[:-5]), 3, "c.txt.zst is cut short"),
    "gzip with a tail": refused(clean("c.txt.gz", gzip.compress(GOOD) + b"tail"), 3, "c.txt.gz is damaged"),
    "zstandard with a tail": refused(clean("c.txt.zst", zstandard_frame(GOOD) + b"tail"), 3, "c.txt.zst is damaged"),
    "two gzip frames": done(clean("c.txt.gz", gzip.compress(GOOD) * 2), same_as(GOOD * 2)),
    "two zstandard frames": done(clean("c.txt.zst", zstandard_frame(GOOD) * 2), same_as(GOOD * 2)),
    # Where it is to go.
    "an output that is a file": refused(out_at(lambda place: place.file("x.txt")), 2, "x.txt is a file"),
    "an output with other things in it": refused(
        out_at(lambda place: place.file("full/notes.md").parent), 2, "full", "--force"),
    "an output that is the input": refused(out_at(lambda place: place.root / "corpus.txt"), 2, "corpus.txt is a file"),
    "an output that links to the input": refused(
        out_at(lambda place: place.link("link", place.root / "corpus.txt")), 2, "link is a file"),
    "an output that holds the input": refused(out_at(lambda place: place.root, "--force"), 2, "contains the corpus"),
    "an output that holds the input, through a link": refused(
        out_at(lambda place: place.link("link", place.root), "--force"), 2, "contains the corpus"),
    "an output below a file": refused(out_at(lambda place: place.file("x") / "y"), 5, "cannot write", "x/y"),
    "an output that cannot be made": refused(out_at(lambda place: Path("/proc/rnnlm")), 5, "cannot write /proc/rnnlm"),
    "a link to nowhere as output": refused(
        out_at(lambda place: place.link("link", place.root / "nowhere")), 5, "cannot write", "link"),
    "a report over the input": refused(report_to(lambda place: place.root / "corpus.txt"), 2, "corpus.txt",
                                       "what this command reads"),
    "a report over the input, through a link": refused(
        report_to(lambda place: place.link("link", place.root / "corpus.txt")), 2, "what this command reads"),
    "a report over the input, by another name": refused(report_to(hard_link), 2, "what this command reads"),
    "a report over a model's file": refused(
        report_to(lambda place: place.model / "config.json"), 2, "config.json", "part of an artifact"),
    "a report into a directory that has gone": refused(
        report_to(lambda place: place.root / "gone" / "r.json"), 5, "cannot write", "gone/r.json"),
    "a report over the settings": refused(writing("score", "--report"), 2, "s.toml", "what this command reads"),
    "an export over the settings": refused(writing("export", "--to", "word2vec", "--force", "--out"), 2, "s.toml",
                                           "what this command reads"),
    "an export over the directory of its settings": refused(
        writing("export", "--to", "int8", "--force", "--out", inside="small"), 2, "was not written by this command"),
    "a picture over a text in a directory of texts": refused(
        lambda place: ["evaluate", place.work, "--text", place.file("texts/a.svg").parent, "--plot",
                       place.root / "texts" / "a.svg"], 2, "texts/a.svg", "what this command reads"),
    "a workspace's own text as another corpus": refused(
        lambda place: ["clean", place.work / "raw" / "train.txt", "--out", place.work, "--force"], 2,
        "contains the corpus itself"),
    "a workspace's own words as a vocabulary": refused(
        lambda place: ["vocab", place.work, "--vocabulary", place.work / "vocab" / "vocabulary.tsv"], 2,
        "a file of this workspace"),
    "a workspace's own settings as settings": done(
        own_settings, lambda place, finished: (place.work / "settings.toml").read_text("utf-8").startswith("# mine")
        and "is not changed" in finished.err),
    "an export over a model's weights": refused(
        lambda place: ["export", place.work, "--to", "word2vec", "--force", "--out",
                       place.model / "weights.safetensors"], 2, "weights.safetensors", "part of an artifact"),
    "an export over the name of the latest model": refused(
        lambda place: ["export", place.work, "--to", "word2vec", "--force", "--out", place.work / "models" / "LATEST"],
        2, "LATEST", "the workspace's own"),
    "an export over another model": refused(
        lambda place: [place.run("train", place.work, *SIZE), "export", place.work, "--model", "cut", "--to", "int8",
                       "--force", "--out", place.model][1:], 2, "was not written by this command"),
    "a report over the workspace's description": refused(
        report_to(lambda place: place.work / "workspace.json"), 2, "workspace.json", "the workspace's own"),
    "a report over the workspace's settings": refused(
        report_to(lambda place: place.work / "settings.toml"), 2, "settings.toml", "the workspace's own"),
    "a report over a device": refused(report_to(lambda place: Path("/dev/null")), 5, "/dev/null", "device"),
    "a picture into a directory that has gone": refused(
        lambda place: ["cells", "lstm", "--plot", place.root / "gone" / "lstm.png"], 5, "cannot write",
        "gone/lstm.png"),
    # Artifacts that somebody has changed.
    "a workspace that is none": refused(lambda place: ["vocab", place.file("w/x").parent], 3, "no train file"),
    "a manifest that is a pipe": refused(piped_manifest, 4, "clean/manifest.json"),
    "a manifest of a terabyte": refused(endless_manifest, 4, "clean/manifest.json is damaged", "larger"),
    "ids outside the vocabulary": refused(outside_ids, 4, "train.ids.npy", "outside the vocabulary"),
    "clean of another workspace": done(mixed("clean"), made_anew),
    "tokens of another workspace": done(mixed("tokenize"), made_anew),
    "ids of another workspace": done(mixed("vocab"), made_anew),
    "the tokenizer of another model": refused(other_tokenizer, 4, "tokenizer"),
    "a stage of a version to come": refused(
        version(lambda place: place.work / "vocab" / "manifest.json", "pad"), 4, "vocab/manifest.json", "version 99",
        "rebuild"),
    "a workspace of a version to come": refused(
        version(lambda place: place.work / "workspace.json", "pad"), 4, "workspace.json", "version 99"),
    "a model of a version to come": refused(
        version(lambda place: place.model / "manifest.json", "generate"), 4, "lstm/manifest.json", "version 99"),
    "a pickle as weights": refused(fake_model("weights.safetensors", pickle.dumps({"E": [1.0]})), 4,
                                   "weights.safetensors is damaged"),
    "weights of 2⁶³ numbers": refused(
        fake_model("weights.safetensors", len(SAFETENSORS_OF_2_TO_63).to_bytes(8, "little") + SAFETENSORS_OF_2_TO_63),
        4, "weights.safetensors is damaged"),
    "weights with a header of 2⁶³ bytes": refused(
        fake_model("weights.safetensors", (2**63).to_bytes(8, "little") + b"{}"), 4, "weights.safetensors is damaged"),
    "ids of 2⁶³ numbers": refused(
        forged("vocab", "train.ids.npy", NPY_OF_2_TO_63.ljust(127) + b"\n", "pad"), 4, "train.ids.npy is damaged"),
    "a table of 2⁶³ numbers": refused(
        lambda place: ["window", place.file("x.npy", NPY_OF_2_TO_63.ljust(127) + b"\n"), "--out", place.out, "--target",
                       "0"], 3, "x.npy is damaged"),
    "a table of pickled objects": refused(
        lambda place: ["window", place.file("x.npy", npy(np.array([{}], object))), "--out", place.out, "--target", "0"],
        3, "x.npy is damaged"),
    "an archive as a table": refused(
        lambda place: ["window", place.file("x.npy", b"PK\x03\x04" + bytes(60)), "--out", place.out, "--target", "0"],
        3, "x.npy is damaged"),
    "deep JSON": refused(fake_model("config.json", b'{"a":' * 200_000), 4, "config.json is damaged"),
    "JSON with NaN": refused(fake_model("config.json", b'{"architecture": NaN}'), 4, "config.json is damaged", "NaN"),
    "JSON with a key twice": refused(fake_model("config.json", b'{"a": 1, "a": 2}'), 4, "config.json", "occurs twice"),
    "JSON with half a character": refused(fake_model("config.json", b'{"a": "\\ud800"}'), 4, "config.json is damaged"),
    "JSON that is no object": refused(fake_model("config.json", b"[]"), 4, "config.json", "not a JSON object"),
    "a huge number in JSON": refused(fake_model("config.json", b'{"a": ' + b"9" * 100_000 + b"}"), 4, "config.json"),
    "a network too large to be": refused(config_with(hidden=10**9), 4, "config.json"),
    "a network of no size": refused(config_with(layers=0), 4, "config.json"),
    "a network of another size": refused(config_with(hidden=25), 4, "weights.safetensors"),
    "a cell that is not known": refused(
        config_with(cell="transformer", equations="h(t) = attention(x(t))"), 4, "config.json"),
    "a deep tokenizer": refused(fake_model("tokenizer.json", b'{"a":' * 200_000), 4, "tokenizer.json is damaged"),
    "a tokenizer that makes its library panic": refused(
        tokenizer_with(normalizer=PANICKING), 4, "tokenizer.json is damaged"),
    "a tokenizer that cuts what it encodes": refused(tokenizer_with(truncation=CUTTING), 4, "tokenizer.json"),
    "a deep tokenizer to be taken over": refused(
        lambda place: ["vocab", place.file("a.txt"), "--out", place.out, "--tokenizer",
                       place.file("t.json", b"[" * 10**6)], 3, "t.json"),
    # Settings.
    "an unknown flag": refused(train("--hiden", "3"), 2, "--hiden", "--hidden"),
    "a flag of the wrong type": refused(train("--hidden", "many"), 2, "--hidden", "integer"),
    "a rate that is no number": refused(train("--learning-rate", "nan"), 2, "--learning-rate", "finite"),
    "an unknown setting": refused(train(toml=b"[train]\nhiden = 3\n"), 2, "settings.toml", "hiden", "did you mean"),
    "an unknown section": refused(train(toml=b"[trian]\nhidden = 3\n"), 2, "settings.toml", "trian"),
    "a setting of the wrong type": refused(train(toml=b"[train]\nhidden = [3]\n"), 2, "hidden", "whole number"),
    "a setting that is no number": refused(train(toml=b"[train]\nlearning_rate = nan\n"), 2, "learning_rate", "finite"),
    "a setting twice": refused(train(toml=b"[train]\nhidden = 3\nhidden = 4\n"), 3, "settings.toml is not a TOML file"),
    "deep settings": refused(train(toml=b"a = " + b"[" * 100_000), 3, "settings.toml is not a TOML file"),
    # Resumed training.
    "resumed with other settings": refused(resumed("--hidden", "9"), 2, "hidden 8, now 9"),
    "resumed with other data": refused(resumed_with_other_data, 2, "the data of vocab"),
    "resumed with another number of threads": done(
        resumed("--threads", "2"),
        lambda place, finished: "the bytes may differ" in finished.err),
    "resumed after the newest checkpoint was damaged": done(
        resumed_damaged(1),
        lambda place, finished: "the checkpoint before it is used" in finished.err),
    "resumed after every checkpoint was damaged": refused(resumed_damaged(9), 4, "step-", "is damaged", "--force"),
}  # fmt: skip
