"""ensure-table: the table is as it was or as it is defined, whatever befalls the processes, and never in between."""

from __future__ import annotations

import http.client
import itertools
import json
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast, get_args
from urllib.parse import urlsplit

from soak.misfortunes import CREATIONS, MOMENTS, REQUESTS, RIVAL, UNSEEN, Act, Blow, Kill
from soak.theatre import DATASET, PROJECT, Theatre, opened, sequence

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from soak.children import Ended, Starter
    from soak.tally import Seen
    from stand_in import StandIn

TABLE: Final = "orders"
NAME: Final = f"{PROJECT}.{DATASET}.{TABLE}"
DATASET_PATH: Final = f"/bigquery/v2/projects/{PROJECT}/datasets/{DATASET}"
PATH: Final = f"{DATASET_PATH}/tables/{TABLE}"
ROWS: Final[list[dict[str, object]]] = [
    {"id": "a", "placed": "2026-01-30T12:00:00Z"},
    {"id": "b", "placed": "2026-01-31T12:00:00Z"},
]

Start = Literal["nothing", "dataset", "older", "equal", "destructive"]
STARTS: Final[tuple[Start, ...]] = get_args(Start)
LOCATIONS: Final = ("US", "EU", "europe-west1")

_ADDRESS: Final = [
    {"name": "street", "type": "STRING"},
    {"name": "country", "type": "STRING", "maxLength": "2", "description": "ISO 3166-1 alpha-2"},
]
FIELDS: Final[list[dict[str, Any]]] = [
    {"name": "id", "type": "STRING", "mode": "REQUIRED", "description": "Key of the order"},
    {"name": "placed", "type": "TIMESTAMP", "mode": "REQUIRED"},
    {"name": "channel", "type": "STRING", "mode": "NULLABLE"},
    {"name": "items", "type": "STRING", "mode": "REPEATED"},
    {"name": "total", "type": "NUMERIC", "precision": "12", "scale": "2"},
    {"name": "address", "type": "RECORD", "fields": _ADDRESS},
]
DEFINITION: Final = {
    "description": "Orders",
    "labels": {"team": "shop"},
    "schema": {"fields": FIELDS},
    "timePartitioning": {"type": "DAY", "field": "placed"},
    "clustering": {"fields": ["channel"]},
}
_ADDED_BY_RIVAL: Final = {"name": "rival", "type": "STRING", "mode": "NULLABLE"}
_ONLY_LIVE: Final = {"name": "legacy", "type": "STRING", "mode": "NULLABLE", "description": "Before"}
_NOT_DEFINED: Final = frozenset({_ADDED_BY_RIVAL["name"], _ONLY_LIVE["name"]})


def _older_fields() -> list[dict[str, Any]]:
    """Return columns that are to be added to (also in a record), relaxed and described."""
    address = {**FIELDS[5], "fields": _ADDRESS[:1]}
    return [{**FIELDS[0], "description": ""}, FIELDS[1], {**FIELDS[2], "mode": "REQUIRED"}, address]


def _destructive_fields() -> list[dict[str, Any]]:
    """Return columns of which one has another type; others could be added."""
    return [FIELDS[0], FIELDS[1], {**FIELDS[2], "type": "INTEGER"}]


@dataclass(frozen=True)
class Scenario:
    """What is there before."""

    start: Start
    location: str = "US"
    given: str = "unset"  # or "set": whether BQ_LOCATION is
    etags: str = "of-tables"  # or "of-rows": whether a written row changes the table's etag
    runner: str = "fork"

    def __str__(self) -> str:
        return ",".join(astuple(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(*cast("list[Any]", text.split(",")))

    @property
    def has_table(self) -> bool:
        return self.start not in {"nothing", "dataset"}


_OF_NO_TABLE: Final = ("rival-same", "rival-older", "rival-dataset")
_OF_A_TABLE: Final = ("rival-same", "rival-adds", "rival-labels", "rival-writes")
_RIVALS: Final[Mapping[Start, tuple[str, ...]]] = {
    "nothing": _OF_NO_TABLE,
    "dataset": _OF_NO_TABLE,
    "older": (*_OF_A_TABLE, "rival-describes"),
    "equal": _OF_A_TABLE,
    "destructive": (),  # its state is compared byte for byte
}
CORE: Final = [Scenario(start) for start in STARTS]


def variations() -> list[Scenario]:
    """Return every other way in which things may stand."""
    found = itertools.product(STARTS, LOCATIONS, ("unset", "set"), ("of-tables", "of-rows"))
    scenarios = (Scenario(*cast("tuple[Any, ...]", each)) for each in found)
    return [each for each in scenarios if each.start != "nothing" or each.given == "set" or each.location == "US"]


@dataclass(frozen=True)
class Case:
    """A scenario, and what befalls one process after the other, before one that nothing befalls."""

    scenario: Scenario
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        return ":".join(("ensure", str(self.scenario), *map(str, self.acts)))

    @classmethod
    def parse(cls, text: str) -> Self:
        _, scenario, *acts = text.split(":")
        return cls(Scenario.parse(scenario), tuple(map(Act.parse, acts)))


def record(scenario: Scenario, starter: Starter) -> list[str]:
    """Return the requests that are made where nothing befalls: the positions of the matrix."""
    found: list[str] = []
    with opened(f"record:{scenario}", starter) as (bq, folder, there, seen):
        theatre = _theatre(bq, folder, there, seen, scenario)
        ended = theatre.play("ensure-table", Act())
        found = sequence(bq)
        _expect_at_the_end(theatre, scenario, ended)
    if seen.problems:
        raise AssertionError(f"{scenario} fails by itself: {seen.problems}")
    return found


def blows(scenario: Scenario, calls: list[str]) -> Iterator[Blow]:
    """Yield every misbehaviour, and every rival, at every request."""
    creations = [position for position, call in enumerate(calls, 1) if call in CREATIONS]
    after = len(calls) - creations[0] if creations else 0
    for lasting in (False, True):
        for position in range(1, len(calls) + 1):
            yield from (Blow(position, name, lasting) for name in REQUESTS)
        yield from (Blow(number, UNSEEN, lasting) for number in range(1, after + 1))
    for position in range(1, len(calls) + 1):
        yield from (Blow(position, name) for name in _RIVALS[scenario.start])


def matrix(scenario: Scenario, calls: list[str], _: random.Random) -> list[Case]:
    """Return the part of the matrix that belongs to a scenario: what lasts, lasts for one process, or for two."""
    found = []
    for blow in blows(scenario, calls):
        act = Act((blow,))
        found += [Case(scenario, (act,) * count) for count in ((1, 2) if blow.lasting else (1,))]
    boundaries = itertools.product(range(1, len(calls) + 1), MOMENTS)
    return found + [Case(scenario, (Act((), Kill(*boundary)),)) for boundary in boundaries]


def wild(scenario: Scenario, calls: list[str], chance: random.Random) -> Case:
    """Return a case of several things that go wrong, kills among them, in one process or several."""
    acts = []
    for _ in range(chance.choices((1, 2, 3), (5, 3, 1))[0]):
        first, second = chance.choices(list(blows(scenario, calls)), k=2)
        moved = Blow(first.position + chance.randint(1, 5), second.what, second.lasting)
        at = Kill(chance.randint(1, len(calls) + 2), chance.choice(MOMENTS))
        kill = chance.choice((None, at, Kill(seconds=round(chance.uniform(0.0, 0.5), 3))))
        acts.append(Act((first, moved), kill))
    return Case(scenario, tuple(acts))


def run(case: Case, starter: Starter) -> Seen:
    """Play a case, and return what was seen."""
    with opened(str(case), starter) as (bq, folder, there, seen):
        scenario = case.scenario
        theatre = _theatre(bq, folder, there, seen, scenario)
        before = json.dumps(bq.state())
        start = _shape(bq)
        for act in case.acts:
            ended = theatre.play("ensure-table", act)
            theatre.expect(_shape(bq) in (start, *_waypoints(scenario), WANTED), f"half applied: {_shape(bq)}", ended)
            if theatre.was_killed:
                continue
            if ended.code == 0 or (len(case.acts) == 1 and act.passes(sequence(bq))):
                _expect_at_the_end(theatre, scenario, ended)
            else:
                theatre.expect_one_line(ended)
        theatre.settle()
        _expect_at_the_end(theatre, scenario, theatre.play("ensure-table", Act()))
        if scenario.start == "destructive":
            theatre.expect(json.dumps(bq.state()) == before, "a table that may not be changed was changed")
        if _described(bq):
            theatre.expect(_live_only(bq)["description"] == "After", "a rival's change was undone")
        if scenario.has_table:
            seen.count(len(ROWS), sum(row["id"] in {"a", "b"} for row in bq.tables[NAME].rows))
    return seen


def _described(bq: StandIn) -> bool:
    """Tell whether a rival has described the column that is not in the definition."""
    return any(entry.headers.get(RIVAL) == "describes" and entry.status == 200 for entry in bq.requests)


def _live_only(bq: StandIn) -> dict[str, Any]:
    return dict(_by_name(bq.tables[NAME].fields)[_ONLY_LIVE["name"]])


def _expect_at_the_end(theatre: Theatre, scenario: Scenario, ended: Ended) -> None:
    """Expect the wanted state, and that it was said; or, if it may not be had, the refusal."""
    if scenario.start == "destructive":
        theatre.expect_one_line(ended)
        kind = ((ended.result or {}).get("error") or {}).get("kind")
        theatre.expect(kind == "refused", "not refused", ended)
        return
    theatre.expect(ended.code == 0, "a failure although nothing befell", ended)
    theatre.expect((ended.result or {}).get("status") in {"created", "updated", "unchanged"}, "another status", ended)
    theatre.expect("Traceback" not in ended.stderr, "a traceback", ended)
    theatre.expect(_shape(theatre.bq) == WANTED, f"success was said of {_shape(theatre.bq)}", ended)
    place = theatre.bq.datasets[f"{PROJECT}.{DATASET}"].location
    theatre.expect(place == scenario.location, f"the dataset is in {place}")


# The state, without what a rival may have added, and what the service adds

Shape = dict[str, Any] | None


def _shape(bq: StandIn) -> Shape:
    table = bq.tables.get(NAME)
    return None if table is None else _shape_of({**table.resource, "schema": {"fields": table.fields}})


def _shape_of(resource: Mapping[str, Any]) -> Shape:
    return {
        "description": resource.get("description", ""),
        "team": resource.get("labels", {}).get("team"),
        "partitioning": resource.get("timePartitioning", {}).get("field"),
        "clustering": resource.get("clustering", {}).get("fields"),
        "columns": _columns(resource["schema"]["fields"]),
    }


def _columns(fields: list[Any]) -> dict[str, Any]:
    return {
        each["name"]: (
            each["type"],
            each.get("mode", "NULLABLE"),
            each.get("description", ""),
            each.get("maxLength"),
            _columns(each.get("fields", [])),
        )
        for each in fields
        if each["name"] not in _NOT_DEFINED
    }


WANTED: Final = _shape_of(DEFINITION)


def _waypoints(scenario: Scenario) -> tuple[Shape, ...]:
    """Return the states besides the first and the last that are somebody's will: nothing, and what a rival made."""
    return (None, _shape_of({**DEFINITION, **_older()})) if not scenario.has_table else ()


def _older() -> dict[str, Any]:
    return {"description": "", "labels": {}, "clustering": {}, "schema": {"fields": _older_fields()}}


# The scenario's beginning, and its rivals


def _theatre(bq: StandIn, folder: Path, starter: Starter, seen: Seen, scenario: Scenario) -> Theatre:
    prepare(folder)
    environ = {"PROJECT_ID": PROJECT, "DATASET_ID": DATASET, "TABLE_ID": TABLE}
    if scenario.given == "set":
        environ["BQ_LOCATION"] = scenario.location
    arrange(bq, scenario)
    return Theatre(bq, folder, starter, environ, seen, _rivals(bq, scenario))


def prepare(folder: Path) -> None:
    """Put the definition into a folder."""
    config = folder / "config"
    config.mkdir()
    (config / f"{DATASET}_{TABLE}.json").write_text(json.dumps(DEFINITION), "utf-8")


def arrange(bq: StandIn, scenario: Scenario) -> None:
    """Make what is there before."""
    if scenario.start != "nothing":
        bq.create_dataset(f"{PROJECT}.{DATASET}", location=scenario.location)
    if scenario.start == "older":
        rows = [{**row, "channel": "web"} for row in ROWS]
        bq.create_table(NAME, [*_older_fields(), _ONLY_LIVE], rows, timePartitioning=DEFINITION["timePartitioning"])
    if scenario.start == "equal":
        settings = {key: value for key, value in DEFINITION.items() if key != "schema"}
        bq.create_table(NAME, FIELDS, [dict(row) for row in ROWS], **settings)
    if scenario.start == "destructive":
        bq.create_table(NAME, _destructive_fields(), [dict(row) for row in ROWS])
    bq.log.clear()


def _rivals(bq: StandIn, scenario: Scenario) -> Mapping[str, Callable[[], None]]:
    def change(body: Mapping[str, Any], name: str = "changes") -> None:
        _ask(bq, "PATCH", PATH, body, name)

    def create(body: Mapping[str, Any]) -> None:
        dataset = {"datasetReference": {"projectId": PROJECT, "datasetId": DATASET}, "location": scenario.location}
        _ask(bq, "POST", f"/bigquery/v2/projects/{PROJECT}/datasets", dataset)
        reference = {"projectId": PROJECT, "datasetId": DATASET, "tableId": TABLE}
        if body:
            _ask(bq, "POST", f"{DATASET_PATH}/tables", {**body, "tableReference": reference})

    def add() -> None:
        change({"schema": {"fields": [*bq.tables[NAME].fields, _ADDED_BY_RIVAL]}})

    def describe() -> None:
        fields = _by_name(bq.tables[NAME].fields)
        fields[_ONLY_LIVE["name"]] = {**_ONLY_LIVE, "description": "After"}
        change({"schema": {"fields": [*fields.values()]}}, "describes")

    def write() -> None:
        _ask(bq, "POST", f"{PATH}/insertAll", {"rows": [{"json": {**ROWS[0], "id": "c", "channel": "web"}}]})

    def be_as_wanted() -> None:
        if NAME in bq.tables:
            live = _by_name(bq.tables[NAME].fields)
            merged = [*live.values(), *(each for each in FIELDS if each["name"] not in live)]
            wanted = [_by_name(FIELDS).get(each["name"], each) for each in merged]
            change({**DEFINITION, "schema": {"fields": wanted}})
        else:
            create(DEFINITION)

    older = {"schema": {"fields": _older_fields()}, "timePartitioning": DEFINITION["timePartitioning"]}
    return {
        "rival-adds": add,
        "rival-describes": describe,
        "rival-labels": lambda: change({"labels": {"rival": "was-here"}}),
        "rival-writes": write,
        "rival-same": be_as_wanted,
        "rival-older": lambda: create(older),
        "rival-dataset": lambda: create({}),
    }


def _by_name(fields: list[Any]) -> dict[str, Any]:
    return {each["name"]: each for each in fields}


def _ask(bq: StandIn, method: str, path: str, body: Mapping[str, Any], name: str = "acts") -> None:
    """Make a request of somebody else's, who suffers from the faults as well, and does not mind."""
    connection = http.client.HTTPConnection(urlsplit(bq.url).netloc, timeout=2)
    try:
        connection.request(method, path, json.dumps(body), {RIVAL: name})
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
