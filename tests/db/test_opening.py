"""Archives and workbooks that are not what they promise: refused with a sentence."""

import io
import zipfile
from pathlib import Path

import pytest

from db.load import opening
from db.load.opening import MOST_MEMBERS, Named, member, opened, unpacked
from db.load.source import SourceFile
from db.load.workbook import sheet_rows
from schema.errors import FileRefused
from tests.official.icd10cm_order import archive

WHOLE = archive({"order.txt": b"one\n" * 1_000, "folder/codes.txt": b"two\n"})


def zip_at(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def lying(content: bytes, size: int) -> bytes:
    """The archive with another size of its first member in both of its headers."""
    changed = bytearray(content)
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(signature) + at
        changed[start : start + 4] = size.to_bytes(4, "little")
    return bytes(changed)


def encrypted(content: bytes) -> bytes:
    """The archive with the flag that says that its first member is encrypted."""
    changed = bytearray(content)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        changed[content.index(signature) + at] |= 1
    return bytes(changed)


def test_the_members_of_an_archive_come_in_its_order_by_their_own_names(tmp_path: Path) -> None:
    files = opened(zip_at(tmp_path / "a.ZIP", WHOLE))

    assert [(file.name, len(file.content)) for file in files] == [
        ("order.txt", 4_000),
        ("codes.txt", 4),
    ]


def test_a_bare_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    path = zip_at(tmp_path / "anything.txt", b"one\n")

    assert member(path, Named(r"order\.txt", "order.txt")) == SourceFile("anything.txt", b"one\n")


def test_the_member_that_is_wanted_is_found_by_its_name_in_any_case(tmp_path: Path) -> None:
    path = zip_at(tmp_path / "a.zip", WHOLE)

    assert member(path, Named(r"ORDER\.TXT", "order.txt")).name == "order.txt"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"gem\.txt", r"a\.zip: has no file named like a\.txt; it holds order\.txt, codes\.txt"),
        (r".*\.txt", r"a\.zip: has 2 files named like a\.txt; it holds order\.txt, codes\.txt"),
    ],
)
def test_an_archive_without_the_one_file_is_refused_and_says_what_it_holds(
    tmp_path: Path, pattern: str, reason: str
) -> None:
    path = zip_at(tmp_path / "a.zip", WHOLE)

    with pytest.raises(FileRefused, match=reason):
        member(path, Named(pattern, "a.txt"))


@pytest.mark.parametrize("told", [0, 4_000, 2**32 - 2])
def test_an_archive_grows_no_further_than_there_is_room_whatever_its_header_claims(
    monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 3_000)

    with pytest.raises(FileRefused) as refused:
        unpacked(SourceFile("bomb.zip", lying(WHOLE, told)))

    # A header that claims less than there is shows when what it claims has been read.
    assert str(refused.value) in (
        "bomb.zip: unpacks to more than 3,000 bytes",
        "bomb.zip: is not a whole zip archive: Bad CRC-32 for file 'order.txt'",
    )


def test_members_count_together_against_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 4_003)

    with pytest.raises(FileRefused, match=r"bomb\.zip: unpacks to more than 4,003 bytes"):
        unpacked(SourceFile("bomb.zip", WHOLE))


def test_a_file_that_is_too_large_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 100)
    path = zip_at(tmp_path / "large.txt", b"x" * 101)

    with pytest.raises(FileRefused, match=r"large\.txt: has 101 bytes where 100 are the most"):
        opened(path)


def test_an_archive_of_too_many_members_is_refused() -> None:
    content = archive({f"{number}.txt": b"" for number in range(MOST_MEMBERS + 1)})

    with pytest.raises(FileRefused, match=r"many\.zip: has 501 members where 500 are the most"):
        unpacked(SourceFile("many.zip", content))


def test_an_encrypted_member_is_refused() -> None:
    with pytest.raises(FileRefused, match=r"a\.zip: order\.txt is encrypted"):
        unpacked(SourceFile("a.zip", encrypted(WHOLE)))


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04", b"no archive at all\n", WHOLE[: len(WHOLE) // 2], WHOLE[:-30]],
)
def test_what_is_no_whole_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = zip_at(tmp_path / "broken.zip", content)

    with pytest.raises(FileRefused, match=r"broken\.zip: is not a whole zip archive: "):
        opened(path)


def test_an_archive_whose_content_was_changed_is_refused() -> None:
    at = WHOLE.index(b"order.txt") + len(b"order.txt") + 3
    changed = WHOLE[:at] + bytes([WHOLE[at] ^ 0xFF]) + WHOLE[at + 1 :]

    with pytest.raises(FileRefused, match=r"a\.zip: is not a whole zip archive: Error -3 while"):
        unpacked(SourceFile("a.zip", changed))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match=r"absent\.zip: cannot be read: No such file"):
        opened(tmp_path / "absent.zip")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"code,since\n", "is not a whole zip archive"),
        (WHOLE, "is not a workbook"),
        (archive({}), "is not a workbook"),
        (archive({"xl/workbook.xml": b"<workbook"}), "is not a workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(FileRefused, match=rf"book\.xlsx: {reason}"):
        list(sheet_rows(SourceFile("book.xlsx", content)))


def test_a_workbook_that_would_grow_too_large_is_refused_before_anything_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "MOST_BYTES", 1_000)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b" " * 1_001)

    with pytest.raises(FileRefused, match=r"book\.xlsx: unpacks to more than 1,000 bytes"):
        list(sheet_rows(SourceFile("book.xlsx", written.getvalue())))
