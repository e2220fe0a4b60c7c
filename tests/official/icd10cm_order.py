"""Writes ICD-10-CM order and codes files, and their archive, from the rows that readers make."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence

from db.load.order_file import OrderRow


def order(rows: Sequence[OrderRow]) -> bytes:
    """`icd10cm-order-YYYY.txt`; that of ICD-10-PCS has the same columns."""
    return _lines(
        f"{number:05} {row.value:<7} {int(row.is_billable)} {row.short_title:<60} {row.title}"
        for number, row in enumerate(rows, start=1)
    )


def codes(rows: Sequence[OrderRow]) -> bytes:
    """`icd10cm-codes-YYYY.txt`: codes and long titles, without the headers."""
    return _lines(f"{row.value:<7} {row.title}" for row in rows if row.is_billable)


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip archive of files by name."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return written.getvalue()


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")
