"""A text of about 100 MB from the documentation of Debian packages: train, valid and test, for `rnnlm corpus`.

    python benchmarks/documentation.py TEXT [--packages a b …]

Packages are downloaded by `apt-get download` and unpacked into a temporary directory. A document is an HTML page. Its
text is that of its blocks (paragraphs, items, cells) with at least eight words, nearly all of them letters, without
programs and scripts; each block is a line. A document belongs to one split, chosen by a digest of its name: 0.4 % are
valid, 0.4 % test. A block that occurs twice, in whatever documents, is kept once, in the smaller split. The versions
of the packages and the digest of each split are printed, since both change with Debian.
"""

import argparse
import hashlib
import html
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

_PACKAGES = (
    "linux-doc-6.1", "postgresql-doc-15", "python3.11-doc", "erlang-doc", "libboost1.74-doc", "libreoffice-help-en-us",
    "rust-doc", "debian-policy", "developers-reference", "debian-reference-en", "aptitude-doc-en", "python-django-doc",
    "git-doc", "apache2-doc", "qtbase5-doc-html", "python-scipy-doc", "python-pandas-doc", "python-sklearn-doc",
    "racket-doc", "cmake-doc", "nodejs-doc", "lilypond-doc-html", "ruby3.1-doc", "swi-prolog-doc", "octave-doc",
    "fp-docs-3.2.2", "openjdk-17-doc",
)  # fmt: skip
_NO_TEXT = re.compile(r"<(script|style|pre|svg|math|nav|footer)\b.*?</\1\s*>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"</?(?:p|li|dd|dt|td|th|tr|div|h[1-6]|ul|ol|dl|table|section|article|br|blockquote|body)\b[^>]*>",
                    re.IGNORECASE)  # fmt: skip
_TAG = re.compile(r"<[^<>]*>")
_WORD = re.compile(r"[^\W\d_]{2,}")
_LEAST_WORDS, _LETTERS = 8, 0.7  # of a block, and of its characters
_HELD_OUT = 4  # documents of a thousand in valid, and as many in test


def blocks(page: str) -> Iterator[str]:
    """The lines of a page that are text."""
    prose = _NO_TEXT.sub(" ", page)
    for block in _BLOCK.sub("\n", prose.replace("\n", " ")).split("\n"):
        line = " ".join(html.unescape(_TAG.sub("", block)).split())
        words = _WORD.findall(line)
        if len(words) >= _LEAST_WORDS and sum(map(len, words)) >= _LETTERS * len(line.replace(" ", "")):
            yield line


def pages(packages: Sequence[str], folder: Path) -> Iterator[tuple[str, str]]:
    """Name and content of each HTML page of the packages, sorted within each."""
    subprocess.run(["apt-get", "download", "-qq", *packages], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    for archive in sorted(folder.glob("*.deb")):
        unpacked = folder / archive.stem
        subprocess.run(["dpkg-deb", "-x", archive, unpacked], check=True)
        for path in sorted(unpacked.rglob("*.html")):
            if path.is_file() and not path.is_symlink():
                yield (
                    f"{archive.name.partition('_')[0]}/{path.relative_to(unpacked)}",
                    path.read_text("utf-8", "replace"),
                )
        subprocess.run(["rm", "-rf", unpacked], check=True)


def split_of(name: str) -> str:
    """The split of a document."""
    number = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 1000
    return "valid" if number < _HELD_OUT else "test" if number < 2 * _HELD_OUT else "train"


def main() -> None:
    """Write TEXT/train.txt, valid.txt and test.txt, and print what they are made of."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("--packages", nargs="+", default=_PACKAGES)
    given = parser.parse_args()
    given.text.mkdir(parents=True)
    seen: set[bytes] = set()
    held_out: dict[str, list[str]] = {"valid": [], "test": []}
    train: list[tuple[bytes, str]] = []
    repeated, documents = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for name, page in pages(given.packages, Path(folder)):
            documents += 1
            split = split_of(name)
            for line in blocks(page):
                digest = hashlib.blake2b(line.encode(), digest_size=12).digest()
                if split == "train":
                    train.append((digest, line))
                elif digest in seen:
                    repeated += 1
                else:
                    seen.add(digest)
                    held_out[split].append(line)
        versions = sorted(path.stem for path in Path(folder).glob("*.deb"))
    lines = {**held_out, "train": []}
    for digest, line in train:
        if digest in seen:
            repeated += 1
        else:
            seen.add(digest)
            lines["train"].append(line)
    report = {"packages": versions, "documents": documents, "repeated_blocks": repeated}
    for split, kept in lines.items():
        content = "".join(f"{line}\n" for line in kept).encode()
        (given.text / f"{split}.txt").write_bytes(content)
        report[split] = {"megabytes": round(len(content) / 1e6, 2), "sha256": hashlib.sha256(content).hexdigest()}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
