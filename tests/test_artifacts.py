"""Bytes on disk: whole or not at all, checked before they are used, and never pickled."""

import hashlib
import io
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rnnlm.arrays import npy_writer, open_npy, read_tensors, write_npy, write_tensors
from rnnlm.artifacts import changed_outputs, durable, read_json, read_manifest, seal, write_bytes, write_json
from rnnlm.directories import rebuilt, recover
from rnnlm.errors import ArtifactError, StorageError
from rnnlm.locks import tidy


def test_a_write_that_fails_leaves_the_old_file_and_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(RuntimeError), durable(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_a_storage_error_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(StorageError, match="cannot write"):
            write_bytes(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_write_leaves_no_descriptor_open(tmp_path: Path) -> None:
    def lowest_free() -> int:
        descriptor = os.open(tmp_path, os.O_RDONLY)
        os.close(descriptor)
        return descriptor

    free = lowest_free()
    for _ in range(3):
        write_bytes(tmp_path / "file", b"x")
    assert lowest_free() == free


def test_a_missing_directory_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_bytes(tmp_path / "none" / "file", b"x")


def test_a_directory_is_swapped_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "stage"
    with rebuilt(target) as fresh:
        (fresh / "a").write_text("1")
    with pytest.raises(RuntimeError), rebuilt(target) as fresh:
        (fresh / "b").write_text("2")
        raise RuntimeError
    assert [entry.name for entry in target.iterdir()] == ["a"]
    with rebuilt(target) as fresh:
        (fresh / "b").write_text("2")
    assert [entry.name for entry in target.iterdir()] == ["b"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["stage"]


def test_a_run_that_died_between_the_renames_is_put_back(tmp_path: Path) -> None:
    (tmp_path / ".stage.old").mkdir()
    (tmp_path / ".stage.old" / "a").write_text("1")
    recover(tmp_path / "stage")
    assert (tmp_path / "stage" / "a").read_text() == "1"


def sealed(directory: Path) -> Path:
    """An artifact of two files and its manifest."""
    directory.mkdir(exist_ok=True)
    (directory / "a.txt").write_bytes(b"some text\n")
    write_npy(directory / "b.npy", np.arange(7, dtype=np.uint16))
    seal(directory, "sample", 3, settings={"x": 1}, inputs={"y": "z"}, report={"n": 0.5}, names=["a.txt", "b.npy"])
    return directory


def test_every_flipped_byte_is_seen(tmp_path: Path) -> None:
    directory = sealed(tmp_path / "artifact")
    manifest = read_manifest(directory, "sample", 3, remedy="")
    assert manifest is not None
    assert changed_outputs(directory, manifest) == []
    for name in ("a.txt", "b.npy"):
        content = (directory / name).read_bytes()
        for offset in range(len(content)):
            (directory / name).write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
            assert changed_outputs(directory, manifest) == [name]
        (directory / name).write_bytes(content)
    path = directory / "manifest.json"
    content = path.read_bytes()
    for offset in range(len(content)):
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :])
        with pytest.raises(ArtifactError, match=r"manifest\.json"):
            read_manifest(directory, "sample", 3, remedy="")
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError, match=r"manifest\.json"):
            read_manifest(directory, "sample", 3, remedy="")


def test_a_manifest_of_another_kind_or_version_says_so(tmp_path: Path) -> None:
    directory = sealed(tmp_path / "artifact")
    with pytest.raises(ArtifactError, match="'sample', not 'other'"):
        read_manifest(directory, "other", 3, remedy="")
    with pytest.raises(ArtifactError, match=r"version 3, this program reads 4.*rebuild it"):
        read_manifest(directory, "sample", 4, remedy="rebuild it")
    assert read_manifest(tmp_path, "sample", 3, remedy="") is None


def test_equal_content_has_equal_bytes_and_identity(tmp_path: Path) -> None:
    one, two = sealed(tmp_path / "one"), sealed(tmp_path / "two")
    assert (one / "manifest.json").read_bytes() == (two / "manifest.json").read_bytes()
    identities = {read_manifest(each, "sample", 3, remedy="").identity for each in (one, two)}  # type: ignore[union-attr]
    assert len(identities) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": Infinity}', b"\xff", b'{"a": 1} x',
     b"[" * 100_000],
)  # fmt: skip
def test_damaged_json_is_named_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"file\.json.*do this"):
        read_json(path, remedy="do this")


def test_json_is_written_in_a_fixed_form_and_never_with_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": "é", "a": [1, None]})
    assert (tmp_path / "a.json").read_text("utf-8") == json.dumps({"b": "é", "a": [1, None]}, indent=2,
                                                                  ensure_ascii=False) + "\n"  # fmt: skip
    with pytest.raises(ValueError, match="Out of range"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert read_json(tmp_path / "a.json", remedy="") == {"b": "é", "a": [1, None]}


@given(arrays.arrays(st.sampled_from([np.uint16, np.uint32, np.int64, np.float32]), st.tuples(
    st.integers(0, 9), st.integers(0, 4)), elements=st.integers(0, 99)))  # fmt: skip
@settings(max_examples=40)
def test_arrays_written_in_pieces_are_read_back_by_us_and_by_numpy(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray[Any, Any]
) -> None:
    path = tmp_path_factory.mktemp("arrays") / "x.npy"
    with npy_writer(path, array.dtype, array.shape[1:]) as writer:
        for row in array:
            writer.append(row[None])
    ours = open_npy(path, kinds="uif", dimensions=2, remedy="")
    theirs = np.load(path)
    assert ours.shape == theirs.shape == array.shape
    assert ours.dtype == array.dtype
    assert np.array_equal(ours, array)
    assert np.array_equal(theirs, array)


def npy_bytes(header: bytes, body: bytes = b"\0" * 16) -> bytes:
    """A `.npy` file with any header."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + body


LIES = {
    "more rows than bytes": b"{'descr': '<u2', 'fortran_order': False, 'shape': (9,), }",
    "fewer rows than bytes": b"{'descr': '<u2', 'fortran_order': False, 'shape': (7,), }",
    "a petabyte": b"{'descr': '<u2', 'fortran_order': False, 'shape': (1000000000000000,), }",
    "more than 64 bits": b"{'descr': '<u2', 'fortran_order': False, 'shape': (9223372036854775808, 2), }",
    "negative": b"{'descr': '<u2', 'fortran_order': False, 'shape': (-8,), }",
    "two negatives": b"{'descr': '<u2', 'fortran_order': False, 'shape': (-2, -4), }",
    "objects": b"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
    "structures": b"{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (8,), }",
    "floats": b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
    "text": b"{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }",
    "column order": b"{'descr': '<u2', 'fortran_order': True, 'shape': (8,), }",
    "two dimensions": b"{'descr': '<u2', 'fortran_order': False, 'shape': (4, 2), }",
    "a boolean size": b"{'descr': '<u2', 'fortran_order': False, 'shape': (True,), }",
    "no dictionary": b"[1, 2]",
    "a call": b"{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (8,), }",
    "a missing key": b"{'descr': '<u2', 'shape': (8,), }",
    "an unknown type": b"{'descr': '<q9', 'fortran_order': False, 'shape': (8,), }",
    "an open bracket": b"{'descr': '<u2', 'fortran_order': False, 'shape': (8,",
    "an open quote": b"{'descr': '<u2",
    "a deep one": b"(" * 300,
    "nothing": b"",
    "not text": b"\xff\xfe\x00",
    "a null byte": b"{'descr': '<u2', \0 'fortran_order': False, 'shape': (8,), }",
    "an indent": b"  {\n    'descr'\n  : \n",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused(tmp_path: Path, lie: str) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(npy_bytes(LIES[lie]))
    with pytest.raises(ArtifactError, match=r"x\.npy.*rebuild it"):
        open_npy(path, kinds="u", dimensions=1, remedy="rebuild it")


def test_every_shortened_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    write_npy(path, np.arange(5, dtype=np.uint16))
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError):
            open_npy(path, kinds="u", dimensions=1, remedy="")
    path.write_bytes(content + b"\0\0")
    with pytest.raises(ArtifactError):
        open_npy(path, kinds="u", dimensions=1, remedy="")


def test_a_pickled_array_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{}, 1], dtype=object))
    (tmp_path / "x.npy").write_bytes(buffer.getvalue())
    with pytest.raises(ArtifactError):
        open_npy(tmp_path / "x.npy", kinds="u", dimensions=1, remedy="")


DTYPES = ("u8", "i8", "f8", "f4", "u4", "i4", "f2", "u2", "i2", "i1", "u1", "?")
SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
TENSORS = st.dictionaries(
    st.text(max_size=4).filter(lambda name: name != "__metadata__"),
    st.sampled_from(DTYPES).flatmap(lambda dtype: arrays.arrays(dtype, SHAPES)),
    max_size=5,
)


@given(TENSORS, st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=1))
def test_tensors_have_the_bytes_of_the_formats_own_writer(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, Any], metadata: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("tensors") / "x.safetensors"
    digest = write_tensors(path, tensors, metadata or None)
    copies = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    assert path.read_bytes() == safetensors.numpy.save(copies, metadata=metadata or None)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    turned = {name: array.T for name, array in tensors.items()}
    write_tensors(path, turned)
    read = read_tensors(path, remedy="")
    assert all(np.array_equal(read[name], array, equal_nan=array.dtype.kind == "f") for name, array in turned.items())


def test_tensors_are_read_back_and_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.float32([1.5])}
    write_tensors(path, tensors)
    read = read_tensors(path, remedy="")
    assert all(np.array_equal(read[name], tensors[name]) for name in ("a", "b"))
    content = path.read_bytes()
    write_tensors(path, dict(reversed(tensors.items())))
    assert path.read_bytes() == content
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(ArtifactError, match=r"x\.safetensors"):
            read_tensors(path, remedy="")
    with pytest.raises(ArtifactError, match="cannot read"):
        read_tensors(tmp_path / "none.safetensors", remedy="")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    kept = [f".a.toml.{os.getpid()}.partial", ".corpus.partial", "a.1.partial", ".a.toml"]
    for name in [f".a.toml.{gone.pid}.partial", f".b.{10**30}.partial", *kept]:
        (tmp_path / name).touch()
    tidy(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
