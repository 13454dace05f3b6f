"""The artifact store: what steps hand to each other, found by key and verified by content.

An artifact is a small JSON value that points at a folder of files. Its key names the work (see
`keys`); its sha256 names the content. Finding a key means that the work is done. Locally a folder
is written beside its place, synced and renamed; on object stores the manifest, written last, is
the commit. Whatever is missing or fails verification counts as not there and is built again.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import settings
from tasks.data import verified
from tasks.data.writing import filesystem, send, writing
from tasks.errors import EnvironmentFaultError, QilinError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tasks.data.panel import Panel

MANIFEST = "manifest.json"
#: with less free no night can end: the smallest writes 11 MB, and Prefect's database grows with it
LEAST_FREE_BYTES = 32_000_000
#: array files of a local store are mapped from this size on: steps that need the same one share its
#: pages, and the system drops them before memory runs out
MAPPED_BYTES = 64 * 2**20


class CorruptArtifactError(QilinError):
    """An artifact is missing or its bytes are not those that were written."""

    exit_code = 5


@dataclasses.dataclass(frozen=True)
class Artifact:
    """Reference to a verified result in the store; JSON in and out.

    Attributes:
        kind: what it is, such as `panel`, `features`, `trials`.
        key: hash of the work that made it.
        uri: folder below the store's root.
        sha256: hash over the names and bytes of its files.
        rows: rows of the main table, or cells' dates for a panel; 0 where it makes no sense.
        bytes: size of all files.
        inputs: sha256 of the artifacts that it was made from.
        files: file name to sha256.
        notes: small facts about the work (device used, reasons, counts); never hashed.
    """

    kind: str
    key: str
    uri: str
    sha256: str
    rows: int
    bytes: int
    inputs: tuple[str, ...] = ()
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON value."""
        return dataclasses.asdict(self) | {"inputs": list(self.inputs)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Artifact:
        """Read back what `to_json` gave."""
        return cls(**{**value, "inputs": tuple(value["inputs"])})


@dataclasses.dataclass(frozen=True)
class Store:
    """Content-addressed artifacts below one root, a local path or an fsspec URL."""

    root: str = dataclasses.field(default_factory=settings.home)

    @property
    def is_local(self) -> bool:
        """Whether the root is a folder of a mounted file system."""
        return "://" not in self.root

    def path(self, uri: str) -> str:
        """Full path or URL of something below the root."""
        return f"{self.root.rstrip('/')}/{uri}"

    def find(self, key: str, *, verify: bool = True) -> Artifact | None:
        """The artifact of a key, or None if it is absent or (with `verify`) damaged."""
        try:
            manifest = self._read_bytes(f"{_folder(key)}/{MANIFEST}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            artifact = Artifact.from_json(json.loads(manifest))
            if verify:
                for name in artifact.files:
                    self._verify(artifact, name)
        except (CorruptArtifactError, ValueError, TypeError, KeyError):
            return None
        return artifact

    def put(
        self,
        kind: str,
        key: str,
        files: Mapping[str, bytes | Callable[[str], None]],
        *,
        rows: int = 0,
        inputs: tuple[str, ...] = (),
        notes: Mapping[str, Any] | None = None,
    ) -> Artifact:
        """Write files (bytes, or a function that writes to a local path) as one artifact.

        Nothing is visible under the key before everything is written and synced. Where another
        writer was first, its artifact stands and is returned.
        """
        known = sum(len(content) for content in files.values() if isinstance(content, bytes))
        with writing(self.root, f"its {kind} {key[:12]}", known) as scratch:
            scratch.mkdir()
            for name, content in files.items():
                if callable(content):
                    content(str(scratch / name))
                else:
                    (scratch / name).write_bytes(content)
            hashes = {name: _file_sha256(scratch / name) for name in sorted(files)}
            size = sum((scratch / name).stat().st_size for name in files)
            artifact = Artifact(
                kind=kind,
                key=key,
                uri=_folder(key),
                sha256=_content_hash(hashes),
                rows=rows,
                bytes=size,
                inputs=inputs,
                files=hashes,
                notes=dict(notes or {}),
            )
            (scratch / MANIFEST).write_text(json.dumps(artifact.to_json(), indent=1))
            return self._publish(scratch, artifact)

    def holds(self, artifact: Artifact) -> bool:
        """Whether an artifact is there byte for byte: every file, and the hash over all of them."""
        try:
            for name in artifact.files:
                self._verify(artifact, name)
        except CorruptArtifactError:
            return False
        return _content_hash(artifact.files) == artifact.sha256

    def read_bytes(self, artifact: Artifact, name: str) -> bytes:
        """Content of one file, verified against the artifact's hash."""
        try:
            content = self._read_bytes(f"{artifact.uri}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            content = b""
        _compare(artifact, name, hashlib.sha256(content).hexdigest())
        return content

    def read_json(self, artifact: Artifact, name: str) -> Any:
        """A JSON file of an artifact."""
        return json.loads(self.read_bytes(artifact, name))

    def read_array(self, artifact: Artifact, name: str) -> NDArray[Any]:
        """A `.npy` file of an artifact, verified; a large local one is mapped and not read.

        What is mapped is hashed once by each process, see `verified`.
        """
        from tasks.data import codec

        path = Path(self.path(f"{artifact.uri}/{name}"))
        if self.is_local and path.is_file() and path.stat().st_size >= MAPPED_BYTES:
            if not verified.is_known(path, artifact.files.get(name, "")):
                before = verified.state(path)
                self._verify(artifact, name)
                verified.note(path, artifact.files[name], before)
            return codec.array_mapped(path)
        return codec.array_from_bytes(self.read_bytes(artifact, name))

    def read_frame(self, artifact: Artifact, name: str) -> pd.DataFrame:
        """A Parquet file of an artifact."""
        from tasks.data import codec

        return codec.frame_from_bytes(self.read_bytes(artifact, name))

    def read_panel(self, artifact: Artifact, columns: slice | None = None) -> Panel:
        """A panel, or some neighbouring columns of it, written with `codec.panel_files`."""
        from tasks.data import codec

        return codec.panel_from(lambda name: self.read_bytes(artifact, name), columns)

    def note(self, uri: str, text: str) -> None:
        """Write a small file that is no artifact, such as a mark that work was begun.

        Readers see the old text or the new one, never a part.
        """
        content = text.encode()
        if not self.is_local:
            with writing(self.root, uri, len(content)):
                send(self.path(uri), content)
            return
        with writing(self.root, uri, len(content)) as scratch:
            scratch.write_bytes(content)
            _sync(scratch)
            target = Path(self.path(uri))
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch.replace(target)

    def note_first(self, uri: str, text: str) -> bool:
        """Write a small file unless it exists; of many writers at once exactly one succeeds.

        Returns:
            Whether this call wrote it. If not, another's text stands there, whole.
        """
        content = text.encode()
        with writing(self.root, uri, len(content)) as scratch:
            try:
                if self.is_local:
                    scratch.write_bytes(content)
                    _sync(scratch)
                    target = Path(self.path(uri))
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.link(scratch, target)
                    _sync(target.parent)
                else:
                    send(self.path(uri), content, mode="create")
            except FileExistsError:
                return False
        return True

    def read_note(self, uri: str) -> str:
        """Text of a small file, empty if it does not exist."""
        try:
            return self._read_bytes(uri).decode()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def names(self, uri: str) -> list[str]:
        """Names of the files in a folder below the root; none if it does not exist."""
        if self.is_local:
            folder = Path(self.path(uri))
            return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        fs, path = filesystem(self.path(uri))
        return (
            sorted(p.rsplit("/", 1)[-1] for p in fs.ls(path, detail=False))
            if fs.exists(path)
            else []
        )

    def require_writable(self) -> None:
        """Find out early that a local store cannot be written, or is full; leaves nothing behind.

        Raises:
            EnvironmentFaultError: it cannot, or has less than `LEAST_FREE_BYTES` free.
        """
        if not self.is_local:
            return
        with writing(self.root, "a night", LEAST_FREE_BYTES) as scratch:
            scratch.mkdir()
            if shutil.disk_usage(scratch).free < LEAST_FREE_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def discard(self, key: str) -> None:
        """Forget an artifact, so that its key is built again."""
        folder = self.path(_folder(key))
        if self.is_local:
            shutil.rmtree(folder, ignore_errors=True)
            return
        fs, path = filesystem(folder)
        if fs.exists(path):
            fs.rm(path, recursive=True)

    def _verify(self, artifact: Artifact, name: str) -> None:
        """Compare one file with its hash, a local one without taking it into memory.

        Raises:
            CorruptArtifactError: it is missing or has other bytes.
        """
        if not self.is_local:
            self.read_bytes(artifact, name)
            return
        try:
            found = _file_sha256(Path(self.path(f"{artifact.uri}/{name}")))
        except (FileNotFoundError, NotADirectoryError):
            found = ""
        _compare(artifact, name, found)

    def _publish(self, scratch: Path, artifact: Artifact) -> Artifact:
        target = self.path(artifact.uri)
        if self.is_local:
            standing = _publish_local(scratch, Path(target), lambda: self.find(artifact.key))
            return standing or artifact
        try:
            for name in [*artifact.files, MANIFEST]:  # the manifest last: it is the commit
                send(f"{target}/{name}", (scratch / name).read_bytes())
        except OSError:
            if not self._arrived(artifact):
                raise
        return artifact

    def _arrived(self, artifact: Artifact) -> bool:
        """Whether an object store took an artifact after all, and only its answer was lost."""
        try:
            found = self.find(artifact.key)
        except (OSError, EnvironmentFaultError):  # this it does not answer either
            return False
        return found is not None and found.sha256 == artifact.sha256

    def _read_bytes(self, uri: str) -> bytes:
        if self.is_local:
            return Path(self.path(uri)).read_bytes()
        fs, path = filesystem(self.path(uri))
        try:
            return bytes(fs.cat_file(path))
        except OSError:
            raise
        except Exception as error:  # each service's client has its own kinds
            raise EnvironmentFaultError(
                f"the store {self.root} did not hand over {uri} ({type(error).__name__}: {error}): "
                "see that its service answers, then retry"
            ) from error


def _compare(artifact: Artifact, name: str, sha256: str) -> None:
    if sha256 != artifact.files.get(name):
        raise CorruptArtifactError(
            f"artifact {artifact.kind} {artifact.key[:12]} is missing or damaged in {name}; "
            "retry the run: it is rebuilt from its inputs"
        )


def _folder(key: str) -> str:
    return f"objects/{key[:2]}/{key}"


def _content_hash(files: Mapping[str, str]) -> str:
    """Hash over the names and hashes of an artifact's files."""
    return hashlib.sha256(json.dumps(dict(sorted(files.items()))).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _publish_local(
    scratch: Path, target: Path, find: Callable[[], Artifact | None]
) -> Artifact | None:
    """Sync and rename; where another writer was first, keep and return its artifact if good."""
    for file in scratch.iterdir():
        _sync(file)
    _sync(scratch)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        scratch.rename(target)
    except OSError:
        standing = find()
        if standing is not None:
            return standing
        graveyard = scratch.with_name(scratch.name + ".damaged")
        target.rename(graveyard)
        scratch.rename(target)
        shutil.rmtree(graveyard, ignore_errors=True)
    _sync(target.parent)
    return None
