"""The artifact store: nothing half-written, nothing damaged, is ever taken for a result."""

import os
import random
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data import codec, verified
from tasks.data import store as store_of
from tasks.data.panel import Panel
from tasks.data.store import Artifact, CorruptArtifactError, Store
from tasks.errors import EnvironmentFaultError

KEY = "ab" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "home"))


def put(store: Store, content: bytes = b"night", key: str = KEY) -> Artifact:
    return store.put("text", key, {"a.bin": content, "b.bin": b"2"}, rows=3, inputs=("x",))


def test_what_is_put_is_found_again_as_the_same_json_value(store: Store) -> None:
    artifact = put(store)
    assert store.find(KEY) == artifact == Artifact.from_json(artifact.to_json())
    assert store.read_bytes(artifact, "a.bin") == b"night"
    assert artifact.bytes == 6


def test_an_unknown_key_is_not_found(store: Store) -> None:
    assert store.find("0" * 64) is None


def test_content_hash_depends_on_content_alone(store: Store) -> None:
    one, two = put(store), put(store, key="cd" * 32)
    assert one.sha256 == two.sha256
    assert put(store, b"other", key="ef" * 32).sha256 != one.sha256


def test_every_flipped_bit_is_noticed_and_the_key_is_built_again(store: Store) -> None:
    frame = pd.DataFrame({"x": np.arange(500.0)})
    artifact = store.put("frame", KEY, {"x.parquet": codec.frame_bytes(frame)})
    path = Path(store.path(artifact.uri)) / "x.parquet"
    good = path.read_bytes()
    chance = random.Random(3)
    for _ in range(200):
        position, bit = chance.randrange(len(good)), chance.randrange(8)
        damaged = bytearray(good)
        damaged[position] ^= 1 << bit
        path.write_bytes(bytes(damaged))
        assert store.find(KEY) is None
        with pytest.raises(CorruptArtifactError, match="damaged in x"):
            store.read_frame(artifact, "x.parquet")
    assert store.put("frame", KEY, {"x.parquet": codec.frame_bytes(frame)}) == artifact
    assert store.find(KEY) == artifact


def test_a_missing_file_counts_as_not_there(store: Store) -> None:
    artifact = put(store)
    (Path(store.path(artifact.uri)) / "b.bin").unlink()
    assert store.find(KEY) is None


def test_a_writer_that_dies_leaves_nothing_under_the_key(store: Store) -> None:
    def dies(path: str) -> None:
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put("text", KEY, {"a.bin": dies})
    assert store.find(KEY) is None
    assert not list(Path(store.root).glob("tmp/*"))


def test_the_second_of_two_writers_keeps_the_first_ones_result(store: Store) -> None:
    first = put(store)
    inode = os.stat(store.path(first.uri)).st_ino
    assert put(store, b"another night") == first
    assert os.stat(store.path(first.uri)).st_ino == inode


def test_an_unwritable_store_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the store should be")
    with pytest.raises(EnvironmentFaultError, match=r"store .*home cannot be written .*QILIN_HOME"):
        put(Store(str(tmp_path / "home")))


def test_object_stores_commit_with_the_manifest() -> None:
    store = Store("memory://qilin-test-store")
    artifact = put(store)
    assert store.find(KEY) == artifact
    store.discard(KEY)
    assert store.find(KEY) is None
    store.note("attempts/a/b", "1")
    assert store.names("attempts/a") == ["b"]
    assert store.read_note("attempts/a/b") == "1"


def test_notes_are_small_files_and_absent_ones_are_empty(store: Store) -> None:
    assert store.read_note("runs/x") == ""
    assert store.names("runs") == []
    store.note("runs/x", "2026-11-20")
    assert store.read_note("runs/x") == "2026-11-20"
    assert store.names("runs") == ["x"]


@pytest.fixture
def files_stay_short() -> Iterator[None]:
    """A limit of 10 kB for every file, which the kernel keeps."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_cannot_be_written_whole_leaves_what_was_there_before(
    store: Store, files_stay_short: None
) -> None:
    store.note("runs/x", "old")
    with pytest.raises(EnvironmentFaultError, match="File too large"):
        store.note("runs/x", "new" * 10_000)
    assert store.read_note("runs/x") == "old"
    with pytest.raises(EnvironmentFaultError, match="File too large"):
        put(store, bytes(20_000))
    assert store.find(KEY) is None
    assert not list(Path(store.root).glob("tmp/*"))


@pytest.mark.parametrize("root", ["", "memory://qilin-test-first"])
def test_a_note_that_only_the_first_may_write(tmp_path: Path, root: str) -> None:
    store = Store(root or str(tmp_path))
    assert store.note_first("vault/x", "one")
    assert not store.note_first("vault/x", "two")
    assert store.read_note("vault/x") == "one"
    assert store.names("vault") == ["x"]


def test_a_panel_comes_back_with_every_bit_and_label(store: Store) -> None:
    close = np.array([[1.5, np.nan], [2.5, 3.25]])
    panel = Panel(
        np.array(["2026-11-19", "2026-11-20"], dtype="datetime64[D]"),
        ("600519.SH", "000300.SH"),
        {"close": close, "factor": np.ones((2, 2))},
        "raw",
        "simulated",
        ("000300.SH",),
    )
    artifact = store.put("panel", KEY, codec.panel_files(panel))
    back = store.read_panel(artifact)
    assert np.array_equal(back["close"], close, equal_nan=True)
    assert (back.symbols, back.adjustment, back.source) == (panel.symbols, "raw", "simulated")
    assert back.benchmarks == ("000300.SH",)
    assert (back.dates == panel.dates).all()


def test_pickled_arrays_are_refused() -> None:
    import io

    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        codec.array_from_bytes(buffer.getvalue())


def test_some_columns_of_a_wide_panel_are_read_from_their_files_alone(store: Store) -> None:
    n = 2 * codec.COLUMNS_PER_FILE + 3
    close = np.arange(2.0 * n).reshape(2, n)
    panel = Panel(
        np.array(["2026-11-19", "2026-11-20"], dtype="datetime64[D]"),
        tuple(f"S{i:05d}" for i in range(n)),
        {"close": close},
    )
    artifact = store.put("panel", KEY, codec.panel_files(panel))
    (Path(store.path(artifact.uri)) / "close.00000.npy").write_bytes(b"damaged")
    for first, stop in [(600, 700), (512, 1024), (1000, n), (1024, 1025)]:
        part = store.read_panel(artifact, slice(first, stop))
        assert np.array_equal(part["close"], close[:, first:stop])
        assert part.symbols == panel.symbols[first:stop]
    with pytest.raises(CorruptArtifactError):
        store.read_panel(artifact, slice(0, 3))


def test_a_mapped_array_is_hashed_once_and_again_when_it_was_written_to(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_of, "MAPPED_BYTES", 1)
    made = store.put("thing", KEY, {"x.npy": codec.array_bytes(np.arange(9.0))})
    hashed: list[Path] = []
    right = store_of._file_sha256
    monkeypatch.setattr(store_of, "_file_sha256", lambda path: hashed.append(path) or right(path))
    for _ in range(2):
        store.read_array(made, "x.npy")
    assert len(hashed) == 2, "so young a file may be written to and still show the same time"
    monkeypatch.setattr(verified, "YOUNG_SECONDS", 0.0)
    for _ in range(3):
        store.read_array(made, "x.npy")
    assert len(hashed) == 3
    path = Path(store.path(f"{made.uri}/x.npy"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CorruptArtifactError):
        store.read_array(made, "x.npy")
    os.utime(path, ns=(0, 0))
    with pytest.raises(CorruptArtifactError):
        store.read_array(made, "x.npy")
    path.unlink()
    assert not verified.is_known(path, made.files["x.npy"])


def test_a_large_array_is_mapped_verified_and_out_of_reach(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.arange(1000.0).reshape(10, 100)
    files = {"x.npy": codec.array_writer(values.T)}
    made = store.put("thing", KEY, files)
    assert (
        made.sha256 == store.put("thing", 64 * "c", {"x.npy": codec.array_bytes(values.T)}).sha256
    )
    monkeypatch.setattr(store_of, "MAPPED_BYTES", 1000)
    read = store.read_array(made, "x.npy")
    read[0, 0] = -1.0
    again = store.read_array(made, "x.npy")
    np.testing.assert_array_equal(again, values.T)
    store.discard(KEY)
    assert read[1, 1] == values[1, 1], "what is mapped stays readable"
    with pytest.raises(CorruptArtifactError):
        store.read_array(made, "x.npy")
