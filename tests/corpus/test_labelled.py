"""Labeled corpora: one result for every format, splits that share no text, labels that stay with their text."""

import gzip
import itertools
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus.clean import UnitRule, clean
from rnnlm.corpus.decoding import Decoding
from rnnlm.corpus.ids import open_ids
from rnnlm.corpus.labels.labelled import LabelledText, encode_labelled, encode_split, label_set, open_labelled
from rnnlm.corpus.labels.raw import labels_file, split_labelled, spool_labelled
from rnnlm.corpus.labels.sources import LabelledReading, labelled_lines
from rnnlm.corpus.normalizer import CleanRule
from rnnlm.corpus.paths import CorpusFiles, find_corpus
from rnnlm.corpus.raw import corpus_digest, join_splits
from rnnlm.corpus.settings import SPLITS, CleanSettings, Labels, RawSettings, parse_fractions
from rnnlm.corpus.sources import read_blocks
from rnnlm.corpus.text import TextRules
from rnnlm.corpus.tokenize import tokenize
from rnnlm.corpus.tokenizer import END_ID, UNKNOWN_ID, load_tokenizer, tokens_by_id
from rnnlm.corpus.vocabulary import VocabRule, vocab
from rnnlm.errors import ArtifactError, InputError, UsageError

Pairs = list[tuple[str, str]]
TOKEN, TEXT = LabelledReading("token"), LabelledReading("text")


def write(path: Path, content: str | bytes) -> Path:
    """A file."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path | str, reading: LabelledReading) -> Pairs:
    """All pairs of one source, blank texts omitted."""
    return [pair for pair in labelled_lines(str(path), reading) if pair[0]]


def make(directory: Path, name: str) -> Path:
    """A new directory."""
    (directory / name).mkdir()
    return directory / name


SENTENCES = [("the cat sat .", "DET NOUN VERB PUNCT"), ("# 1 – Σας <unk>", "SYM NUM PUNCT X X")]
ROWS = [list(zip(text.split(" "), tags.split(" "), strict=True)) for text, tags in SENTENCES]
TABBED = "\n".join("".join(f"{word}\t{tag}\n" for word, tag in row) for row in ROWS)
CONLL = "-DOCSTART- -X- O\n\n" + "\n".join("".join(f"{word} NN  I-NP {tag}\n" for word, tag in row) for row in ROWS)
CONLLU = "".join(
    "# sent_id = 1\n# text = …\n1-2\tboth" + "\t_" * 8 + "\n"
    + "".join(f"{number}\t{word}\t_\t{tag}" + "\t_" * 6 + "\n" for number, (word, tag) in enumerate(row, 1))
    + "5.1\tnot" + "\t_" * 8 + "\n\n"
    for row in ROWS
)  # fmt: skip
TAGGED = {
    "tabbed.tsv": (TABBED, TOKEN),
    "dos.txt": ("\n\n" + TABBED.replace("\n", "\r\n").rstrip(), TOKEN),
    "packed.txt.gz": (gzip.compress(TABBED.encode()), TOKEN),
    "commented.tsv": ("# a comment\n" + TABBED, TOKEN),
    "conll.txt": (CONLL, TOKEN),
    "numbered.txt": (CONLL, LabelledReading("token", "1", "4")),
    "treebank.conllu": (CONLLU, LabelledReading("token", "2", "4")),
}


@pytest.mark.parametrize("name", TAGGED)
def test_tagged_words_in_every_form(tmp_path: Path, name: str) -> None:
    content, reading = TAGGED[name]
    assert read(write(tmp_path / name, content), reading) == SENTENCES


def test_the_built_in_stories_have_tags() -> None:
    text, tags = next(labelled_lines("builtin:stories", TOKEN))
    assert len(text.split(" ")) == len(tags.split(" ")) > 20
    assert text.startswith("sam was a ")
    assert tags.startswith("NAME VERB DET ")


TEXTS = [("A fine, “quiet” film", "good"), ('two lines, one "text"', "very bad"), ("tab-less été", "good")]
RECORDS = "".join(json.dumps({"label": label, "text": text, "id": 3}) + "\n" for text, label in TEXTS)
QUOTED = (
    'label,n,text\n"good",1,"A fine, “quiet” film"\n\nvery bad ,2," two lines,\none ""text"""\ngood,3,tab-less été \n'
)
TABLES = {
    "a.tsv": ("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in TEXTS) + " \tgood\n\n", TEXT),
    "b.tsv": ("".join(f"{label}\t{text}\n" for text, label in TEXTS), LabelledReading("text", "2", "1")),
    "c.tsv.gz": (
        gzip.compress("".join(f"x\t{t}\t{y}\r\n" for t, y in TEXTS).encode()),
        LabelledReading("text", "2", "3"),
    ),
    "d.csv": (QUOTED, TEXT),
    "e.csv": (
        QUOTED.replace("text", "review", 1).replace("label", "stars"),
        LabelledReading("text", "review", "stars"),
    ),
    "f.jsonl": (RECORDS, TEXT),
    "g.ndjson": (RECORDS.replace("lines, ", "lines,\\r\\n").replace("été", "été\\n"), TEXT),
}


@pytest.mark.parametrize("name", TABLES)
def test_texts_with_labels_in_every_form(tmp_path: Path, name: str) -> None:
    content, reading = TABLES[name]
    assert read(write(tmp_path / name, content), reading) == TEXTS


def test_labels_of_json_are_text_whole_numbers_or_truths(tmp_path: Path) -> None:
    lines = "".join(json.dumps({"text": "a", "label": label}) + "\n" for label in ("x  y", 3, True, -1))
    labels = [label for _, label in read(write(tmp_path / "a.jsonl", lines), TEXT)]
    assert labels == ["x y", "3", "true", "-1"]


def test_a_directory_is_a_file_a_label_unless_it_has_a_train_file(tmp_path: Path) -> None:
    names = make(tmp_path, "names")
    write(names / "English.txt", "Abel\n\n Smith \n")
    write(names / "New Zealand.txt.gz", gzip.compress(b"Abel\n"))
    write(names / ".hidden", b"\xff")
    corpus = find_corpus([str(names)], label_files=True)
    pairs = [pair for name in corpus.stream for pair in labelled_lines(name, TEXT, labels_in="names")]
    assert pairs == [("Abel", "English"), ("", ""), ("Smith", "English"), ("Abel", "New Zealand")]
    with pytest.raises(InputError, match=r"no train file.*--task classify"):
        find_corpus([str(names)])
    write(names / "train.tsv", "text\tlabel\n")
    assert find_corpus([str(names)], label_files=True).splits == (("train", (str(names / "train.tsv"),)),)


def test_both_built_in_texts_are_read_and_named() -> None:
    lines = b"".join(read_blocks("builtin:melodies", "text")).splitlines()
    assert len(lines) == 1500
    with pytest.raises(InputError, match="builtin:stories and builtin:melodies"):
        find_corpus(["builtin:tales"])


UNREADABLE: dict[str, tuple[str, str, LabelledReading, list[str]]] = {
    "space in a tag": ("a.tsv", "a\tX Y\n", TOKEN, ["line 1", "the tag 'X Y'", "space"]),
    "no tag": ("a.tsv", "a\tX\nb\t\n", TOKEN, ["line 2", "no tag"]),
    "no word": ("a.tsv", "a\tX\n\tX\n", TOKEN, ["line 2", "no word"]),
    "one column": ("a.txt", "a X\nb\n", TOKEN, ["line 2", "1 column"]),
    "spaces among tabs": ("a.txt", "a\tX\nb Y\n", TOKEN, ["line 2", "1 column"]),
    "many columns": ("a.tsv", "a\tb\tX\n", TOKEN, ["line 1", "3 columns", "--field"]),
    "too few columns": ("a.tsv", "a\tb\tX\n", LabelledReading("token", "1", "9"), ["line 1", "no tag"]),
    "not tagged": ("a.jsonl", "{}\n", TOKEN, ["a.jsonl", "tab"]),
    "built in, untagged": ("builtin:melodies", "", TOKEN, ["builtin:melodies", "builtin:stories"]),
    "built in, unlabelled": ("builtin:stories", "", TEXT, ["builtin:stories"]),
    "other names": ("a.tsv", "stars\treview\n1\tx\n", TEXT, ["stars, review", "'text'", "--field and --label"]),
    "a name twice": ("a.csv", "text,label,label\n", TEXT, ["'label'"]),
    "no label": ("a.csv", "text,label\nx,y\nz,\n", TEXT, ["line 3", "no label"]),
    "short row": ("a.csv", 'text,label\n"a\nb",y\nz\n', TEXT, ["line 4", "1 columns instead of 2"]),
    "unquoted comma": ("a.csv", "text,label\na, b,y\n", TEXT, ["line 2", "3 columns instead of 2"]),
    "open quote": ("a.csv", 'text,label\na,b\n"c,d\ne,f\n', TEXT, ["line 3", "a.csv"]),
    "wrong quote": ("a.csv", 'text,label\n"a"b,c\n', TEXT, ["line 2"]),
    "no JSON": ("a.jsonl", '{"text": "a", "label": 1}\n\nx\n', TEXT, ["line 3", "--field and --label"]),
    "no field": ("a.jsonl", '{"text": "a"}\n', TEXT, ["line 1", "'label'"]),
    "text is none": ("a.jsonl", '{"text": 1, "label": 1}\n', TEXT, ["line 1", "'text'", "--field"]),
    "label is none": ("a.jsonl", '{"text": "a", "label": 0.5}\n', TEXT, ["line 1", "'label'", "--label"]),
    "null": ("a.jsonl", '{"text": "a", "label": null}\n', TEXT, ["line 1", "'label'"]),
    "zero byte": ("a.jsonl", '{"text": "a\\u0000b", "label": 1}\n', TEXT, ["line 1", "zero byte"]),
    "plain text": ("a.txt", "a\n", TEXT, ["a.txt", ".tsv, .csv or .jsonl"]),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_named_by_its_line(tmp_path: Path, case: str) -> None:
    name, content, reading, words = UNREADABLE[case]
    path = name if name.startswith("builtin:") else write(tmp_path / name, content)
    with pytest.raises(InputError) as error:
        read(path, reading)
    for word in words:
        assert word in str(error.value)


WILD = {
    "comments of CoNLL-2012": ("#begin document (a/b); part 000\nx 0 a X\nx 1 b Y\n\n#end document\n", "a b/X Y"),
    "comments of CoNLL-U": ("# sent_id = 1\n# text = a\tb\n#\na\tX\nb\tY\n\n# newdoc\na\tZ\n", "a b/X Y|a/Z"),
    "a number sign is a word": ("#\tSYM\n1\tNUM\n\n#tag\tX\n", "# 1/SYM NUM|#tag/X"),
    "a number sign between spaces": ("# SYM\n1 NUM\n", "# 1/SYM NUM"),
    "a comment between spaces": ("# a sentence of two\na X\nb Y\n", "a b/X Y"),
    "a comment that looks like a word": ("# id = 3\na X\n", "a/X"),
    "words with spaces": ("a\tX\nNew York\tY\n\n10\u00a0000\tZ\n", "a New_York/X Y|10_000/Z"),
}  # fmt: skip


@pytest.mark.parametrize("case", WILD)
def test_tagged_words_in_the_wild(tmp_path: Path, case: str) -> None:
    content, expected = WILD[case]
    said: list[str] = []
    fields = ("3", "4") if "2012" in case else ("text", "label")
    reading = LabelledReading("token", *fields, Decoding(notice=said.append))
    pairs = list(labelled_lines(str(write(tmp_path / "a.txt", content)), reading))
    assert "|".join(f"{words}/{tags}" for words, tags in pairs) == expected
    assert said == ([f"{tmp_path / 'a.txt'}: 2 words with a space in them are read with _ for it"] * ("with" in case))


def test_folders_are_labels(tmp_path: Path) -> None:
    for split, label, number in itertools.product(("train", "test"), ("pos", "neg"), range(2)):
        path = tmp_path / split / label / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{split} {label}\nline {number}\n")
    alone, both = (find_corpus([str(path)], label_files=True) for path in (tmp_path / "train", tmp_path))
    assert (len(alone.stream), alone.splits, alone.labels_in) == (4, (), "folders")
    assert [(split, len(names)) for split, names in both.splits] == [("train", 4), ("test", 4)]
    pairs = [pair for name in alone.stream for pair in labelled_lines(name, TEXT, labels_in="folders")]
    assert pairs[0] == ("train neg line 0", "neg")
    assert sorted({label for _, label in pairs}) == ["neg", "pos"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text;label\n"x, y; z";pos\nb c;neg\n'),
        ("a.csv", "\ufefflabel;text\npos;x, y; z\n".replace("x, y; z", '"x, y; z"') + "neg;b c\n"),
        ("a.txt", "__label__pos x, y; z\n\nb c __label__neg\n"),
    ],
)
def test_other_forms_of_labeled_texts(tmp_path: Path, name: str, content: str) -> None:
    pairs = [pair for pair in labelled_lines(str(write(tmp_path / name, content)), TEXT) if pair[0]]
    assert pairs == [("x, y; z", "pos"), ("b c", "neg")]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"field": "2"}, "two names of fields, or two numbers"),
        ({"field": "0", "label": "1"}, "count from 1"),
        ({"task": "tag", "label": "upos"}, "go by number"),
    ],
)
def test_columns_that_are_not_valid(flags: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        RawSettings(**({"task": "classify"} | flags)).check()  # type: ignore[arg-type]


@dataclass(frozen=True)
class Raw:
    """A labeled `raw` stage."""

    path: Path
    report: dict[str, object]

    def pairs(self, split: str) -> Pairs:
        """A split, line for line."""
        files = (self.path / f"{split}.txt", labels_file(self.path, split))
        texts, labels = (path.read_text("utf-8").split("\n") for path in files)
        assert texts[-1] == labels[-1] == ""
        return list(zip(texts[:-1], labels[:-1], strict=True))


def raw(directory: Path, corpus: CorpusFiles, labels: Labels, fractions: str = "0.8,0.1,0.1", seed: int = 1) -> Raw:
    """A corpus read and split into a directory that is new each time."""
    number = len(list(directory.glob("raw-*")))
    spool, target = make(directory, f"spool-{number}"), make(directory, f"raw-{number}")
    spool_labelled(corpus, LabelledReading(labels), spool, lambda count: None)
    return Raw(target, split_labelled(spool, target, labels, fractions, seed))


def split_again(directory: Path, before: Raw, labels: Labels, fractions: str, seed: int = 1) -> Raw:
    """The splits joined and split again."""
    spool, target = make(directory, f"spool-{before.path.name}"), make(directory, f"again-{before.path.name}")
    for ending in (".txt", ".labels.txt"):
        join_splits(before.path, spool, ending)
    return Raw(target, split_labelled(spool, target, labels, fractions, seed))


def table(directory: Path, pairs: Pairs, name: str = "corpus.tsv") -> CorpusFiles:
    """A corpus of labeled texts."""
    path = write(directory / name, "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in pairs))
    return CorpusFiles(stream=(str(path),))


texts_and_labels = st.lists(
    st.tuples(st.text("ab", max_size=4), st.sampled_from(["x", "y", "a b"])), min_size=1, max_size=60
)
split_fractions = st.sampled_from(["0.8,0.1,0.1", "0.5,0.5,0", "1,0,0", "0.34,0.33,0.33"])


@given(texts_and_labels, split_fractions, split_fractions, st.integers(0, 2**63 - 1))
@settings(max_examples=25)
def test_no_text_is_in_two_splits_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, pairs: Pairs, fractions: str, others: str, seed: int
) -> None:
    directory = tmp_path_factory.mktemp("splits")
    kept = {pair for pair in pairs if pair[0]}
    texts = {text for text, _ in kept}
    try:
        found = raw(directory, table(directory, pairs), "text", fractions, seed)
        fresh = raw(directory, table(directory, pairs[::-1], "reversed.tsv"), "text", others, seed)
    except InputError as error:
        assert ("empty" if not texts else "too small to split") in str(error)
        assert len(texts) < 10
        return
    splits = {split: found.pairs(split) for split in SPLITS}
    assert Counter(pair for rows in splits.values() for pair in rows) == Counter(kept)
    assert found.report["duplicates"] == sum(1 for text, _ in pairs if text) - len(kept)
    distinct = [len({text for text, _ in rows}) for rows in splits.values()]
    assert sum(distinct) == len(texts)
    ends = np.cumsum(parse_fractions(fractions)) * len(texts)
    assert np.all(np.abs(np.cumsum(distinct) - ends) <= 0.5 + 1e-9)
    # A split depends neither on the order of the corpus nor on an earlier split.
    again = split_again(directory, found, "text", others, seed)
    assert {split: again.pairs(split) for split in SPLITS} == {split: fresh.pairs(split) for split in SPLITS}


@pytest.mark.parametrize(
    ("fractions", "sizes"), [("0.5,0.5,0", [10, 10, 0]), ("0.5,0,0.5", [10, 0, 10]), ("1,0,0", [20, 0, 0])]
)
def test_a_split_has_its_fraction_of_the_texts_and_none_without_one(
    tmp_path: Path, fractions: str, sizes: list[int]
) -> None:
    found = raw(tmp_path, table(tmp_path, [(f"text {number}", "x") for number in range(20)]), "text", fractions)
    assert [len(found.pairs(split)) for split in SPLITS] == sizes


def test_blank_texts_are_counted_and_in_no_split(tmp_path: Path) -> None:
    corpus, spool = table(tmp_path, [("a", "x"), (" ", "x"), ("b", "y"), ("", "y")]), make(tmp_path, "spool")
    spooled = spool_labelled(corpus, TEXT, spool, lambda count: None)
    assert spooled.blank_texts == 2
    target = make(tmp_path, "raw")
    report = split_labelled(spool, target, "text", "1,0,0", 1, blank_texts=spooled.blank_texts)
    assert (report["blank_texts"], report["duplicates"]) == (2, 0)
    assert sorted(Raw(target, report).pairs("train")) == [("a", "x"), ("b", "y")]


# Forms of a text that cleaning makes equal: case, punctuation, spaces, and letters that NFKC or folding make alike.
_FORMS = (str.title, str.upper, lambda text: f"  {text}!! ", lambda text: text.replace(" ", ",  "),
          lambda text: text.replace("fi", "\ufb01"), lambda text: text.replace("ss", "\u00df"),
          lambda text: "".join(chr(ord(each) + 0xFEE0) if each.isalpha() else each for each in text))  # fmt: skip


def test_texts_that_cleaning_may_make_equal_are_in_one_split(tmp_path: Path) -> None:
    texts = [f"finest grass number {number}" for number in range(60)]
    pairs = [(text, "x") for text in texts]
    pairs += [(form(text), "xy"[number % 2]) for text in texts for number, form in enumerate(_FORMS)]
    found = raw(tmp_path, table(tmp_path, pairs), "text", "0.6,0.2,0.2")
    numbers = [{text.split()[-1].strip("!") for text, _ in found.pairs(split)} for split in SPLITS]
    plain = [{"".join(str(int(each)) for each in number if each.isdigit()) for number in part} for part in numbers]
    assert [len(part) for part in plain] == [36, 12, 12]
    assert not (plain[0] & plain[1] or plain[0] & plain[2] or plain[1] & plain[2])
    splits = {
        "train": [("The finest grass.", "x"), ("other", "y")], "test": [("the FINEST grass", "x"), ("new", "y")],
    }  # fmt: skip
    corpus = CorpusFiles(
        splits=tuple((name, table(tmp_path, rows, f"{name}.tsv").stream) for name, rows in splits.items())
    )
    report = raw(tmp_path, corpus, "text").report["splits"]
    assert isinstance(report, dict) and report["test"]["in_train"] == 1


def test_another_seed_splits_otherwise(tmp_path: Path) -> None:
    corpus = table(tmp_path, [(f"text {number}", "xy"[number % 2]) for number in range(100)])
    one, two = (raw(tmp_path, corpus, "text", seed=seed) for seed in (1, 2))
    assert one.pairs("test") != two.pairs("test")
    assert [len(one.pairs(split)) for split in SPLITS] == [80, 10, 10]
    # A random split, not one in the order of the corpus: the last tenth would be 90 to 99.
    assert len({text for text, _ in one.pairs("test")} & {f"text {number}" for number in range(90, 100)}) < 6


def test_split_files_are_kept_as_is_and_shared_texts_are_counted(tmp_path: Path) -> None:
    splits = {"train": [("a", "x"), ("b", "y"), ("a", "x"), ("a", "y")], "test": [("c", "x"), ("b", "x"), ("b", "y")]}
    corpus = CorpusFiles(
        splits=tuple((name, table(tmp_path, rows, f"{name}.tsv").stream) for name, rows in splits.items())
    )
    found = raw(tmp_path, corpus, "text")
    assert found.pairs("train") == [("a", "x"), ("b", "y"), ("a", "y")]
    assert found.pairs("valid") == []
    assert found.pairs("test") == splits["test"]
    assert found.report["duplicates"] == 1
    assert found.report["splits"] == {
        "train": {"bytes": 6, "lines": 3, "texts": 2},
        "valid": {"bytes": 0, "lines": 0, "texts": 0, "in_train": 0},
        "test": {"bytes": 6, "lines": 3, "texts": 2, "in_train": 1},
    }


def test_the_digest_is_of_texts_and_labels_and_not_of_their_form(tmp_path: Path) -> None:
    digests: dict[str, str] = {}
    for name, (content, reading) in TABLES.items():
        corpus, spool = CorpusFiles(stream=(str(write(tmp_path / name, content)),)), make(tmp_path, f"spool-{name}")
        digests[name] = spool_labelled(corpus, reading, spool, lambda count: None).sha256
    assert len(set(digests.values())) == 1
    changed = CorpusFiles(stream=(str(write(tmp_path / "other.jsonl", RECORDS.replace('"good"', '"fair"', 1))),))
    assert spool_labelled(changed, TEXT, make(tmp_path, "changed"), lambda count: None).sha256 not in digests.values()
    # As plain text the same file is another corpus.
    plain = corpus_digest(
        CorpusFiles(stream=(str(tmp_path / "a.tsv"),)), "text", make(tmp_path, "plain"), lambda count: None
    )
    assert plain not in digests.values()


WORDS = st.text("abé.#<", min_size=1, max_size=2) | st.sampled_from(["<s>", "<unk>", "</s>"])
TAGS = st.sampled_from(["N", "V", "</s>", "-"])
tagged = st.lists(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=5), min_size=3, max_size=25)


def tagged_file(directory: Path, sentences: list[Pairs]) -> CorpusFiles:
    """A corpus of tagged sentences."""
    lines = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    return CorpusFiles(stream=(str(write(directory / "tagged.txt", "\n".join(lines))),))


def staged(directory: Path, found: Raw, kind: str, min_count: int, **rules: object) -> tuple[Path, Path, TextRules]:
    """The `clean` and `vocab` stages after a raw one, and the rules that they apply."""
    settings_ = CleanSettings(**rules)  # type: ignore[arg-type]
    rule, units = CleanRule.of(settings_, kind, tagged=kind == "whitespace"), UnitRule.of(settings_, kind)
    cleaned, tokens, ids = (make(directory, name) for name in ("clean", "tokenize", "vocab"))
    clean(found.path, cleaned, rule, units, lambda count: None)
    tokenize(cleaned, tokens, kind=kind, rule=rule, vocab_size=0, imported=None, progress=lambda count: None)
    vocab(tokens, ids, kind=kind, rule=rule, choice=VocabRule(min_count, None), progress=lambda count: None)
    content = (ids / "tokenizer.json").read_text("utf-8")
    return cleaned, ids, TextRules(kind, rule, units, load_tokenizer(content, "tokenizer.json"))


def opened(found: Raw, cleaned: Path, ids: Path, rules: TextRules, split: str, per_token: bool) -> LabelledText:
    """A split of the stages as the trainer reads it."""
    size = rules.tokenizer.get_vocab_size()
    numbers = open_ids(ids, split, size, cleaned / f"{split}.documents.npy")
    labels = label_set(found.path, per_token=per_token)
    return open_labelled(found.path, cleaned, numbers, split, labels, per_token=per_token)


@given(tagged)
@settings(max_examples=15)
def test_every_tag_stays_at_its_word(tmp_path_factory: pytest.TempPathFactory, sentences: list[Pairs]) -> None:
    """Also at words that are unknown, or spelled as a special string, and where tags look like our own marks."""
    directory = tmp_path_factory.mktemp("tags")
    try:
        found = raw(directory, tagged_file(directory, sentences), "token", "0.6,0.2,0.2")
        label_set(found.path, per_token=True)
    except InputError as error:
        assert "too small" in str(error) or "the train split has" in str(error)
        return
    cleaned, ids, rules = staged(directory, found, "whitespace", 2, prepared=True)
    names = tokens_by_id(rules.tokenizer)
    seen: list[Pairs] = []
    train = Counter(word for text, _ in found.pairs("train") for word in text.split(" "))
    for split in SPLITS:
        data = opened(found, cleaned, ids, rules, split, True)
        assert len(data) == len(found.pairs(split))
        for row in range(len(data)):
            inputs, targets, lengths = data.batch(np.array([row]))
            assert len(inputs) == lengths[0] == data.lengths()[row]
            words, tags = (column.split(" ") for column in found.pairs(split)[row])
            seen.append(list(zip(words, tags, strict=True)))
            for word, tag, number, target in zip(words, tags, inputs[:, 0], targets[:, 0], strict=True):
                special = word in ("<s>", "</s>", "<unk>")
                assert names[number] == ("<unk>" if train[word] < 2 or special else word)
                assert target == (data.labels.index(tag) if tag in data.labels else -2)
        assert np.array_equal(data.numbers == -1, data.ids.ids == END_ID)
    assert seen == sentences


def test_a_batch_of_tagged_words(tmp_path: Path) -> None:
    sentences: list[Pairs] = [
        [("a", "X"), ("b", "Y")],
        [("b", "Y")],
        [("a", "X"), ("b", "Y"), ("c", "Z")],
        [("a", "X")],
    ]
    found = raw(tmp_path, tagged_file(tmp_path, sentences), "token", "0.4,0.4,0.2")
    assert found.pairs("valid")[0] == ("a b c", "X Y Z")
    cleaned, ids, rules = staged(tmp_path, found, "whitespace", 1, prepared=True)
    valid = opened(found, cleaned, ids, rules, "valid", True)
    assert valid.labels == ("Y", "X")
    inputs, targets, lengths = valid.batch(np.array([0]))
    assert inputs.tolist() == [[5], [4], [UNKNOWN_ID]]
    assert targets.tolist() == [[1], [0], [-2]]
    train = opened(found, cleaned, ids, rules, "train", True)
    assert train.lengths().tolist() == [2, 1]
    inputs, targets, lengths = train.batch(np.array([1, 0, 1]))
    assert inputs.tolist() == [[4, 5, 4], [0, 4, 0]]
    assert targets.tolist() == [[0, 1, 0], [-1, 0, -1]]
    assert lengths.tolist() == [1, 2, 1]
    inputs, targets, lengths = train.batch(np.empty(0, np.int64))
    assert (inputs.shape, targets.shape, lengths.shape) == ((0, 0), (0, 0), (0,))


def test_a_batch_of_labelled_texts(tmp_path: Path) -> None:
    rows = {"train": [("ab", "x"), ("b", "y"), ("b", "x")], "test": [("bba", "z"), ("a", "y")]}
    corpus = CorpusFiles(
        splits=tuple((name, table(tmp_path, pairs, f"{name}.tsv").stream) for name, pairs in rows.items())
    )
    found = raw(tmp_path, corpus, "text")
    cleaned, ids, rules = staged(tmp_path, found, "char", 1)
    test = opened(found, cleaned, ids, rules, "test", False)
    assert test.labels == ("x", "y")
    inputs, targets, lengths = test.batch(np.array([1, 0]))
    assert inputs.tolist() == [[5, 4], [END_ID, 4], [0, 5], [0, END_ID]]
    assert targets.tolist() == [1, -2]
    assert lengths.tolist() == [2, 4]
    assert test.lengths().tolist() == [4, 2]
    assert len(opened(found, cleaned, ids, rules, "valid", False)) == 0
    assert opened(found, cleaned, ids, rules, "train", False).numbers.tolist() == [0, 1, 0]


@given(st.lists(st.tuples(st.sampled_from(["a b", "…!", "C", "?", "d <s>"]), st.sampled_from("xyz")), min_size=8))
@settings(max_examples=8)
def test_labels_stay_at_their_texts_where_cleaning_empties_others(
    tmp_path_factory: pytest.TempPathFactory, pairs: Pairs
) -> None:
    directory = tmp_path_factory.mktemp("emptied")
    train = [("a b", "x"), ("C", "y")]
    corpus = CorpusFiles(
        splits=(
            ("train", table(directory, train, "train.tsv").stream),
            ("test", table(directory, [*pairs, ("a", "x")], "test.tsv").stream),
        )
    )
    found = raw(directory, corpus, "text")
    cleaned, ids, rules = staged(directory, found, "word", 1)
    data = opened(found, cleaned, ids, rules, "test", False)
    kept = [label for text, label in found.pairs("test") if text not in ("…!", "?")]
    assert [data.labels[n] if n >= 0 else "z" for n in data.numbers] == kept
    # Encoding the raw split, or a separate file, by a model's rules gives the same.
    for other in (
        encode_split(found.path, "test", rules, data.labels, per_token=False, directory=make(directory, "own")),
        encode_labelled(
            str(write(directory / "again.jsonl", "".join(
                json.dumps({"text": text, "label": label}) + "\n" for text, label in found.pairs("test")
            ))), rules, data.labels, False, make(directory, "file"),
        ),
    ):  # fmt: skip
        assert np.array_equal(other.numbers, data.numbers)
        assert np.array_equal(other.ids.ids, data.ids.ids)


def test_tagged_words_encoded_by_a_models_own_rules(tmp_path: Path) -> None:
    sentences: list[Pairs] = [[("a", "X"), ("b", "Y")], [("a", "X"), ("c", "Y")], [("a", "X"), ("b", "Y")]]
    found = raw(tmp_path, tagged_file(tmp_path, sentences), "token", "1,0,0")
    _, _, rules = staged(tmp_path, found, "whitespace", 2, prepared=True)
    text = write(tmp_path / "new.txt", "b Z\n\nq Y\na X\n")
    data = encode_labelled(str(text), rules, ("X", "Y"), True, make(tmp_path, "new"))
    inputs, targets, lengths = data.batch(np.array([0, 1]))
    assert inputs.tolist() == [[5, UNKNOWN_ID], [0, 4]]
    assert targets.tolist() == [[-2, 1], [-1, 0]]
    assert lengths.tolist() == [1, 2]


def test_rules_that_cut_words_do_not_fit_tags(tmp_path: Path) -> None:
    sentences: list[Pairs] = [[("a-b", "X"), ("b", "Y")]] * 3
    found = raw(tmp_path, tagged_file(tmp_path, sentences), "token", "1,0,0")
    _, _, rules = staged(tmp_path, found, "word", 1)
    with pytest.raises(ArtifactError, match="a label for each word"):
        encode_split(found.path, "train", rules, ("X", "Y"), per_token=True, directory=make(tmp_path, "own"))


def test_labels_that_do_not_fit_the_ids_are_refused(tmp_path: Path) -> None:
    sentences: list[Pairs] = [[("a", "X"), ("b", "Y")], [("a", "X")]]
    found = raw(tmp_path, tagged_file(tmp_path, sentences), "token", "1,0,0")
    cleaned, ids, rules = staged(tmp_path, found, "whitespace", 1, prepared=True)
    path = labels_file(found.path, "train")
    for content in ("X\nX Y\n", "X Y\n", "X Y X\nX\n", "X Y\nX\nX\n"):
        path.write_text(content)
        with pytest.raises(ArtifactError, match="does not have a label for each word"):
            opened(found, cleaned, ids, rules, "train", True)


def test_labels_are_numbered_by_falling_count_then_by_name(tmp_path: Path) -> None:
    write(tmp_path / "train.labels.txt", "b b\na\nb b\nc\nc\na\n")
    assert label_set(tmp_path, per_token=False) == ("a", "b b", "c")
    assert label_set(tmp_path, per_token=True) == ("b", "a", "c")
    write(tmp_path / "train.labels.txt", "a\na\n")
    with pytest.raises(InputError, match="but the label 'a'"):
        label_set(tmp_path, per_token=False)
