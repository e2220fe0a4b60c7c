"""Official files as agencies publish them: bare, or inside a zip archive of a bounded size."""

import lzma
import re
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from db.load.source import SourceFile
from schema.errors import FileRefused

MOST_BYTES = 600_000_000
"""Most bytes of a file or of all that an archive unpacks to; the largest official one, a quarter of
NCCI edits, has a fifth of it."""
MOST_MEMBERS = 500
"""Most members of an archive."""
# What the standard library raises for an archive that is damaged, or packed in a way it lacks.
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, EOFError, ValueError, OSError),
    IndexError,  # for a member without a name
)


class Named(NamedTuple):
    """How a file is named by its agency."""

    pattern: str
    """Which the whole name matches, in any case."""
    like: str
    """Such a name, for whoever reads a refusal."""


def opened(path: Path) -> list[SourceFile]:
    """The files at a path: those of an archive in its order, else the one file itself.

    A workbook is an archive by its form, and comes as one file. Raises FileRefused.
    """
    try:
        size = path.stat().st_size
    except OSError as unreadable:
        raise FileRefused(path.name, f"cannot be read: {unreadable.strerror}") from unreadable
    if size > MOST_BYTES:
        raise FileRefused(path.name, f"has {size:,} bytes where {MOST_BYTES:,} are the most")
    file = SourceFile.of(path)
    if path.suffix.lower() == ".zip":
        return unpacked(file)
    return [file]


def member(path: Path, name: Named) -> SourceFile:
    """The one file at a path, or in the archive there, that is named so.

    A bare file is taken whatever its name: whoever reads it knows it by its content. Raises
    FileRefused, telling what there is instead.
    """
    files = opened(path)
    if path.suffix.lower() != ".zip":
        return files[0]
    return matching(files, name, path.name)


def matching(files: Sequence[SourceFile], name: Named, archive: str) -> SourceFile:
    """The one of several files that is named so; raises FileRefused."""
    return all_matching(files, name, archive, most=1)[0]


def all_matching(
    files: Sequence[SourceFile], name: Named, archive: str, most: int
) -> list[SourceFile]:
    """Those of several files that are named so, 1 to `most`; raises FileRefused."""
    found = [file for file in files if is_named(file, name)]
    if 1 <= len(found) <= most:
        return found
    names = ", ".join(file.name for file in files) or "nothing"
    count = "no file" if not found else f"{len(found)} files"
    raise FileRefused(archive, f"has {count} named like {name.like}; it holds {names}")


def is_named(file: SourceFile, name: Named) -> bool:
    """Whether a file is named so."""
    return re.fullmatch(name.pattern, file.name, re.IGNORECASE) is not None


def unpacked(archive: SourceFile) -> list[SourceFile]:
    """The members of an archive, folders left out; raises FileRefused before it grows too large."""
    try:
        with zipfile.ZipFile(BytesIO(archive.content)) as opened_archive:
            members = [item for item in opened_archive.infolist() if not item.is_dir()]
            if len(members) > MOST_MEMBERS:
                reason = f"has {len(members):,} members where {MOST_MEMBERS} are the most"
                raise FileRefused(archive.name, reason)
            room = MOST_BYTES
            files = []
            for item in members:
                content = _content(opened_archive, item, archive.name, room)
                room -= len(content)
                files.append(SourceFile(Path(item.filename).name, content))
            return files
    except _BROKEN as broken:
        raise FileRefused(archive.name, f"is not a whole zip archive: {broken}") from broken


def _content(archive: zipfile.ZipFile, item: zipfile.ZipInfo, name: str, room: int) -> bytes:
    """What a member holds, read no further than there is room, whatever its header claims."""
    if item.flag_bits & 1:
        raise FileRefused(name, f"{item.filename} is encrypted")
    with archive.open(item) as stream:
        content = stream.read(room + 1)
    if len(content) > room:
        raise FileRefused(name, f"unpacks to more than {MOST_BYTES:,} bytes")
    return content
