"""Reading: a text in any format gives the same lines, and what is no text is refused by name and position."""

import gzip
import io
import json
import sys
from pathlib import Path

import pytest
from conftest import needs, zstandard_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlm.corpus import sources
from rnnlm.corpus.paths import find_corpus
from rnnlm.corpus.sources import line_blocks, read_blocks
from rnnlm.errors import InputError

TEXT = "The cat,\nthe café\n\nand Σας.\n"


def read(path: Path | str, field: str = "text") -> str:
    """All that reading gives."""
    return b"".join(read_blocks(str(path), field)).decode()


def write(path: Path, content: bytes) -> Path:
    """A file."""
    path.write_bytes(content)
    return path


FORMS = {
    "plain.txt": TEXT.encode(),
    "no-line-end.txt": TEXT.encode().rstrip(b"\n"),
    "mark.txt": b"\xef\xbb\xbf" + TEXT.encode(),
    "dos.txt": TEXT.replace("\n", "\r\n").encode(),
    "mac.txt": TEXT.replace("\n", "\r").encode(),
    "mixed.txt": "The cat,\r\nthe café\r\nand Σας.".replace("\r\nand", "\n\rand").encode(),
    "packed.txt.gz": gzip.compress(TEXT.encode()),
    "packed.txt.zst": zstandard_frame(TEXT.encode()),
    "marked.txt.gz": gzip.compress(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()),
}


@pytest.mark.parametrize(
    ("name", "block"),
    # A byte-order mark is looked for in the first block, which is never as small as one or two bytes.
    [(name, block) for name in FORMS for block in (1, 2, 3, 7, 2**22) if block > 2 or "mark" not in name],
)
def test_one_text_in_every_form(tmp_path: Path, name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith(".zst"):
        needs("zstd")
    monkeypatch.setattr(sources, "BLOCK", block)
    assert read(write(tmp_path / name, FORMS[name])) == TEXT


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    assert read("-") == TEXT


def test_json_lines_are_documents(tmp_path: Path) -> None:
    records = [{"text": "one\ntwo", "id": 1}, {"text": "thrée"}]
    lines = "\n\n".join(json.dumps(record) for record in records)
    assert read(write(tmp_path / "a.jsonl", lines.encode())) == "one\ntwo\n\nthrée\n\n"
    assert read(write(tmp_path / "a.jsonl.gz", gzip.compress(lines.encode()))) == "one\ntwo\n\nthrée\n\n"
    other = write(tmp_path / "b.ndjson", b'\xef\xbb\xbf{"body": "x\\r\\ny"}\n')
    assert read(other, "body") == "x\ny\n\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"text": "a"}\n{"body": "b"}\n', ["line 2", "'text'", "--field"]),
        (b'{"text": "a"}\nnot json\n', ["line 2"]),
        (b'["text"]\n', ["line 1"]),
        (b'{"text": 3}\n', ["line 1", "not text"]),
        (b"[" * 100_000, ["line 1"]),
        (b'{"text": "\xff"}\n', ["not UTF-8 at byte 10:"]),
        (b'{"text": "a\\u0000b"}\n', ["zero byte"]),
    ],
)
def test_json_lines_that_cannot_be_read_name_the_line(tmp_path: Path, content: bytes, words: list[str]) -> None:
    with pytest.raises(InputError) as error:
        read(write(tmp_path / "a.jsonl", content))
    for word in ["a.jsonl", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize("block", [4, 5, 2**22])
@given(
    before=st.text(st.sampled_from("aé文🚀\n"), max_size=9),
    bad=st.sampled_from([b"\xff", b"\xc3(", b"\xe2\x82", b"\xed\xa0\x80"]),
)
@settings(max_examples=40)
def test_the_first_byte_that_is_not_utf8_is_named(
    tmp_path_factory: pytest.TempPathFactory, block: int, before: str, bad: bytes
) -> None:
    path = write(tmp_path_factory.mktemp("bad") / "bad.txt", before.encode() + bad + b"\nand more\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        with pytest.raises(InputError) as error:
            read(path)
    assert f"bad.txt is not UTF-8 at byte {len(before.encode()):,}:" in str(error.value)


@pytest.mark.parametrize("block", [1, 2, 3, 2**22])
def test_a_character_cut_off_at_the_end_is_named(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", block)
    with pytest.raises(InputError, match="not UTF-8 at byte 4:"):
        read(write(tmp_path / "cut.txt", b"abc\n\xf0\x9f\x9a"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("wide.txt", "abc\n".encode("utf-16"), ["UTF-16", "iconv"]),
        ("wide.txt", b"\xfe\xff" + "abc\n".encode("utf-16-be"), ["UTF-16", "iconv"]),
        ("zero.txt", b"abc\ndef\0ghi", ["zero byte", "offset 7"]),
        ("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(range(256)), ["photo.jpg"]),
        ("latin.txt", "café au lait\n".encode("latin-1"), ["not UTF-8 at byte 3:", "iconv"]),
        ("cut.txt.gz", gzip.compress(TEXT.encode() * 100, mtime=0)[:-20], ["cut.txt.gz"]),
        ("wrong.txt.gz", TEXT.encode(), ["wrong.txt.gz"]),
        ("broken.txt.gz", gzip.compress(TEXT.encode() * 100, mtime=0)[:30] + b"\x07" * 60, ["broken.txt.gz"]),
        ("wrong.txt.zst", TEXT.encode(), ["wrong.txt.zst"]),
        ("cut.txt.zst", zstandard_frame(bytes(range(97, 120)) * 999 + TEXT.encode())[:-9], ["cut.txt.zst"]),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, content: bytes, words: list[str]) -> None:
    if name.endswith(".zst"):
        needs("zstd")
    with pytest.raises(InputError) as error:
        read(write(tmp_path / name, content))
    for word in words:
        assert word in str(error.value)


def test_a_truncated_zstandard_file_of_real_size_is_refused(tmp_path: Path) -> None:
    needs("zstd")
    content = zstandard_frame("".join(f"line {n * n} of text\n" for n in range(50_000)).encode())
    with pytest.raises(InputError, match=r"half\.txt\.zst"):
        read(write(tmp_path / "half.txt.zst", content[: len(content) // 2]))


def test_the_package_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(InputError, match=r"a\.txt\.zst.*pip install 'rnnlm\[zstd\]'"):
        read(write(tmp_path / "a.txt.zst", b"(\xb5/\xfd"))


def test_a_directory_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    for name in ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt", "README"):
        write(tmp_path / name, b"a\n")
    corpus = find_corpus([str(tmp_path)])
    assert [split for split, _ in corpus.splits] == ["train", "valid", "test"]
    assert corpus.splits[1] == ("valid", (str(tmp_path / "ptb.valid.txt"),))
    for name in ("validation", "dev", "val"):
        other = tmp_path / name
        other.mkdir()
        write(other / "train.txt", b"a\n")
        write(other / f"{name}.txt", b"a\n")
        assert [split for split, _ in find_corpus([str(other)]).splits] == ["train", "valid"]


def test_what_names_no_corpus_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"a\n")
    for paths, words in (
        ([], "no corpus"),
        ([str(tmp_path / "none.txt")], "does not exist"),
        ([str(tmp_path)], "no train file"),
        ([str(tmp_path / "a.txt"), str(tmp_path)], "directory among several"),
        (["builtin:tales"], "no built-in corpus"),
    ):
        with pytest.raises(InputError, match=words):
            find_corpus(paths)


@given(st.lists(st.text(st.sampled_from("ab é"), max_size=12), min_size=1, max_size=20), st.integers(1, 40))
@settings(max_examples=60)
def test_line_blocks_are_whole_lines_and_all_of_the_text(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], size: int
) -> None:
    text = "".join(line + "\n" for line in lines).encode()
    blocks = list(line_blocks(write(tmp_path_factory.mktemp("lines") / "a.txt", text), size))
    assert b"".join(blocks) == text
    assert all(block.endswith(b"\n") for block in blocks)
