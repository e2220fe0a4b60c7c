"""An operator brings the next edition in: looks, tries, loads, and looks again."""

from pathlib import Path

from db.embedded import StoreUrls
from tests.official.editions import NEW, OLD, zipped
from tests.stories.conftest import run_codestile


async def test_an_operator_loads_the_next_edition(
    database_url: str, redis_url: str, tmp_path: Path
) -> None:
    urls = StoreUrls(database_url, redis_url)
    old, new = (str(zipped(tmp_path, year, rows)) for year, rows in ((2025, OLD), (2026, NEW)))

    empty = await run_codestile(urls, "load")
    tried = await run_codestile(urls, "load", "icd10cm-order", old, "--dry-run")
    first = await run_codestile(urls, "load", "icd10cm-order", old)
    second = await run_codestile(urls, "load", "icd10cm-order", new)
    again = await run_codestile(urls, "load", "icd10cm-order", new)
    refused = await run_codestile(urls, "load", "icd10cm-order", old, "--release", "FY2024")
    full = await run_codestile(urls, "load")

    codes = [ran[0] for ran in (empty, tried, first, second, again, refused, full)]
    assert codes == [0, 0, 0, 0, 0, 1, 0]
    assert _line(empty[1], "ICD10CM") == "ICD10CM not loaded: FY2027 since 2026-10-01"
    assert "by codestile load icd10cm-order FILE.zip --tabular FILE.zip\n" in empty[1]
    assert tried[1].endswith("nothing of it was kept: this was a dry run\n")
    assert "5 added in " in first[1]
    assert "3 added, 2 changed, 1 removed" in second[1]
    assert "billable: +3 -2, 1 revised" in second[1]
    assert "loaded already" in again[1]
    assert refused[2] == (
        "codestile: icd10cm-order-2025.txt: FY2024 is in force from 2023-10-01, and the later "
        "FY2026 is loaded already; releases are loaded in the order of their dates\n"
    )
    assert _line(full[1], "ICD10CM") == (
        "ICD10CM FY2026 2025-10-01 7 stale: FY2027 since 2026-10-01"
    )


async def test_an_option_that_would_be_lost_is_refused(tmp_path: Path) -> None:
    before = ("--data", str(tmp_path / "a"))

    code, _, errors = await run_codestile(None, "load", *before, "default")

    assert (code, errors) == (1, "codestile: give --data behind default: it is its option\n")
    assert list(tmp_path.iterdir()) == []


def _line(output: str, subject: str) -> str:
    """The line of a holding, its columns a blank apart."""
    return " ".join(next(line for line in output.splitlines() if subject in line).split())
