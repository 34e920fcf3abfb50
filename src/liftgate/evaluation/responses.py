"""The response store: every answer kept under the digest of everything it depends on, paid for once.

One SQLite file in write-ahead mode. Each answer is its own transaction, so a killed process loses none that
it had received. Each record carries a digest over key and bytes: a damaged one is named and asked for again.
A store may lie over a shared one, which it reads and never writes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote

import orjson

from liftgate.errors import InputError
from liftgate.evaluation.completion import Completion, Request
from liftgate.files import canonical, digest, sha256_bytes, write_jsonl

_APPLICATION_ID: Final = 0x4C474154
_SCHEMA_VERSION: Final = 1
_TABLE: Final = "CREATE TABLE responses (key TEXT PRIMARY KEY, digest TEXT NOT NULL, body BLOB NOT NULL)"
_PUT: Final = "INSERT OR REPLACE INTO responses (key, digest, body) VALUES (?, ?, ?)"
_KEYS_AT_ONCE: Final = 500
_INSPECTED_AT_MOST: Final = 50_000
_T = TypeVar("_T")


def response_key(kind: str, identity: Mapping[str, Any], request: Request, *, deterministic: bool) -> str:
    """sha256 of everything an answer depends on; the repeat counts only where answers may differ."""
    content = request.content()
    if deterministic:
        content["repeat"] = 0
    return digest({"endpoint": kind, "identity": identity, **content})


def _warn(sentence: str) -> None:
    sys.stderr.write(f"warning: {sentence}\n")


class ResponseStore:
    """Answers by key. A context manager; close it so that the file is whole without its side files.

    `read_only` opens a file that is there and leaves every byte of it. What is absent here is looked for in
    `shared`; the two are closed together.
    """

    def __init__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        shared: ResponseStore | None = None,
        warn: Callable[[str], None] = _warn,
    ) -> None:
        self.path, self.read_only, self._shared, self._warn = path, read_only, shared, warn
        self._named: set[str] = set()
        self._inspected = False
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a response store", hint="name a file, also a new one")
        if read_only and not path.is_file():
            raise InputError(f"{path}: no such response store", hint="`liftgate evaluate` writes one")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{path.parent}: cannot be made: {error.strerror}") from None
        self._database = self._guarded(self._open)

    def __enter__(self) -> ResponseStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the write-ahead log into the file and release it."""
        if not self.read_only:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()
        if self._shared is not None:
            self._shared.close()

    def __len__(self) -> int:
        return self._guarded(
            lambda: int(self._database.execute("SELECT count(*) FROM responses").fetchone()[0])
        )

    def get(self, keys: Sequence[str]) -> dict[str, Completion]:
        """The answers that are here and whole; a damaged record is named in a warning and left out."""
        found: dict[str, Completion] = {}
        for row in self._guarded(lambda: list(self._rows(keys))):
            if self._is_whole(row):
                found[row[0]] = Completion.from_dict(orjson.loads(row[2])["completion"])
        if len(found) < len(keys) and not self._inspected:
            self._inspect(set(keys) - found.keys())
        if self._shared is not None and len(found) < len(keys):
            found |= self._shared.get([key for key in keys if key not in found])
        return found

    def put(self, key: str, completion: Completion, *, about: Mapping[str, Any] | None = None) -> None:
        """Keep one answer, at once. `about` says for a person where it came from (endpoint, model)."""
        if self.read_only:
            raise InputError(f"{self.path}: this store is only read")
        body = canonical({"completion": completion.to_dict(), "about": dict(about or {})})
        self._guarded(lambda: self._database.execute(_PUT, (key, _record_digest(key, body), body)))

    def damaged(self) -> int:
        """How many records are not as they were written; each is named in a warning."""
        query = "SELECT key, digest, body FROM responses NOT INDEXED"
        return self._guarded(lambda: sum(not self._is_whole(row) for row in self._database.execute(query)))

    def export(self, path: Path) -> int:
        """Write every whole record as JSON Lines, ordered by key; returns their number."""
        query = "SELECT key, digest, body FROM responses ORDER BY key"
        rows = self._guarded(lambda: self._database.execute(query).fetchall())
        whole = [row for row in rows if self._is_whole(row)]
        write_jsonl(
            path, ({"key": key, "digest": written, **orjson.loads(body)} for key, written, body in whole)
        )
        return len(whole)

    def import_lines(self, data: bytes, name: str) -> int:
        """Add what `export` wrote and is not here yet; returns the number of new records.

        Refuses a file with any damaged line. An answer that is here and whole is never replaced.
        """
        records = list(_exported(data, name))
        whole = {
            row[0]
            for row in self._guarded(lambda: list(self._rows([key for key, _, _ in records])))
            if self._is_whole(row)
        }
        records = [record for record in records if record[0] not in whole]
        with self._guarded(lambda: self._database):
            self._guarded(lambda: self._database.execute("BEGIN"))
            self._guarded(lambda: self._database.executemany(_PUT, records))
            self._guarded(lambda: self._database.execute("COMMIT"))
        return len(records)

    def _is_whole(self, row: tuple[str, str, bytes]) -> bool:
        key, written, body = row
        if isinstance(body, bytes) and _record_digest(key, body) == written:
            return True
        if key not in self._named:
            self._named.add(key)
            self._warn(f"{self.path}: the answer {key[:12]} is damaged; it will be asked for again")
        return False

    def _inspect(self, absent: set[str]) -> None:
        # A damaged key or index entry makes a record look absent: absence is a reason to look at all of them.
        self._inspected = True
        if not 0 < len(self) <= _INSPECTED_AT_MOST:
            return
        query = "SELECT key, digest, body FROM responses NOT INDEXED"
        rows = self._guarded(lambda: self._database.execute(query).fetchall())
        for row in rows:
            if self._is_whole(row) and row[0] in absent:
                self._warn(f"{self.path}: the index entry of answer {row[0][:12]} is damaged")
                if not self.read_only:
                    self._guarded(lambda: self._database.execute("REINDEX responses"))

    def _rows(self, keys: Sequence[str]) -> Iterator[tuple[str, str, bytes]]:
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, digest, body FROM responses WHERE key IN ({marks})"  # noqa: S608
            yield from self._database.execute(query, some)

    def _open(self) -> sqlite3.Connection:
        if self.path.exists() and self.path.stat().st_size and not _is_sqlite(self.path):
            raise _not_a_store(self.path)
        database = self._readable() if self.read_only else _connected(str(self.path))
        # A damaged text column must reach the digest check, not fail to decode.
        database.text_factory = lambda raw: raw.decode("utf-8", "replace")
        try:
            application = int(database.execute("PRAGMA application_id").fetchone()[0])
            version = int(database.execute("PRAGMA user_version").fetchone()[0])
            tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if application != _APPLICATION_ID and tables:
                raise _not_a_store(self.path)
            if application == _APPLICATION_ID and version != _SCHEMA_VERSION:
                raise InputError(
                    f"{self.path}: store version {version}, this Liftgate reads {_SCHEMA_VERSION}",
                    hint="name another file with --store, or use the version that wrote it",
                )
            if self.read_only:
                if application != _APPLICATION_ID:
                    raise _not_a_store(self.path)
                return database
            # Durable against a killed process; lost power may cost the last answers, never the file.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA wal_autocheckpoint = 8000")
            database.execute("PRAGMA cache_size = -32000")
            if application != _APPLICATION_ID:
                database.execute("BEGIN IMMEDIATE")
                database.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
                database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                database.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
                database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database

    def _readable(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path))}?mode=ro"
        database = _connected(uri, uri=True)
        try:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            # A folder that cannot be written has no place for the side files of the write-ahead log.
            database.close()
            if self.path.with_name(self.path.name + "-wal").exists():
                raise
            return _connected(f"{uri}&immutable=1", uri=True)
        return database

    def _guarded(self, act: Callable[[], _T]) -> _T:
        try:
            return act()
        except sqlite3.OperationalError as error:
            raise _unusable(self.path, error) from None
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{self.path}: the response store is damaged ({error})",
                hint=f"keep what is left with `sqlite3 {self.path} .recover`, or move the file away: "
                "its answers are then asked for again",
            ) from None


def _connected(name: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=30, isolation_level=None, check_same_thread=False, uri=uri)


def _record_digest(key: str, body: bytes) -> str:
    return sha256_bytes(key.encode() + b"\n" + body)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(16) == b"SQLite format 3\x00"


def _not_a_store(path: Path) -> InputError:
    return InputError(f"{path} is not a response store", hint="name a file of its own with --store")


def _unusable(path: Path, error: sqlite3.Error) -> InputError:
    hint = "check the file's permissions, and that no other process holds it"
    if "full" in str(error):
        hint = "free some space and run the same command again; every answer so far is kept"
    return InputError(f"{path}: the response store cannot be used: {error}", hint=hint)


def _exported(data: bytes, name: str) -> Iterable[tuple[str, str, bytes]]:
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            record = orjson.loads(line)
            key, written = record["key"], record["digest"]
            body = canonical({"completion": record["completion"], "about": record["about"]})
            Completion.from_dict(record["completion"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise InputError(
                f"{name}:{number}: not a record of a response store", hint="export it again"
            ) from None
        if _record_digest(key, body) != written:
            raise InputError(f"{name}:{number}: the record is damaged", hint="export it again")
        yield key, written, body
