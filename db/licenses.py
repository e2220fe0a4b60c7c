"""Licences of texts that are not free, and the only read that gives such texts out."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from db.pool import Database
from db.queries import statements
from schema.errors import OptionRefused
from schema.licenses import License, LicensedText

_SQL = statements("licenses")


async def licensed_texts(
    database: Database, code_ids: Sequence[int], plan_key: str, today: date
) -> list[tuple[LicensedText, ...]]:
    """For each code what it has been called, oldest first, as far as a licence in force lets a
    reader of the plan see it; empty where none does, and for codes whose texts are free."""
    rows = await database.fetch(_SQL["licensed_texts"], list(set(code_ids)), plan_key, today)
    texts: defaultdict[int, list[LicensedText]] = defaultdict(list)
    for row in rows:
        texts[row["code_id"]].append(
            LicensedText(
                starts=row["starts"],
                title=row["title"],
                short_title=row["short_title"],
                copyright=row["copyright"],
            )
        )
    return [tuple(texts[code_id]) for code_id in code_ids]


async def record_license(database: Database, license: License) -> None:
    """Record a licence, instead of what was recorded under its id; raises OptionRefused for plans
    that there are not."""
    known = [row["key"] for row in await database.fetch(_SQL["plan_keys"])]
    if unknown := sorted(set(license.plan_keys) - set(known)):
        raise OptionRefused(f"there is no plan {unknown[0]!r}; there are {', '.join(known)}")
    await database.fetch(
        _SQL["record_license"],
        *(license.id, license.system, license.holder),
        *(license.effective_from, license.effective_to, list(license.plan_keys)),
    )


async def licenses(database: Database) -> tuple[License, ...]:
    """Every licence that was recorded, by id."""
    rows = await database.fetch(_SQL["licenses"])
    return tuple(License.model_validate(dict(row)) for row in rows)
