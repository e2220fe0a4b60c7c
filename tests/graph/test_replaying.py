"""The file of other plans, and what the command says of them."""

from pathlib import Path

import pytest

from graph.replaying import UNKNOWN, read_plans, table_of
from metering.policy import AdmissionRule
from metering.replay import Replay, Tally
from schema.errors import FileRefused
from schema.people import ViewerKind
from schema.plans import Plan, WindowKind
from tests.metering.ledgers import plan

VERSIONS = {("guest", 2): plan("guest", 1, version=2), ("guest", 1): plan("guest", 9)}


def read(folder: Path, text: str, name: str = "plans.toml") -> dict[str, Plan]:
    file = folder / name
    file.write_text(text)
    return read_plans(file, VERSIONS)


def test_a_file_changes_what_it_names_of_the_newest_version(tmp_path: Path) -> None:
    read_in_toml = read(tmp_path, '[guest]\npage_view_limit = 3\nwindow = "WEEK"\n')
    read_in_json = read(tmp_path, '{"guest": {"page_view_limit": null}}', "plans.json")
    unlimited = read(tmp_path, '[guest]\npage_view_limit = "unlimited"\n')

    assert read_in_toml == {"guest": plan("guest", 3, WindowKind.WEEK, version=2)}
    assert read_in_json == unlimited == {"guest": plan("guest", None, version=2)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[visitor]\n", "there is no plan 'visitor', only guest"),
        ("[guest]\nlimit = 3\n", "nothing here is called limit"),
        ('[guest]\nwindow = "YEAR"\n', "Input should be"),
        ('[guest]\nwindow = "ROLLING"\n', "a rolling window has rolling_days"),
        ("guest = 3\n", "it is no table of plans by key"),
        ("[guest\n", "it cannot be read"),
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(FileRefused, match=reason):
        read(tmp_path, text)


def test_the_table_says_what_was_and_what_would_have_been() -> None:
    tally = Tally(7, 2, 4, 4, 1, {"a"}, {"a", "b"})
    replay = Replay(lambda *_: plan(), AdmissionRule(), lambda _: True, {ViewerKind.GUEST: tally})

    assert table_of(replay).splitlines() == [
        "                views            unlocked             refused       met the limit",
        "                            was     would       was     would       was     would",
        "GUEST               7         2         4         4         1         1         2",
        UNKNOWN,
    ]
