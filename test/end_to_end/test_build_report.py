"""The report against the embedded BigQuery: its numbers are those that plain Python counts in the same rows."""

import itertools
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from bqsteps import build
from end_to_end import build_logs
from end_to_end.conftest import Person
from end_to_end.emulator import PROJECT
from generated import builds

Row = dict[str, Any]
NOW = datetime.now(UTC)
SEED = {
    "fields": [
        {"name": "build_id", "type": "STRING", "mode": "REQUIRED"},
        {"name": "timestamp", "type": "TIMESTAMP", "mode": "REQUIRED"},
        {"name": "status", "type": "STRING", "mode": "REQUIRED"},
    ]
}


def fill(person: Person, schema: dict[str, Any], rows: Iterable[Row]) -> None:
    """Make the build log of this person's dataset, with rows in it."""
    table = (person.environ["DATASET_ID"], "build_logs")
    build_logs.fill(person.environ["BIGQUERY_EMULATOR_HOST"], PROJECT, table, schema, rows)


class Tables(HTMLParser):
    """The rows of the page's tables, by the section that they are in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: dict[str, list[list[str]]] = defaultdict(list)
        self._section = ""
        self._is_cell = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self._section = dict(attrs)["id"] or ""
        if tag == "tr":
            self.rows[self._section].append([])
        if tag in {"td", "th"}:
            self.rows[self._section][-1].append("")
            self._is_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._is_cell = self._is_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._is_cell:
            self.rows[self._section][-1][-1] += data


def report(person: Person, **given: str) -> tuple[str, Tables]:
    ended = person.package("report", **given)
    assert (ended.returncode, ended.stderr) == (0, "")
    page = (person.folder / given.get("BQ_REPORT_DIR", "bqsteps-report") / "index.html").read_text(encoding="utf-8")
    return page, Tables(page)


def finding(page: str, section: str) -> str:
    found = re.search(rf'<section id="{section}".*?<p class="finding">(.*?)</p>', page, re.DOTALL)
    assert found
    return found[1].replace("&#39;", "'")


def test_the_numbers_are_those_of_the_rows(person: Person) -> None:
    rows = list(builds.rows(NOW, days=9, seed=7))
    fill(person, build.TABLE_RESOURCE["schema"], rows)
    page, tables = report(person, BQ_REPORT_DAYS="7")

    since = NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=6)
    last: dict[tuple[str, str], Row] = {}
    started: set[tuple[str, str]] = set()
    for row in sorted(rows, key=lambda row: row["event"] == "finished"):
        if since <= datetime.fromisoformat(row["timestamp"]) < NOW:
            key = (row["job_name"], row["build_id"])
            last[key] = row
            started |= {key} if row["event"] == "started" else set()
    ended = [row for row in last.values() if row["event"] == "finished" and row["status"] != "ABORTED"]
    good = [row for row in ended if row["status"] == "SUCCESS"]

    assert f"<strong>{len(last):,}</strong>" in page
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for row in ended:
        days[row["timestamp"][:10]][row["status"]] += 1
    expected = [
        [str(count[status]) for status in ("SUCCESS", "UNSTABLE", "FAILURE")] for _, count in sorted(days.items())
    ]
    assert [row[1:4] for row in tables.rows["success"][1:]] == expected
    assert f"of {len(ended):,} builds succeeded" in finding(page, "success")

    jobs = Counter((row["job_name"], row["branch"]) for row in ended)
    succeeded = Counter((row["job_name"], row["branch"]) for row in good)
    found = {(row[0], row[1]): (row[2], row[3]) for row in tables.rows["jobs"][1:]}
    assert found == {key: (f"{count:,}", f"{succeeded[key]:,}") for key, count in jobs.items()}

    times = defaultdict(list)
    for row in ended:
        times[row["job_name"]].append(row["duration_ms"] / 1000)
    slowest = sorted(times, key=lambda job: -statistics.median(times[job]))
    assert {row[0] for row in tables.rows["slowest"][1:]} == set(slowest[:10])

    commits = defaultdict(list)
    for row in ended:
        commits[row["job_name"], row["commit_id"]].append(row["status"] == "SUCCESS")
    flaky = Counter(job for (job, _), outcomes in commits.items() if len(set(outcomes)) == 2)
    rebuilt = Counter(job for (job, _), outcomes in commits.items() if len(outcomes) > 1)
    found_flaky = {row[0]: (int(row[2]), int(row[3])) for row in tables.rows["flakiest"][1:]}
    assert found_flaky == {job: (rebuilt[job], count) for job, count in flaky.items()}

    lost = Counter(
        row["job_name"]
        for row in last.values()
        if row["event"] == "started" and datetime.fromisoformat(row["timestamp"]) < NOW - timedelta(days=1)
    )
    assert {row[0]: int(row[1]) for row in tables.rows["unfinished"][1:]} == lost
    assert f"of {len(started):,} logged starts" in page
    stages = Counter((row["failed_stage"], row["job_name"]) for row in ended if row.get("failed_stage"))
    found_stages = {(row[0], row[1]): int(row[2]) for row in tables.rows["stages"][1:]}
    assert found_stages.items() <= stages.items()
    assert sorted(found_stages.values()) == sorted(stages.values())[-len(found_stages) :]


def test_the_seeds_three_columns_give_a_rate_and_say_what_is_missing(person: Person) -> None:
    numbers = itertools.count(1)
    rows = [
        {
            "build_id": f"DEV-{next(numbers) % 2}",
            "timestamp": (NOW - timedelta(hours=hour)).isoformat(),
            "status": status,
        }
        for hour, status in enumerate(("SUCCESS", "success", "FAILURE", "SUCCESS"))
    ]
    fill(person, SEED, rows)
    page, _ = report(person)
    assert "75% of 4 builds succeeded." in finding(page, "success")
    assert finding(page, "duration") == "No row tells how long its build took."
    assert finding(page, "jobs") == "No row names its job."
    assert finding(page, "stages") == "None of 1 failure names its stage."
    assert finding(page, "unfinished") == "No start is logged in this period, so it cannot be told."


def test_an_empty_table_and_one_build(person: Person) -> None:
    fill(person, build.TABLE_RESOURCE["schema"], [])
    page, _ = report(person)
    assert "No build is on record in this period." in page
    assert person.package("log-build", JENKINS_URL="https://ci.example.com/", JOB_NAME="a").returncode == 0
    page, tables = report(person, BQ_REPORT_DIR="again")
    assert finding(page, "success") == "100% of 1 build succeeded."
    assert tables.rows["jobs"][1][:4] == ["a", "\u2013", "1", "1"]


def test_thousands_of_jobs_give_a_page_of_bounded_size(person: Person) -> None:
    rows = [
        {
            "build_id": "1",
            "timestamp": NOW.isoformat(),
            "status": "FAILURE" if number % 3 else "SUCCESS",
            "job_name": f"job {number}",
            "started_at": NOW.isoformat(),
            "failed_stage": f"stage {number}",
            "duration_ms": number,
        }
        for number in range(5000)
    ]
    fill(person, build.TABLE_RESOURCE["schema"], rows)
    page, tables = report(person)
    assert "<strong>5,000</strong>" in page
    assert len(tables.rows["jobs"]) == 1 + 15
    assert "the first 15 of 5,000" in page
    assert len(tables.rows["slowest"]) == 1 + 10
    assert tables.rows["slowest"][1][0] == "job 4999"
    assert len(page) < 60_000


def test_a_table_that_does_not_exist_is_one_line(person: Person, tmp_path: Path) -> None:
    ended = person.package("report")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "there is no table" in ended.stderr
    assert not (tmp_path / "bqsteps-report").exists()
