"""log-build: one row a build, whatever befalls the processes that put it on record, and however often they do."""

from __future__ import annotations

import http.client
import itertools
import json
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast, get_args
from urllib.parse import urlsplit

from bqsteps import build, spool
from bqsteps.references import TableReference
from soak.misfortunes import CREATIONS, FORBIDDEN, JOBS, MOMENTS, REQUESTS, UNSEEN, Act, Blow, Kill
from soak.theatre import DATASET, PROJECT, Theatre, opened, sequence

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from soak.children import Ended, Starter
    from soak.tally import Seen
    from stand_in import StandIn
    from stand_in.jobs import Place

TABLE: Final = TableReference(PROJECT, DATASET, "builds")
SPOOL: Final = Path(".bqsteps/unsent")
SEEDS_COLUMNS: Final = [
    {"name": "build_id", "type": "STRING", "mode": "REQUIRED"},
    {"name": "timestamp", "type": "TIMESTAMP", "mode": "REQUIRED"},
    {"name": "status", "type": "STRING", "mode": "REQUIRED"},
]
ANOTHER: Final = {"build_id": "6", "timestamp": "2026-01-30T12:00:00Z", "status": "FAILURE"}
BUILD: Final = {
    "JOB_NAME": "team/app/main",
    "BUILD_NUMBER": "7",
    "BUILD_URL": "https://ci.example.com/job/team/job/app/job/main/7/",
    "JENKINS_URL": "https://ci.example.com/",
    "PROJECT_ID": PROJECT,
    "DATASET_ID": DATASET,
    "TABLE_ID": TABLE.table,
    "BQ_BUILD_FILE": "build.json",
}
BUILD_FILE: Final = {
    "started_at": 1_769_860_800_000,
    "causes": ["SCMTriggerCause"],
    "result": "SUCCESS",
    "result_is_final": False,
    "parameters": {"TARGET": "staging"},
    "extra": {"coverage": 87.5, "ünïcode": "✓"},
}

Start = Literal["nothing", "dataset", "seeds_columns", "full", "first_job_failed"]
Ending = Literal["step", "replay", "other_method", "other_location"]
ENDINGS: Final[tuple[Ending, ...]] = get_args(Ending)
STARTS: Final[tuple[Start, ...]] = get_args(Start)
PLACES: Final[tuple[Place, ...]] = ("job", "answer", "both")
LOCATIONS: Final = ("US", "EU", "europe-west1")
JOB_SECONDS: Final = 4.0  # of the service's clock, which is twenty times as fast


@dataclass(frozen=True)
class Scenario:
    """What is there before, and how the row is written."""

    method: str
    start: Start
    refusals: Place = "job"
    billing: str = "billing"
    location: str = "US"
    given: str = "unset"  # or "set", or "other": BQ_LOCATION
    jobs: str = "slow"
    runner: str = "fork"

    def __str__(self) -> str:
        return ",".join(astuple(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(*cast("list[Any]", text.split(",")))

    @property
    def is_possible(self) -> bool:
        is_free = self.billing == "free"
        if self.start in {"nothing", "dataset"} and self.given == "other":
            return False  # no table is made elsewhere than BQ_LOCATION says
        if self.start == "nothing" and self.given == "unset" and self.location != "US":
            return False  # no dataset would be made there
        return not (is_free and self.method == "load")


CORE: Final = [Scenario(method, start) for method in ("insert", "load") for start in STARTS]


def variations() -> list[Scenario]:
    """Return every other way in which things may stand."""
    found = itertools.product(
        ("insert", "load"), STARTS, PLACES, ("billing", "free"), LOCATIONS, ("unset", "set", "other"), ("slow", "quick")
    )
    scenarios = (Scenario(*cast("tuple[Any, ...]", each)) for each in found)
    return [each for each in scenarios if each.is_possible and each not in CORE]


@dataclass(frozen=True)
class Case:
    """A scenario, what befalls one process after the other, and how it is then put on record."""

    part: str
    scenario: Scenario
    acts: tuple[Act, ...]
    ending: Ending

    def __str__(self) -> str:
        return ":".join((self.part, str(self.scenario), *map(str, self.acts), self.ending))

    @classmethod
    def parse(cls, text: str) -> Self:
        part, scenario, *acts, ending = text.split(":")
        return cls(part, Scenario.parse(scenario), tuple(map(Act.parse, acts)), cast("Ending", ending))


def record(scenario: Scenario, starter: Starter) -> list[str]:
    """Return the requests that are made where nothing befalls: the positions of the matrix."""
    found: list[str] = []
    with opened(f"record:{scenario}", starter) as (bq, folder, there, seen):
        theatre = _theatre(bq, folder, there, seen, scenario)
        ended = theatre.play("log-build", Act())
        found = sequence(bq)
        _expect_success(theatre, ended)
    if seen.problems:
        raise AssertionError(f"{scenario} fails by itself: {seen.problems}")
    return found


def blows(calls: list[str]) -> Iterator[Blow]:
    """Yield every misbehaviour at every request."""
    creations = [position for position, call in enumerate(calls, 1) if call in CREATIONS]
    after = len(calls) - creations[0] if creations else 0
    for lasting in (False, True):
        for position, call in enumerate(calls, 1):
            names = [*REQUESTS, *(JOBS if call == "jobs.insert" else ())]
            yield from (Blow(position, name, lasting) for name in names)
        yield from (Blow(number, UNSEEN, lasting) for number in range(1, after + 1))


def matrix(scenario: Scenario, calls: list[str], chance: random.Random) -> list[Case]:
    """Return the part of the matrix that belongs to a scenario: what lasts, lasts for one process, or for two."""
    found = []
    for blow in blows(calls):
        act = Act((blow,))
        lives = (1, 2) if blow.lasting else (1,)
        found += [Case("log", scenario, (act,) * count, _ending(chance)) for count in lives]
    return found


def pair(scenario: Scenario, calls: list[str], chance: random.Random) -> Case:
    """Return a case in which two things go wrong one after the other: the second on a way that only the first opens."""
    first, second = chance.choices(list(blows(calls)), k=2)
    moved = Blow(first.position + chance.randint(1, 5), second.what, second.lasting)
    act = Act((first, moved))
    return Case("log", scenario, (act,) * chance.randint(1, 2), _ending(chance))


def kills(scenario: Scenario, calls: list[str], chance: random.Random) -> list[Case]:
    """Return the cases of a kill at each boundary of each request."""
    acts = [Act((), Kill(position, moment)) for position in range(1, len(calls) + 1) for moment in MOMENTS]
    return [Case("kill", scenario, (act,), _ending(chance)) for act in acts]


def wild_kill(scenario: Scenario, calls: list[str], chance: random.Random) -> Case:
    """Return a case of one to three kills, at boundaries and random moments, some with a request gone wrong as well."""
    acts = []
    for _ in range(chance.choices((1, 2, 3), (6, 3, 1))[0]):
        blow = chance.choice(list(blows(calls)))
        at = Kill(chance.randint(1, len(calls) + 2), chance.choice(MOMENTS))
        kill = chance.choice((at, Kill(seconds=round(chance.uniform(0.0, 0.8), 3))))
        acts.append(Act((blow,) if chance.random() < 0.4 else (), kill))
    return Case("kill", scenario, tuple(acts), _ending(chance))


def _ending(chance: random.Random) -> Ending:
    (ending,) = chance.choices(ENDINGS, (6, 3, 1, 1))
    return ending


def run(case: Case, starter: Starter) -> Seen:
    """Play a case, and return what was seen."""
    with opened(str(case), starter) as (bq, folder, there, seen):
        theatre = _theatre(bq, folder, there, seen, case.scenario)
        rows_before = len(_rows(bq, ANOTHER["build_id"]))
        calls: list[str] = []
        for act in case.acts:
            ended = theatre.play("log-build", act)
            calls = calls or sequence(bq)
            if len(case.acts) == 1 and act.passes(calls):
                _expect_success(theatre, ended)
            else:
                _expect_of_act(theatre, ended)
        _end(theatre, case)
        theatre.settle()
        seen.count(1, len(_rows(bq, BUILD["BUILD_NUMBER"])))
        if not _may_thin(case, calls):
            theatre.expect(_is_whole(bq, case.scenario), "the row lacks columns")
        theatre.expect(len(_rows(bq, ANOTHER["build_id"])) == rows_before, "another build's row is gone or doubled")
    return seen


def _may_thin(case: Case, calls: list[str]) -> bool:
    """Tell whether something befell because of which a row may do without the columns that the table lacks."""
    blows = [blow for act in case.acts for blow in act.blows if blow.what in FORBIDDEN]
    if len(case.acts) > 1 or len(blows) != 1 or blows[0].lasting:
        return bool(blows)
    return calls[blows[0].position - 1 :][:1] == ["tables.patch"]


def _is_whole(bq: StandIn, scenario: Scenario) -> bool:
    if scenario.start == "seeds_columns" and scenario.given == "other":
        return True  # a table elsewhere than it should be is not changed
    return all(row.get("build_key") for row in _rows(bq, BUILD["BUILD_NUMBER"]))


def _expect_of_act(theatre: Theatre, ended: Ended) -> None:
    rows = len(_rows(theatre.bq, BUILD["BUILD_NUMBER"]))
    theatre.expect(rows <= 1, f"{rows} rows", ended)
    if theatre.was_killed:
        was_asked = bool(sequence(theatre.bq))
        theatre.expect(rows == 1 or not was_asked or _spooled(theatre) == 1, "killed, and neither row nor spool", ended)
    elif ended.code == 0:
        _expect_success(theatre, ended)
    else:
        theatre.expect_one_line(ended)
        result = ended.result or {}
        kept = theatre.folder / result.get("spool", "nowhere")
        theatre.expect(result.get("status") == "spooled" and kept.is_file(), "failed, and not spooled", ended)
        if kept.is_file():
            entry = spool.parse(kept.read_bytes(), str(kept))
            theatre.expect(entry.row["build_id"] == BUILD["BUILD_NUMBER"], "another row is spooled", ended)


def _expect_success(theatre: Theatre, ended: Ended) -> None:
    rows = len(_rows(theatre.bq, BUILD["BUILD_NUMBER"]))
    status = (ended.result or {}).get("status")
    theatre.expect(ended.code == 0, "a failure although nothing befell", ended)
    theatre.expect(status in {"recorded", "already_recorded"}, "another status", ended)
    theatre.expect(rows == 1, f"success was said of {rows} rows", ended)
    theatre.expect("Traceback" not in ended.stderr, "a traceback", ended)
    theatre.expect("other content" not in ended.stderr, "the same content is taken for another", ended)
    theatre.expect(_spooled(theatre) == 0, "a row that is on record stays in the spool", ended)


def _end(theatre: Theatre, case: Case) -> None:
    """Put the row on record with nothing in the way."""
    if case.ending == "replay" and _spooled(theatre):
        ended = theatre.play("replay", Act())
        theatre.expect(ended.code == 0 and not _spooled(theatre), "the replay did not empty the spool", ended)
        theatre.expect((ended.result or {}).get("status") == "replayed", "another status", ended)
    given = {}
    if case.ending == "other_method":
        given["BQ_WRITE_METHOD"] = {"insert": "load", "load": "insert"}[case.scenario.method]
    if case.ending == "other_location":
        given["BQ_LOCATION"] = case.scenario.location if case.scenario.given != "set" else ""
    _expect_success(theatre, theatre.play("log-build", Act(), **given))


def _spooled(theatre: Theatre) -> int:
    return len(list((theatre.folder / SPOOL).glob(f"*{spool.SUFFIX}")))


def _rows(bq: StandIn, build_id: str) -> list[dict[str, object]]:
    return [row for table in bq.tables.values() for row in table.rows if row.get("build_id") == build_id]


def _theatre(bq: StandIn, folder: Path, starter: Starter, seen: Seen, scenario: Scenario) -> Theatre:
    prepare(folder)
    environ = {**BUILD, "BQ_WRITE_METHOD": scenario.method}
    if scenario.given != "unset":
        other = LOCATIONS[LOCATIONS.index(scenario.location) - 1]
        environ["BQ_LOCATION"] = scenario.location if scenario.given == "set" else other
    _arrange(bq, folder, scenario)
    return Theatre(bq, folder, starter, environ, seen, {})


def prepare(folder: Path) -> None:
    """Put the build file into a folder."""
    (folder / BUILD["BQ_BUILD_FILE"]).write_text(json.dumps(BUILD_FILE), "utf-8")


def _arrange(bq: StandIn, folder: Path, scenario: Scenario) -> None:
    if scenario.start != "nothing":
        bq.create_dataset(f"{PROJECT}.{DATASET}", location=scenario.location)
    if scenario.start == "seeds_columns":
        bq.create_table(str(TABLE), SEEDS_COLUMNS, rows=[dict(ANOTHER)])
    if scenario.start in {"full", "first_job_failed"}:
        resource = dict(build.TABLE_RESOURCE)
        bq.create_table(str(TABLE), resource.pop("schema")["fields"], rows=[dict(ANOTHER)], **resource)
    if scenario.start == "first_job_failed":
        row = build.make(BUILD, folder / BUILD["BQ_BUILD_FILE"], TABLE, datetime.now(UTC))
        _submit_and_fail(bq, f"bqsteps-{row['build_key']}", scenario.location)
    bq.log.clear()
    bq.billing = scenario.billing == "billing"
    bq.refusals_in = scenario.refusals
    bq.job_seconds = JOB_SECONDS if scenario.jobs == "slow" else 0.0


def _submit_and_fail(bq: StandIn, job_id: str, location: str) -> None:
    """Be the process whose job of this id failed."""
    statement = f"INSERT INTO `{TABLE}` (no_column) VALUES (1)"  # noqa: S608  a name of our own
    job = {
        "jobReference": {"projectId": PROJECT, "jobId": job_id, "location": location},
        "configuration": {"query": {"query": statement, "useLegacySql": False}},
    }
    connection = http.client.HTTPConnection(urlsplit(bq.url).netloc, timeout=60)
    connection.request("POST", f"/bigquery/v2/projects/{PROJECT}/jobs", json.dumps(job))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    if "errorResult" not in answer["status"]:
        raise AssertionError(answer)
