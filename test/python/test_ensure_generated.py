"""Any definition, brought to a table of the stand-in: what the service ends up with, and how many requests it took."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bqsteps import definition, ensure
from bqsteps.connection import connect
from bqsteps.deadline import Deadline
from bqsteps.references import TableReference
from generated.definitions import Json, grown, harmed, resources, spelled
from stand_in import StandIn

_numbers = itertools.count()
# Each example costs some requests, where those of a plan alone cost none.
fewer = settings(max_examples=settings().max_examples // 3)
ROWS: list[dict[str, object]] = [{"a row": "of theirs"}, {"another": 1}]


@dataclass(frozen=True)
class Team:
    """The folder of a definition, and a dataset that no other example has."""

    folder: Path
    bq: StandIn
    table: TableReference

    def has(self, resource: Json) -> None:
        settings = {key: value for key, value in resource.items() if key != "schema"}
        table = self.bq.create_table(str(self.table), resource["schema"]["fields"], **settings)
        table.rows.extend(dict(row) for row in ROWS)

    def bring(self, document: Json | list[Json]) -> ensure.Outcome:
        path = definition.path_for(self.folder, self.table.dataset, self.table.table)
        path.write_text(json.dumps(document), encoding="utf-8")
        link = connect("p", None, Deadline(20), {"BIGQUERY_EMULATOR_HOST": self.bq.url})
        self.bq.log.clear()
        wanted = definition.read(path, self.table.dataset, self.table.table)
        return ensure.Table(link, self.table, wanted, ensure.Datasets(link, None), self.is_told).bring("apply")

    def is_told(self, line: str) -> None:
        raise AssertionError(line)

    @property
    def rows(self) -> list[dict[str, object]]:
        return self.bq.tables[str(self.table)].rows


@pytest.fixture(scope="module")
def teams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Team]]:
    folder = tmp_path_factory.mktemp("config")
    with StandIn() as bq, pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIGQUERY_EMULATOR_HOST", bq.url)  # the client looks for it by itself
        yield lambda: Team(folder, bq, TableReference("p", f"d{next(_numbers)}", "t"))


@fewer
@given(st.data())
def test_what_was_created_in_one_spelling_is_as_wanted_in_any_other(
    teams: Callable[[], Team], data: st.DataObject
) -> None:
    resource = data.draw(resources())
    team = teams()
    assert team.bring(data.draw(spelled(resource))).status == "created"
    assert team.bring(data.draw(spelled(resource))).status == "unchanged"
    assert team.bq.calls() == {"tables.get": 1}


@fewer
@given(st.data())
def test_every_wish_that_can_be_fulfilled_is_by_one_patch_and_the_rows_stay(
    teams: Callable[[], Team], data: st.DataObject
) -> None:
    resource = data.draw(resources())
    richer, expected = data.draw(grown(resource))
    team = teams()
    team.has(resource)
    outcome = team.bring(data.draw(spelled(richer, modes_said=True)))
    assert {(change.class_, change.path) for change in outcome.plan.changes} == expected
    assert outcome.status == ("updated" if expected else "unchanged")
    assert team.bq.calls()["tables.patch"] == (1 if expected else 0)
    assert team.bring(data.draw(spelled(richer, modes_said=True))).status == "unchanged"
    assert team.rows == ROWS


@fewer
@given(st.data())
def test_one_harmful_wish_leaves_all_as_it_was_byte_for_byte(teams: Callable[[], Team], data: st.DataObject) -> None:
    resource = data.draw(resources())
    richer, _ = data.draw(grown(resource))
    harmful, _ = data.draw(harmed(resource, richer))
    team = teams()
    team.has(resource)
    before = json.dumps(team.bq.state())
    with pytest.raises(ensure.Refused):
        team.bring(data.draw(spelled(harmful)))
    assert json.dumps(team.bq.state()) == before
    assert team.bq.calls() == {"tables.get": 1}
