"""The command `report`: what goes over the wire, what it refuses, and the page that it leaves."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bqsteps import build, build_queries
from canned_bigquery import Canned, Row, serving
from processes import COMMAND, ROOT, Ended, run

NOW = datetime.now(UTC)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
TABLE = {
    "tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"},
    "location": "EU",
    "schema": build.TABLE_RESOURCE["schema"],
}
NASTY = (
    "<script>alert(1)</script>",
    '" onload="alert(1)',
    "$x_1$ $\\undefined{$ _^{}",
    "emoji 🎉 中文 \u202e",
    "x" * 300,
    "a&amp;b",
    "{{ page.title }}{% raw %}",
)
OVERVIEW = {
    "builds": 120, "controllers": 1, "jobs": 7, "judged": 100, "succeeded": 90, "no_verdict": 15, "with_start": 110,
    "never_finished": 4, "running": 1, "median_ms": 61_000, "p95_ms": 3_725_000,
}  # fmt: skip
NOTHING = {name: None if name.endswith("_ms") else 0 for name in OVERVIEW}


def rows() -> dict[str, list[Row]]:
    """A row or some for each chart, with names that nobody should trust."""
    jobs: list[Row] = [{"controller_url": "https://ci.example.com/", "job_name": name} for name in NASTY]
    return {
        "overview": [OVERVIEW],
        "success": [
            {"unit": TODAY - timedelta(days=2), "succeeded": 30, "unstable": 2, "failed": 8},
            {"unit": TODAY, "succeeded": 60, "unstable": 0, "failed": 0},
        ],
        "duration": [
            {"unit": TODAY - timedelta(days=2), "builds": 40, "median_ms": 61_000, "p95_ms": 3_725_000},
            {"unit": TODAY, "builds": 60, "median_ms": 900, "p95_ms": 59_600},
        ],
        "jobs": [
            {**job, "branch": None if number else NASTY[0], "builds": 8, "succeeded": number, "unstable": 1,
             "median_ms": None if number == 1 else 5_000, "p95_ms": None if number == 1 else 60_000, "of_all": 4_321}
            for number, job in enumerate(jobs)
        ],
        "slowest": [{**job, "builds": 3, "median_ms": 7_200_000, "p95_ms": 7_300_000, "of_all": 7} for job in jobs],
        "flakiest": [
            {**job, "commits": 9, "rebuilt": 4, "flaky": 3 - number, "rebuilt_of_all": 11, "flaky_of_all": 6}
            for number, job in enumerate(jobs[:4])
        ],
        "stages": [
            {"controller_url": None, "job_name": None, "failed_stage": None, "builds": 2, "latest": NOW, "of_all": 9},
            *({**job, "failed_stage": NASTY[0], "builds": 1, "latest": NOW, "of_all": 9} for job in jobs),
        ],
        "unfinished": [
            {**job, "never_finished": 2, "builds": 20, "latest": NOW, "latest_url": url}
            for job, url in zip(jobs, ("javascript:alert(1)", "https://ci.example.com/x/?a=1&b=2", None), strict=False)
        ],
    }  # fmt: skip


@dataclass
class Scene:
    canned: Canned
    folder: Path

    def report(self, **given: str) -> Ended:
        usual = {
            "PROJECT_ID": "p",
            "DATASET_ID": "d",
            "TABLE_ID": "t",
            "BIGQUERY_EMULATOR_HOST": self.canned.url,
        }
        # matplotlib's list of fonts takes as long to make as all else that it does, in each new home folder.
        fonts = {} if "WORKSPACE_TMP" in given else {"MPLCONFIGDIR": str(ROOT / ".build/matplotlib")}
        return run((*COMMAND, "report"), self.folder, **{**usual, **fonts, **given})

    @property
    def page(self) -> "Page":
        return Page(self.folder / "bqsteps-report")


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: tuple[str, ...] = ()


class Page(HTMLParser):
    """The page as a list of elements, each with the text in it; fails where tags do not close in order."""

    VOID = frozenset({"meta", "link", "img", "source"})

    def __init__(self, folder: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.folder = folder
        self.source = (folder / "index.html").read_text(encoding="utf-8")
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(self.source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        element = Element(tag, dict(attrs), inside=tuple(each.tag for each in self._open))
        self.elements.append(element)
        if tag not in self.VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        return [
            element
            for element in self.elements
            if element.tag == tag and all(element.attributes.get(key) == value for key, value in attributes.items())
        ]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A build log of which only the key figures are known, so that there is nothing to draw."""
    with serving(Canned(TABLE, {"overview": [OVERVIEW]})) as canned:
        yield Scene(canned, tmp_path)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page of names that nobody should trust."""
    folder = tmp_path_factory.mktemp("nasty")
    with serving(Canned(TABLE, rows())) as canned:
        ended = Scene(canned, folder).report(BQ_REPORT_TITLE="Builds of <Shop> & co")
        assert (ended.code, ended.stderr) == (0, "")
        yield Page(folder / "bqsteps-report")


# What goes over the wire.


def test_the_bytes_are_estimated_first_said_in_a_line_and_capped(scene: Scene) -> None:
    ended = scene.report()
    assert ended.code == 0, ended.stderr
    charts = sorted(build_queries.CHARTS)
    assert len(scene.canned.estimates) == len(charts)
    assert sorted(query["labels"]["bqsteps_report"] for query in scene.canned.queries) == charts
    estimated = sorted(each["query"]["query"] for each in scene.canned.estimates)
    assert estimated == sorted(query["query"] for query in scene.canned.queries)
    caps = [int(query["maximumBytesBilled"]) for query in scene.canned.queries]
    assert min(caps) >= scene.canned.estimate
    assert sum(caps) <= 10 * 1024**3
    assert ended.stdout.splitlines() == [
        "p.d.t: 8 queries read 381 MiB, by BigQuery's estimate",
        "Reported 120 builds of the last 30 days in bqsteps-report/index.html",
    ]
    assert ended.result == {
        "status": "reported",
        "table": "p.d.t",
        "index": "bqsteps-report/index.html",
        "builds": 120,
        "bytes_estimated": 400_000_000,
    }


def test_values_are_parameters_and_queries_run_where_the_table_is(scene: Scene) -> None:
    scene.report(BQ_REPORT_DAYS="7")
    for query in [*(each["query"] for each in scene.canned.estimates), *scene.canned.queries]:
        given = {each["name"]: each for each in query["queryParameters"]}
        assert {each["parameterType"]["type"] for each in given.values()} == {"TIMESTAMP"}
        assert given.keys() == {"since", "until", "unfinished_before"}
        since = datetime.fromisoformat(given["since"]["parameterValue"]["value"])
        until = datetime.fromisoformat(given["until"]["parameterValue"]["value"])
        assert timedelta(days=6) <= until - since <= timedelta(days=7)
        assert not re.search(r"20\d\d", query["query"])
        assert query["useLegacySql"] is False
    assert {query["location"] for query in scene.canned.queries} == {"EU"}


def test_what_would_cost_more_than_is_allowed_is_refused_before_anything_is_read(scene: Scene) -> None:
    ended = scene.report(BQ_MAX_BYTES_BILLED="399999999")
    assert ended.line == (
        "bqsteps: the report of p.d.t would be billed for 381 MiB, more than 381 MiB (BQ_MAX_BYTES_BILLED). "
        "Nothing was read. Allow more, or report fewer days (BQ_REPORT_DAYS)."
    )
    assert ended.result is not None
    assert ended.result["error"]["kind"] == "refused"
    assert scene.canned.queries == []
    assert scene.report(BQ_MAX_BYTES_BILLED="400000000").code == 0


def test_a_query_that_reads_little_is_billed_for_ten_mebibytes(scene: Scene) -> None:
    scene.canned.estimate = 0
    assert "80 MiB, more than 80 MiB" in scene.report(BQ_MAX_BYTES_BILLED=str(80 * 1024**2 - 1)).line
    assert scene.report(BQ_MAX_BYTES_BILLED=str(80 * 1024**2)).code == 0
    assert {query["maximumBytesBilled"] for query in scene.canned.queries} == {str(10 * 1024**2)}


def test_what_bigquery_refuses_to_run_is_one_line_and_leaves_what_was_there(scene: Scene) -> None:
    scene.report()
    before = (scene.folder / "bqsteps-report/index.html").read_bytes()
    scene.canned.refusal = (400, "bytesBilledLimitExceeded")
    assert "Query exceeded limit for bytes billed." in scene.report().line
    assert (scene.folder / "bqsteps-report/index.html").read_bytes() == before


# Tables.


def test_a_missing_table_is_one_line(scene: Scene) -> None:
    scene.canned.table = None
    ended = scene.report()
    assert ended.line == "bqsteps: there is no table p.d.t, so no build is on record. Log one, or check the names."
    assert ended.result is not None
    assert ended.result["error"]["kind"] == "not_found"
    assert not (scene.folder / "bqsteps-report").exists()


def test_a_table_that_is_no_build_log_is_one_line(scene: Scene) -> None:
    scene.canned.table = {**TABLE, "schema": {"fields": [{"name": "build_id", "type": "STRING"}]}}
    assert scene.report().line == (
        "bqsteps: p.d.t is no build log: it has no fitting column timestamp, status. "
        "Name the table that log-build writes."
    )
    assert scene.canned.estimates == []


def test_another_location_than_the_tables_is_one_line(scene: Scene) -> None:
    assert scene.report(BQ_LOCATION="US").line == (
        "bqsteps: p.d.t is in EU, not in US. Correct BQ_LOCATION, or unset it."
    )
    assert scene.report(BQ_LOCATION="eu").code == 0


@pytest.mark.parametrize("name", ["BQ_REPORT_DAYS", "BQ_MAX_BYTES_BILLED"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "a month", "9" * 30])
def test_a_wrong_number_is_named(scene: Scene, name: str, value: str) -> None:
    assert f"{name} is '{value}', not a whole number" in scene.report(**{name: value}).line


# The page.


def test_there_is_no_script_and_no_style_but_the_sheet(nasty: Page) -> None:
    assert not [element for element in nasty.elements if element.tag in {"script", "style", "iframe", "base", "svg"}]
    names = {name for element in nasty.elements for name in element.attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]
    (sheet,) = nasty.all("link", rel="stylesheet")
    assert sheet.attributes["href"] == "style.css"
    assert "url(" not in (nasty.folder / "style.css").read_text()
    assert "@import" not in (nasty.folder / "style.css").read_text()


def test_every_address_is_a_file_beside_the_page_or_a_build(nasty: Page) -> None:
    for element in nasty.elements:
        for name in ("src", "srcset", "href"):
            address = element.attributes.get(name)
            if address is not None and element.tag != "a":
                assert (nasty.folder / address).is_file(), address
    (link,) = nasty.all("a")
    assert link.attributes["href"] == "https://ci.example.com/x/?a=1&b=2"
    named = {address for e in nasty.elements for a in ("src", "srcset") if (address := e.attributes.get(a))}
    assert {path.name for path in nasty.folder.iterdir()} == {"index.html", "style.css", *named}


def test_each_picture_has_a_text_that_says_the_finding_and_a_table_behind_it(nasty: Page) -> None:
    sections = nasty.all("section")
    images, tables = nasty.all("img"), nasty.all("table")
    assert len(sections) == len(images) == len(tables) == 7
    findings = [element.text for element in nasty.all("p", **{"class": "finding"})]
    for image, finding in zip(images, findings, strict=True):
        alt = image.attributes["alt"] or ""
        assert alt.endswith(finding)
        assert len(alt) > len(finding) + 20
    assert all("details" in table.inside for table in tables)
    assert len(nasty.all("caption")) == len(nasty.all("summary")) == len(nasty.all("figcaption")) == 7
    assert all(head.attributes.get("scope") in {"col", "row"} for head in nasty.all("th"))
    for section in sections:
        label = section.attributes["aria-labelledby"] or ""
        assert len(nasty.all("h2", id=label)) == 1


def test_pictures_come_in_light_and_dark_and_for_phones_at_twice_their_size(nasty: Page) -> None:
    for picture in [*nasty.all("source"), *nasty.all("img")]:
        name = picture.attributes.get("srcset") or picture.attributes["src"] or ""
        data = (nasty.folder / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", data[16:24])
        assert (width, height) == (
            2 * int(picture.attributes["width"] or 0),
            2 * int(picture.attributes["height"] or 0),
        )
        assert width == (2 * 358 if "narrow" in name else 2 * 880)
        media = picture.attributes.get("media") or ""
        assert ("prefers-color-scheme: dark" in media) == ("dark" in name)
        assert ("max-width" in media) == ("narrow" in name)


def test_names_appear_as_they_are_and_as_text(nasty: Page) -> None:
    cells = [element.text for element in nasty.elements if element.tag in {"td", "th"}]
    for name in NASTY:
        assert name in cells
    assert [element.text for element in nasty.all("h1")] == ["Builds of <Shop> & co"]
    assert [element.text for element in nasty.all("title")] == ["Builds of <Shop> & co"]
    (root,) = nasty.all("html")
    assert root.attributes["lang"] == "en"


def test_the_tables_hold_the_numbers(nasty: Page) -> None:
    assert (
        "120 builds of 7 jobs. Of those with a verdict 90% succeeded, and half took 1 min 1 s or less." in nasty.source
    )
    texts = [[cell.text for cell in nasty.elements if cell.tag in {"td", "th"} and cell.inside.count("tbody")]]
    text = " | ".join(texts[0])
    assert "| 30 | 2 | 8 | 75% |" in text
    assert "| 40 | 1 min 1 s | 1 h 2 min |" in text
    assert "| 60 | 0.9 s | 1 min |" in text
    assert "| 9 | 4 | 3 | 75% |" in text


def test_a_period_without_builds_is_a_page_that_says_so(scene: Scene) -> None:
    scene.canned.rows = {"overview": [NOTHING]}
    assert scene.report().code == 0
    page = scene.page
    assert "No build is on record in this period." in page.source
    assert page.all("img") == page.all("section") == []


def test_charts_that_cannot_be_drawn_say_why(scene: Scene) -> None:
    scene.canned.rows = {
        "overview": [{**NOTHING, "builds": 1, "judged": 1}],
        "success": [{"unit": TODAY, "succeeded": 0, "unstable": 0, "failed": 1}],
    }
    assert scene.report().code == 0
    page = scene.page
    assert [element.text for element in page.all("p", **{"class": "finding"})] == [
        "0% of 1 build succeeded.",
        "No row tells how long its build took.",
        "No row names its job.",
        "No row tells how long a job's build took.",
        "No row names its commit, so it cannot be told.",
        "No build failed in this period.",
        "No start is logged in this period, so it cannot be told.",
    ]
    assert len(page.all("img")) == 1


def test_pictures_of_a_former_report_go_and_other_files_stay(scene: Scene) -> None:
    scene.canned.rows = {"overview": [OVERVIEW], "success": rows()["success"]}
    scene.report()
    folder = scene.folder / "bqsteps-report"
    assert len(list(folder.glob("success-*.png"))) == 4
    (folder / "theirs.png").touch()
    scene.canned.rows = {"overview": [NOTHING]}
    scene.report()
    assert {path.name for path in folder.iterdir()} == {"index.html", "style.css", "theirs.png"}


def test_several_controllers_are_told_apart(scene: Scene) -> None:
    controllers = ("https://one.example.com/", "https://two.example.com/ci/", None)
    job: dict[str, Any] = {"job_name": "a", "builds": 1, "median_ms": 1, "p95_ms": 1, "of_all": 3}
    slowest = [{"controller_url": url, **job} for url in controllers]
    scene.canned.rows = {"overview": [{**OVERVIEW, "controllers": 2}], "slowest": slowest}
    assert scene.report().code == 0
    heads = [element.text for element in scene.page.all("th", scope="row")]
    assert heads == ["a on one.example.com", "a on two.example.com/ci", "a"]


def test_a_matplotlibrc_and_a_folder_that_cannot_be_written_do_no_harm(scene: Scene) -> None:
    scene.canned.rows = {"overview": [OVERVIEW], "success": rows()["success"]}
    (scene.folder / "matplotlibrc").write_text("text.usetex: True\nfont.size: 90\nnonsense\n")
    ended = scene.report(WORKSPACE_TMP=str(scene.folder / "a job@tmp"), HOME="/proc/nowhere")
    assert (ended.code, ended.stderr) == (0, "")
    assert (scene.folder / "a job@tmp/bqsteps/matplotlib").is_dir()
