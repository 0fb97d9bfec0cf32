"""Importing a tokenizer: ids moved up and otherwise the source's, no special id from text, and what is refused."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from rnnlm.corpus.foreign.idempotence import check_idempotent, settle
from rnnlm.corpus.foreign.imported import Imported, take_over
from rnnlm.corpus.normalizer import SPECIALS, CleanRule, load_normalizer, normalize, normalizer_json
from rnnlm.corpus.settings import CleanSettings
from rnnlm.errors import InputError

LINES = [
    "the cat sat on the mat",
    "a dog saw the cat",
    "it's the dog that sat",
    "der Öl-Käse, 3½ Straßen",
    "中文 the 文",
] * 4
PAD, START, END, UNKNOWN = SPECIALS


def word_level() -> Tokenizer:
    """Words between spaces; its pad and unknown word go by BERT's names."""
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.train_from_iterator(
        LINES, trainers.WordLevelTrainer(special_tokens=["[PAD]", "[UNK]"], show_progress=False)
    )
    return tokenizer


def gpt2() -> Tokenizer:
    """Byte-level BPE with one special token, at the end of the ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        LINES, trainers.BpeTrainer(vocab_size=290, initial_alphabet=alphabet, show_progress=False)
    )
    tokenizer.add_special_tokens(["<|endoftext|>"])
    return tokenizer


def llama() -> Tokenizer:
    """BPE with bytes for unknown characters and `▁` for spaces, special tokens first, one added word."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Metaspace()
    learner.train_from_iterator(LINES, trainers.BpeTrainer(vocab_size=80, show_progress=False))
    model = json.loads(learner.to_str())["model"]
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *model["vocab"]]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", 1)])
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.add_tokens(["<|tab|>"])
    return tokenizer


def bert() -> Tokenizer:
    """WordPiece with BERT's normalizer and the five special tokens."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(
        LINES, trainers.WordPieceTrainer(vocab_size=90, special_tokens=names, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
    return tokenizer


def t5() -> Tokenizer:
    """Unigram with special tokens of the best score there is, and a sentinel."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁the", -2.5), ("cat", -4.0), ("▁s", -4.5)]
    pieces += [(character, -5.0 - number / 8) for number, character in enumerate("abcdehiost<>/pdunk中")]
    tokenizer = Tokenizer(models.Unigram([*pieces, ("<extra_id_0>", 0.0)], 2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", "<extra_id_0>"])
    return tokenizer


SOURCES: dict[str, tuple[Callable[[], Tokenizer], dict[str, str]]] = {
    "WordLevel": (word_level, {"[PAD]": PAD, "[UNK]": UNKNOWN}),
    "GPT-2": (gpt2, {"<|endoftext|>": END}),
    "Llama": (llama, {"<unk>": UNKNOWN, "<s>": START, "</s>": END}),
    "BERT": (bert, {"[PAD]": PAD, "[UNK]": UNKNOWN, "[CLS]": START, "[SEP]": END}),
    "T5": (t5, {"<pad>": PAD, "</s>": END, "<unk>": UNKNOWN}),
}


def taken(content: Mapping[str, Any] | Tokenizer) -> Imported:
    """`take_over` of a tokenizer or of the JSON of one."""
    text = content.to_str() if isinstance(content, Tokenizer) else json.dumps(content)
    return take_over(text.encode(), "t.json")


def loaded(imported: Imported) -> Tokenizer:
    """The tokenizer with the source's normalizer, as used where no rule of ours runs first."""
    tokenizer = Tokenizer.from_str(imported.tokenizer_json)
    if imported.normalizer:
        tokenizer.normalizer = load_normalizer(imported.normalizer)
    return tokenizer


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a text, no tokens put around it."""
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


BUILT = {name: build() for name, (build, _) in SOURCES.items()}
PAIRS = {name: (source, loaded(taken(source))) for name, source in BUILT.items()}
NAMES = sorted(
    {*SPECIALS, *(name for _, roles in SOURCES.values() for name in roles), "[MASK]", "<|tab|>", "<extra_id_0>"}
)
WORDS = sorted({word for line in LINES for word in line.split()})
texts = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from([*WORDS, "sos", "Ä", "…", "<", "s>", "  "]), max_size=8).map(" ".join),
).filter(lambda text: not any(name in text for name in NAMES))
spelled = st.lists(st.sampled_from([*NAMES, " ", "<", ">", "/", "the", "a", "x", "▁"]), max_size=8).map("".join)


@pytest.mark.parametrize("name", SOURCES)
def test_ids_are_ours_and_then_the_sources_in_their_order(name: str) -> None:
    """The specials are 0 to 3, mapped tokens are gone, all others follow in the order of their ids."""
    source, ours = PAIRS[name]
    vocabulary = source.get_vocab(with_added_tokens=True)
    kept = [token for token in sorted(vocabulary, key=vocabulary.__getitem__) if token not in SOURCES[name][1]]
    assert [ours.id_to_token(number) for number in range(ours.get_vocab_size())] == [*SPECIALS, *kept]


@pytest.mark.parametrize("prepend", [True, False])
def test_spaces_that_a_normalizer_marks_are_marked_by_a_pre_tokenizer(prepend: bool) -> None:
    """The form in which Llama and Gemma are published: the same ids for cleaned text."""
    source = llama()
    parts = [{"type": "Prepend", "prepend": "▁"}] * prepend
    parts.append({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
    content = json.loads(source.to_str()) | {"pre_tokenizer": None}
    content["normalizer"] = {"type": "Sequence", "normalizers": parts}
    theirs = Tokenizer.from_str(json.dumps(content))
    imported = take_over(json.dumps(content).encode(), "t.json")
    assert imported.normalizer == ""
    ours = Tokenizer.from_str(imported.tokenizer_json)
    for text in ("the cat sees", "x é 🚀", "a"):
        assert ours.encode(text).tokens == theirs.encode(text, add_special_tokens=False).tokens


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_acts_on_text_unseen(name: str) -> None:
    """No added tokens, truncation, padding, post-processor or normalizer stay; the digest is the source's."""
    source, _ = PAIRS[name]
    imported = taken(source)
    content = json.loads(imported.tokenizer_json)
    sections = ("truncation", "padding", "normalizer", "post_processor")
    assert content["added_tokens"] == [] and [content[section] for section in sections] == [None] * 4
    assert content["decoder"] == json.loads(source.to_str())["decoder"]
    assert imported.source_sha256 == hashlib.sha256(source.to_str().encode()).hexdigest()
    assert imported.normalizer == "" or name == "BERT"
    assert taken(source) == imported


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=60, deadline=None)
@given(text=texts)
def test_text_gives_the_sources_ids_moved_up(name: str, text: str) -> None:
    """Any text without special strings is cut where the source cuts it, and unknown pieces are <unk>."""
    source, ours = PAIRS[name]
    roles = SOURCES[name][1]
    pieces = [source.id_to_token(number) for number in ids(source, text)]
    assert ids(ours, text) == [ours.token_to_id(roles.get(piece, piece)) for piece in pieces]


@pytest.mark.parametrize("name", SOURCES)
@settings(max_examples=60, deadline=None)
@given(text=spelled)
def test_special_strings_in_text_give_no_special_id(name: str, text: str) -> None:
    """Neither our special strings nor the source's, alone, joined or inside words, give ids 0 to 2."""
    assert min(ids(PAIRS[name][1], text), default=3) >= 3


@pytest.mark.parametrize("name", ["GPT-2", "Llama"])
@settings(max_examples=60, deadline=None)
@given(text=st.one_of(texts, spelled))
def test_decoding_restores_text(name: str, text: str) -> None:
    """Whatever byte-level BPE encodes, it decodes to the same text; so does BPE with bytes for unknown characters."""
    ours = PAIRS[name][1]
    restored = ours.decode(ids(ours, text), skip_special_tokens=False)
    assert restored == (text if name == "GPT-2" else text.replace("▁", " ").removeprefix(" "))


def test_known_ids() -> None:
    """Ids worked out by hand."""
    ours = PAIRS["T5"][1]
    # pieces 3 ▁, 4 ▁the, 5 cat become 4, 5, 6, since <pad>, </s> and <unk> before them are gone and four came
    assert ids(ours, "the cat") == [5, 4, 6]
    assert ids(ours, "the ж") == [5, 4, 3]
    assert ids(PAIRS["WordLevel"][1], "the zebra [UNK] <unk>") == [4, 3, 3, 3]
    # imported, the added word is an entry that no text forms: the file's last id, moved up by one
    assert PAIRS["Llama"][1].token_to_id("<|tab|>") == PAIRS["Llama"][0].token_to_id("<|tab|>") + 1


def test_unigram_scores_of_specials_change_no_segmentation() -> None:
    """The score of unknown pieces depends on the lowest score in the file; the specials get exactly that."""
    model = json.loads(taken(t5()).tokenizer_json)["model"]
    least = min(score for _, score in json.loads(t5().to_str())["model"]["vocab"])
    assert model["vocab"][:4] == [[special, least] for special in SPECIALS] and model["unk_id"] == 3


def bpe(tokens: list[str], merges: list[tuple[str, str]], **options: Any) -> dict[str, Any]:
    """A BPE tokenizer without pre-tokenizer, as JSON."""
    vocabulary = {token: number for number, token in enumerate(tokens)}
    content: dict[str, Any] = json.loads(Tokenizer(models.BPE(vocabulary, merges, **options)).to_str())
    return content


MERGED = bpe(["<", "s", ">", "a", "<s", "<s>"], [("<", "s"), ("<s", ">")])
IGNORED = bpe(["<", "/", "s", ">", "a", "</s>"], [], ignore_merges=True)


@pytest.mark.parametrize("content", [MERGED, IGNORED], ids=["merges", "ignore_merges"])
@given(data=st.data())
def test_entries_of_text_that_are_spelled_like_specials(content: dict[str, Any], data: st.DataObject) -> None:
    """Where merges or whole words form '<s>' or '</s>', text is cut inside them; else it is cut as by the source."""
    source, ours = Tokenizer.from_str(json.dumps(content)), loaded(taken(content))
    text = data.draw(st.text([token for token in source.get_vocab() if len(token) == 1], max_size=12))
    found = ours.encode(text).tokens
    assert not set(found).intersection(SPECIALS)
    if not any(special in text for special in SPECIALS):
        assert found == source.encode(text).tokens


def test_roles_are_told_by_the_models_unknown_token_the_padding_and_the_post_processor() -> None:
    """Names that nobody knows get their role from the sections that use them; RoBERTa's form as well."""
    names = ["~pad", "~bos", "~eos", "~unk", "word"]
    tokenizer = Tokenizer(models.WordLevel({name: 10 * number for number, name in enumerate(names)}, unk_token="~unk"))
    tokenizer.add_special_tokens(["~pad"])
    content = json.loads(tokenizer.to_str()) | {"padding": {"pad_token": "~pad"}}
    roberta = {"type": "RobertaProcessing", "sep": ["~eos", 20], "cls": ["~bos", 10], "trim_offsets": True}
    template = json.loads(
        processors.TemplateProcessing("~bos $A ~eos", None, [("~bos", 10), ("~eos", 20)]).__getstate__()
    )
    for processor in (roberta, template, {"type": "Sequence", "processors": [template]}):
        ours = loaded(taken(content | {"post_processor": processor}))
        assert ours.get_vocab() == {PAD: 0, START: 1, END: 2, UNKNOWN: 3, "word": 4}


def test_other_forms_of_a_normalizer_that_the_library_reads() -> None:
    """A part without its type is understood, and written out in full."""
    assert (
        taken(changed(gpt2, normalizer=["NFC"])).normalizer
        == taken(changed(gpt2, normalizer={"type": "NFC"})).normalizer
    )


def test_an_ordinary_word_that_pads_stays_a_word() -> None:
    """'!' pads in some models; it is not taken from the text."""
    content = json.loads(word_level().to_str()) | {"padding": {"pad_token": "the"}}
    assert ids(loaded(taken(content)), "the") == [4]


def test_gaps_between_ids_are_closed() -> None:
    """Ids with holes keep their order, an added token's own id included."""
    tokenizer = Tokenizer(models.WordLevel({"b": 9, "a": 2, "[UNK]": 5}, unk_token="[UNK]"))
    tokenizer.add_tokens(["z"])
    content = json.loads(tokenizer.to_str())
    content["added_tokens"][0]["id"] = 7
    assert loaded(taken(content)).get_vocab() == {PAD: 0, START: 1, END: 2, UNKNOWN: 3, "a": 4, "z": 5, "b": 6}


def test_characters_that_a_bpe_model_lacks_become_unknown_and_dropout_goes() -> None:
    """The source would drop such characters silently, and split at random."""
    content = bpe(["a", "b", "ab"], [("a", "b")], dropout=0.9)
    assert {tuple(ids(loaded(taken(content)), "abxb")) for _ in range(20)} == {(6, 3, 5)}


def test_old_files_without_a_model_type_and_with_merges_as_text() -> None:
    """The library still reads them, so they are imported."""
    content = bpe(["a", "b", "ab"], [])
    content["model"] = {"vocab": content["model"]["vocab"], "merges": ["a b"]}
    assert ids(loaded(taken(content)), "ab") == [6]


STRIP_ACCENTS = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents()])
COMBINED = [
    (CleanSettings(), normalizers.BertNormalizer(lowercase=False)),
    (CleanSettings(case="keep", punctuation="keep"), STRIP_ACCENTS),
    (CleanSettings(prepared=True), normalizers.NFC()),
]


@pytest.mark.parametrize(("given_settings", "theirs"), COMBINED, ids=["default", "kept", "prepared"])
def test_settled_rules_clean_once_and_for_all(given_settings: CleanSettings, theirs: normalizers.Normalizer) -> None:
    """After ours, theirs runs; again where needed, as with a soft hyphen that keeps a letter from its accent."""
    content = json.loads(word_level().to_str()) | {"normalizer": json.loads(normalizer_json(theirs))}
    rule = settle(CleanRule.of(given_settings, "imported"), taken(content).normalizer, "t.json")
    check_idempotent(rule.normalizer(), "t.json")
    for text in ["a\u00ad\u0301 ÀB", "中文 a中b", "¼ ŉ ὦ", " a  b ", "", "각 각"]:
        once = normalize(rule.normalizer(), text)
        assert normalize(rule.normalizer(), once) == once
    if rule.case == "lower":
        assert normalize(rule.normalizer(), "The CAT, sat") == "the cat sat"


def test_a_rule_without_their_normalizer_is_kept_as_is() -> None:
    """No normalizer in the source: nothing to settle."""
    rule = CleanRule.of(CleanSettings(), "imported")
    assert settle(rule, "", "t.json") == rule
    check_idempotent(None, "t.json")


def test_spaces_that_berts_normalizer_adds_are_folded() -> None:
    """It adds spaces around each Chinese character every time it runs."""
    ours = PAIRS["BERT"][1]
    assert normalize(ours.normalizer, " 中文a ") == "中 文 a"


def test_a_normalizer_that_brings_characters_together_runs_twice() -> None:
    """CLIP's composes before it lowers case: 'J' and its caron become one character the second time only."""
    clip = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    imported = taken(changed(gpt2, normalizer=json.loads(normalizer_json(clip))))
    assert normalize(clip, "J\u030c") == "j\u030c" != normalize(loaded(imported).normalizer, "J\u030c") == "ǰ"
    check_idempotent(loaded(imported).normalizer, "t.json")


def test_cleaned_text_keeps_spaces_where_metaspace_marks_them() -> None:
    """T5's normalizer writes runs of spaces as `▁`; left to the pre-tokenizer, the ids are the same."""
    theirs = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(" {2,}"), "▁")])
    source = changed(t5, normalizer=json.loads(normalizer_json(theirs)))
    ours = loaded(taken(source))
    assert normalize(ours.normalizer, "the   cat") == "the cat"
    assert ours.encode("the   cat").tokens == ids_as_tokens(source, "the   cat") == ["▁the", "▁", "cat"]


def ids_as_tokens(source: dict[str, Any], text: str) -> list[str]:
    """What the source makes of a text."""
    return list(Tokenizer.from_str(json.dumps(source)).encode(text, add_special_tokens=False).tokens)


PREPEND = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
NOT_IDEMPOTENT = [
    (PREPEND, "Prepend"),
    (normalizers.Sequence([normalizers.NFC(), normalizers.Replace("x", "xx")]), "Replace"),
    (normalizers.Replace("ab", "b"), "Replace"),
    (normalizers.Sequence([normalizers.Lowercase(), normalizers.NFKC()]), "NFKC"),
    (normalizers.Sequence([normalizers.Strip(), normalizers.ByteLevel()]), "ByteLevel"),
    (normalizers.Replace(Regex("[\U0001f600]"), "\U0001f600!"), "Replace"),
]


@pytest.mark.parametrize(("normalizer", "part"), NOT_IDEMPOTENT)
def test_a_normalizer_that_is_not_idempotent_is_refused_by_the_name_of_its_part(
    normalizer: normalizers.Normalizer, part: str
) -> None:
    """Normalizing twice would change cleaned text."""
    content = json.loads(word_level().to_str()) | {"normalizer": json.loads(normalizer_json(normalizer))}
    for refused in (lambda: taken(content), lambda: check_idempotent(normalizer, "t.json")):
        with pytest.raises(InputError, match=rf"^t\.json .* part {part} changes text") as caught:
            refused()
        assert caught.value.hint and caught.value.exit_code == 3


def changed(build: Callable[[], Tokenizer], **parts: Any) -> dict[str, Any]:
    """A source with some sections replaced; a dictionary for `model` changes just the keys it names."""
    content: dict[str, Any] = json.loads(build().to_str())
    model = content["model"] | parts.pop("model", {})
    return content | parts | {"model": model}


def added(content: str, **flags: Any) -> list[dict[str, Any]]:
    """A list of one added token."""
    rules = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return [{"id": 900, "content": content, **rules, **flags}]


BROKEN_REGEX = {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}
FIXED_LENGTH_0 = {"type": "FixedLength", "length": 0}
REFUSED: dict[str, tuple[Any, str]] = {
    "list": ([], "not a tokenizer"),
    "no model": ({"version": "1.0"}, "not a tokenizer"),
    "unknown model": (changed(t5, model={"type": "Neural"}), "'Neural'"),
    "no vocabulary": (changed(gpt2, model={"vocab": 5}), "model.vocab"),
    "vocabulary of no tokens": (changed(t5, model={"vocab": [1, 2]}), "model"),
    "unk_id outside": (changed(t5, model={"unk_id": 99}), "model"),
    "merge of nothing": (changed(gpt2, model={"merges": [["q", "zzz"]]}), "model"),
    "panicking merge": (changed(gpt2, model={"vocab": {"a": 0, "b": 1}, "merges": ["a b"]}), "model"),
    "one id twice": (changed(word_level, model={"vocab": {"a": 0, "b": 0}}), "model.vocab"),
    "negative id": (changed(word_level, model={"vocab": {"a": -1}}), "model"),
    "specials alone": (changed(word_level, model={"vocab": {"[UNK]": 0, "[PAD]": 1}}), "model.vocab"),
    "normalizer": (changed(gpt2, normalizer={"type": "Shout"}), "normalizer"),
    "pre_tokenizer": (changed(gpt2, pre_tokenizer=[]), "pre_tokenizer"),
    "decoder": (changed(gpt2, decoder={"type": "Replace"}), "decoder"),
    "panicking pre_tokenizer": (changed(gpt2, pre_tokenizer=FIXED_LENGTH_0), "pre_tokenizer"),
    "broken regex": (changed(gpt2, normalizer=BROKEN_REGEX), "normalizer"),
    "added token without flags": (changed(gpt2, added_tokens=[{"id": 1, "content": "q"}]), "added_tokens"),
    "single_word": (changed(gpt2, added_tokens=added("cat", single_word=True)), "added_tokens.*'cat'.*single_word"),
    "lstrip": (changed(gpt2, added_tokens=added("cat", lstrip=True)), "added_tokens.*'cat'.*lstrip"),
    "post_processor": (changed(gpt2, post_processor={"type": "BertProcessing"}), "post_processor"),
    "padding": (changed(gpt2, padding=[1]), "padding"),
    "affix": (changed(bert, model={"continuing_subword_prefix": "<"}), "model.continuing_subword_prefix"),
    "unknown token of text": (
        changed(lambda: Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])), model={"unk_token": "ab"}),
        "model.merges.*'ab'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_imported_is_an_input_error_naming_the_part(case: str) -> None:
    """Whatever is wrong with a file, the message names the file and the part, and the hint what to do."""
    content, part = REFUSED[case]
    with pytest.raises(InputError, match=rf"^t\.json .*{part}") as caught:
        taken(content)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\x00", b"\x00\x01 a sentencepiece model", b"[" * 200_000, b'{"model":' * 5_000]
)
def test_what_is_not_json_is_an_input_error(content: bytes) -> None:
    """Broken, binary or bottomless."""
    with pytest.raises(InputError, match=r"^t\.json is not JSON"):
        take_over(content, "t.json")


@pytest.mark.parametrize("cut", range(0, 2000, 97))
def test_a_file_cut_short_is_an_input_error(cut: int) -> None:
    """Wherever it ends."""
    with pytest.raises(InputError):
        take_over(gpt2_text()[:cut], "t.json")


def test_a_vocabulary_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of any size can be made; the bound is met before the library sees the tokens."""
    monkeypatch.setattr("rnnlm.corpus.foreign.imported.MAX_IDS", 50)
    with pytest.raises(InputError, match=r"model\.vocab has 290 tokens, more than 50"):
        taken(PAIRS["GPT-2"][0])


def gpt2_text() -> bytes:
    """The bytes of a source."""
    return str(PAIRS["GPT-2"][0].to_str()).encode()


@pytest.mark.parametrize("deep", [100, 500, 5_000])
def test_parts_nested_too_deep_are_an_input_error(deep: int) -> None:
    """The library gives up at 128 levels, Python later."""
    nested = '{"type":"Sequence","normalizers":[' * deep + '{"type":"NFC"}' + "]}" * deep
    content = json.dumps(changed(gpt2, normalizer="HERE")).replace('"HERE"', nested)
    with pytest.raises(InputError, match=r"normalizer|JSON"):
        take_over(content.encode(), "t.json")


@pytest.mark.parametrize(
    "parts",
    [
        {"padding": {"strategy": {"Fixed": 0}, "direction": "Left", "pad_to_multiple_of": 0, "pad_token": "q"}},
        {"truncation": {"max_length": 2, "stride": 9, "strategy": "LongestFirst", "direction": "Right"}},
        {"post_processor": {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}},
        {
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "[GONE]", "type_id": 0}}],
                "pair": [],
                "special_tokens": {},
            }
        },
    ],
)
def test_sections_that_make_the_library_panic_are_left_behind(parts: dict[str, Any]) -> None:
    """Padding to a multiple of 0, a stride over the maximum, a template token that is missing: none of it is loaded."""
    assert taken(changed(gpt2, **parts)).tokenizer_json == taken(gpt2()).tokenizer_json
