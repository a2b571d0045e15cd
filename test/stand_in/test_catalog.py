"""Datasets and tables: what is created, echoed, changed and refused."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from stand_in import Limits, ManualClock, StandIn
from stand_in.evidence import cites
from stand_in.support import FIELDS, D, P, T, client, insert_job, load, patch_fields, raw, submit

SCHEMA = [bigquery.SchemaField("id", "STRING", "REQUIRED"), bigquery.SchemaField("n", "INT64")]


@cites("duplicate", "errors")
def test_a_name_that_is_taken_is_409_in_googles_json() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        dataset = raw(bq, "POST", f"{P}/datasets", {"datasetReference": {"datasetId": "d"}})
        table = raw(bq, "POST", f"{D}/tables", {"tableReference": {"tableId": "t"}})
    assert dataset.json == {
        "error": {
            "code": 409,
            "message": "Already Exists: Dataset p:d",
            "status": "ALREADY_EXISTS",
            "errors": [{"message": "Already Exists: Dataset p:d", "domain": "global", "reason": "duplicate"}],
        }
    }
    assert (table.status, table.message) == (409, "Already Exists: Table p:d.t")


@cites("not-found")
def test_what_is_missing_is_404_and_named() -> None:
    with StandIn() as bq:
        assert raw(bq, "GET", T).message == "Not found: Dataset p:d"
        bq.create_dataset("p.d")
        missing = raw(bq, "GET", T)
        assert (missing.status, missing.reason, missing.message) == (404, "notFound", "Not found: Table p:d.t")
        assert raw(bq, "GET", f"{P}/jobs/j").message == "Not found: Job p:j"
        assert raw(bq, "GET", "/bigquery/v2/nonsense").status == 404


@cites("not-found", "project")
def test_a_project_that_is_not_there_is_404() -> None:
    with StandIn(projects=["other"]) as bq:
        assert raw(bq, "GET", D).message == "Not found: Project p"


@cites("test-permissions")
def test_it_tells_which_permissions_are_held_on_a_table() -> None:
    asked = {"permissions": ["bigquery.tables.update", "bigquery.tables.updateData"]}
    with StandIn(denied=["bigquery.tables.update"]) as bq:
        assert raw(bq, "POST", f"{T}:testIamPermissions", asked).status == 404
        bq.create_table("p.d.t", FIELDS)
        state = bq.state()
        assert raw(bq, "POST", f"{T}:testIamPermissions", asked).json == {"permissions": ["bigquery.tables.updateData"]}
        bq.permissions.denied.add("bigquery.tables.updateData")
        assert raw(bq, "POST", f"{T}:testIamPermissions", asked).json == {}
        assert bq.state() == state


@cites("test-permissions")
def test_who_may_not_look_at_a_table_is_not_told_that_there_is_none() -> None:
    with StandIn(denied=["bigquery.tables.get"]) as bq:
        asked = {"permissions": ["bigquery.tables.get", "bigquery.tables.update"]}
        assert raw(bq, "POST", f"{T}:testIamPermissions", asked).json == {}


@cites("date")
def test_each_answer_has_a_date_by_its_clock() -> None:
    clock = ManualClock()
    with StandIn(clock=clock) as bq:
        for path in (D, "/bigquery/v2/nonsense"):
            clock.advance(3600)
            date = raw(bq, "GET", path).headers["Date"]
            assert int(parsedate_to_datetime(date).timestamp()) == int(clock.now())


@cites("echo")
def test_types_come_back_under_their_legacy_names_and_int64_as_text() -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d", location="EU")
        made = client(bq).create_table(
            bigquery.Table(
                "p.d.t",
                schema=[
                    bigquery.SchemaField("s", "STRING", max_length=10),
                    bigquery.SchemaField("b", "BOOL"),
                    bigquery.SchemaField("r", "STRUCT", "REPEATED", fields=[bigquery.SchemaField("f", "FLOAT64")]),
                ],
            )
        )
        echoed = raw(bq, "GET", T).json
    assert echoed["schema"]["fields"] == [
        {
            "name": "s",
            "type": "STRING",
            "mode": "NULLABLE",
            "maxLength": "10",
            "policyTags": {"names": []},
            "collation": "",
        },
        {"name": "b", "type": "BOOLEAN", "mode": "NULLABLE", "policyTags": {"names": []}},
        {
            "name": "r",
            "type": "RECORD",
            "mode": "REPEATED",
            "policyTags": {"names": []},
            "fields": [{"name": "f", "type": "FLOAT", "mode": "NULLABLE", "policyTags": {"names": []}}],
        },
    ]
    assert {key: echoed[key] for key in ("id", "numRows", "location", "type")} == {
        "id": "p:d.t",
        "numRows": "0",
        "location": "EU",
        "type": "TABLE",
    }
    assert (made.etag, made.created is None) == (echoed["etag"], False)


@cites("echo")
def test_fields_can_come_back_as_they_were_sent() -> None:
    with StandIn(adorn=False) as bq:
        bq.create_table("p.d.t", [{"name": "a", "type": "INT64"}])
        assert raw(bq, "GET", T).json["schema"]["fields"] == [{"name": "a", "type": "INTEGER"}]


@cites("names")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tableReference": {"tableId": "t$20240101"}}, 'Invalid table ID "t$20240101".'),
        ({"schema": {"fields": [{"name": "a.b", "type": "STRING"}]}}, 'Invalid field name "a.b".'),
        ({"schema": {"fields": [{"name": "x" * 301, "type": "STRING"}]}}, f'Invalid field name "{"x" * 301}".'),
        (
            {"schema": {"fields": [{"name": "a", "type": "STRNG"}]}},
            "Invalid value for type: STRNG is not a valid value",
        ),
        (
            {"schema": {"fields": [{"name": "a", "type": "STRING"}, {"name": "A", "type": "STRING"}]}},
            "Field A already exists in schema",
        ),
        ({"labels": {"Key": "v"}}, 'Invalid label "Key": "v".'),
        ({"labels": {"key": "v" * 64}}, f'Invalid label "key": "{"v" * 64}".'),
    ],
)
def test_names_outside_bigquerys_rules_are_refused(change: dict[str, object], said: str) -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d")
        refused = raw(bq, "POST", f"{D}/tables", {"tableReference": {"tableId": "t"}, **change})
        assert (refused.status, refused.reason, refused.message) == (400, "invalid", said)
        assert not bq.tables


@cites("names")
def test_a_dataset_id_has_no_dash() -> None:
    with StandIn() as bq:
        assert raw(bq, "POST", f"{P}/datasets", {"datasetReference": {"datasetId": "a-b"}}).status == 400


@cites("names")
@pytest.mark.parametrize("table", ["a-b", "a b", "tæbel", "0"])
def test_table_ids_take_dashes_spaces_and_letters_of_any_script(table: str) -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d")
        made = client(bq).create_table(bigquery.Table(bigquery.DatasetReference("p", "d").table(table)))
        assert client(bq).get_table(made).table_id == table


@cites("names")
def test_a_project_may_be_of_a_domain() -> None:
    with StandIn() as bq:
        bq.create_table("example.com:p.d.t", FIELDS)
        assert client(bq).get_table(bigquery.TableReference.from_string("example.com:p.d.t")).project == "example.com:p"


@cites("expirations")
def test_a_new_table_inherits_the_default_expirations_of_its_dataset() -> None:
    with StandIn(clock=ManualClock(now=1_000)) as bq:
        bq.create_dataset("p.d", defaultTableExpirationMs="3600000", defaultPartitionExpirationMs="7200000")
        bq.create_table("p.d.plain", FIELDS)
        bq.create_table("p.d.parted", FIELDS, timePartitioning={"type": "DAY", "field": "at"})
        assert bq.tables["p.d.plain"].resource["expirationTime"] == str(1_000_000 + 3_600_000)
        parted = bq.tables["p.d.parted"].resource
        assert parted["timePartitioning"]["expirationMs"] == "7200000"
        assert "expirationTime" not in parted


@cites("access")
def test_a_patch_of_access_replaces_it_whole() -> None:
    mine = [{"role": "READER", "userByEmail": "me@example.com"}]
    with StandIn() as bq:
        bq.create_dataset("p.d")
        raw(bq, "PATCH", D, {"description": "kept"})
        assert bq.datasets["p.d"].resource["access"] == [{"role": "OWNER", "specialGroup": "projectOwners"}]
        raw(bq, "PATCH", D, {"access": mine})
        assert bq.datasets["p.d"].resource["access"] == mine


@cites("patch")
def test_a_patch_appends_columns_relaxes_and_describes_also_nested() -> None:
    record = {"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}]}
    with StandIn(adorn=False) as bq:
        bq.create_table("p.d.t", [*FIELDS, record])
        wanted: list[dict[str, object]] = [
            {"name": "new", "type": "STRING", "mode": "REPEATED"},
            {"name": "id", "type": "STRING", "mode": "NULLABLE", "description": "the key"},
            {"name": "n", "type": "INTEGER"},
            {"name": "at", "type": "TIMESTAMP"},
            {**record, "fields": [{"name": "y", "type": "DATE"}, *record["fields"]]},
        ]
        patched = patch_fields(bq, wanted)
        assert patched.status == 200
        fields = bq.tables["p.d.t"].fields
    assert [field["name"] for field in fields] == ["id", "at", "n", "r", "new"]
    assert fields[0] == {"name": "id", "type": "STRING", "mode": "NULLABLE", "description": "the key"}
    assert [field["name"] for field in fields[3]["fields"]] == ["x", "y"]


@cites("patch")
def test_a_patch_merges_labels_and_leaves_what_it_does_not_name() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS, labels={"a": "1", "b": "2"}, description="old", rows=[{"id": "x"}])
        raw(bq, "PATCH", T, {"labels": {"a": None, "c": "3"}, "clustering": {"fields": ["id"]}, "description": None})
        table = bq.tables["p.d.t"]
        assert table.resource["labels"] == {"b": "2", "c": "3"}
        assert table.resource["clustering"] == {"fields": ["id"]}
        assert "description" not in table.resource
        assert [row["id"] for row in table.rows] == ["x"]


@cites("schema-refused", "errors")
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            [*FIELDS, {"name": "x", "type": "STRING", "mode": "REQUIRED"}],
            "Cannot add required fields to an existing schema. (field: x)",
        ),
        (FIELDS[:2], "Field n is missing in new schema"),
        ([*FIELDS[:2], {"name": "n", "type": "FLOAT64"}], "Field n has changed type from INTEGER to FLOAT"),
        ([*FIELDS[:2], {"name": "n", "type": "NUMERIC"}], "Field n has changed type from INTEGER to NUMERIC"),
        (
            [{"name": "id", "type": "STRING", "mode": "REQUIRED", "maxLength": 9}, *FIELDS[1:]],
            "Field id has changed type from STRING to STRING(9)",
        ),
        (
            [*FIELDS[:2], {"name": "n", "type": "INT64", "mode": "REQUIRED"}],
            "Field n has changed mode from NULLABLE to REQUIRED",
        ),
        (
            [*FIELDS[:2], {"name": "n", "type": "INT64", "mode": "REPEATED"}],
            "Field n has changed mode from NULLABLE to REPEATED",
        ),
    ],
)
def test_a_destructive_schema_is_refused_and_changes_nothing(fields: list[dict[str, object]], said: str) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS, rows=[{"id": "x"}])
        before = bq.state()
        refused = patch_fields(bq, fields)
        assert (refused.status, refused.reason) == (400, "invalid")
        assert refused.message == f"Provided Schema does not match Table p:d.t. {said}"
        assert bq.state() == before


@cites("schema-refused")
def test_a_nested_change_is_named_by_its_path() -> None:
    def record(*fields: dict[str, str]) -> list[dict[str, object]]:
        return [{"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "STRING"}, *fields]}]

    with StandIn() as bq:
        bq.create_table("p.d.t", record())
        refused = patch_fields(bq, record({"name": "y", "type": "DATE", "mode": "REQUIRED"}))
        assert refused.message.endswith("(field: r.y)")


@cites("partitioning")
def test_partitioning_stays_as_it_was_created() -> None:
    by_day = {"type": "DAY", "field": "at"}
    with StandIn() as bq:
        bq.create_table("p.d.plain", FIELDS)
        bq.create_table("p.d.t", FIELDS, timePartitioning=by_day)
        late = raw(bq, "PATCH", f"{D}/tables/plain", {"timePartitioning": by_day})
        assert (late.status, late.message) == (400, "Cannot convert non-partitioned table to partitioned table.")
        for other in ({**by_day, "type": "HOUR"}, {"type": "DAY"}, None):
            assert raw(bq, "PATCH", T, {"timePartitioning": other}).status == 400
        assert raw(bq, "PATCH", T, {"timePartitioning": {**by_day, "expirationMs": 1000}}).status == 200
        assert bq.tables["p.d.t"].resource["timePartitioning"] == {**by_day, "expirationMs": "1000"}


@cites("definition")
@pytest.mark.parametrize(
    "resource",
    [
        {"timePartitioning": {"type": "DAY", "field": "nope"}},
        {"timePartitioning": {"type": "DAY", "field": "id"}},
        {"timePartitioning": {"type": "WEEK", "field": "at"}},
        {"rangePartitioning": {"field": "at", "range": {"start": 0, "end": 9, "interval": 1}}},
        {"clustering": {"fields": ["nope"]}},
        {"clustering": {"fields": ["id", "at", "n", "id", "at"]}},
        {"requirePartitionFilter": True},
        {"nonsense": 1},
    ],
)
def test_a_table_that_cannot_be_is_not_made(resource: dict[str, object]) -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d")
        body = {"tableReference": {"tableId": "t"}, "schema": {"fields": FIELDS}, **resource}
        assert raw(bq, "POST", f"{D}/tables", body).status == 400
        assert not bq.tables


@cites("etag")
def test_the_client_that_edits_an_old_version_gets_412() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        mine, theirs = client(bq).get_table("p.d.t"), client(bq).get_table("p.d.t")
        theirs.description = "theirs"
        assert client(bq).update_table(theirs, ["description"]).etag != mine.etag
        mine.description = "mine"
        with pytest.raises(exceptions.PreconditionFailed) as refused:
            client(bq).update_table(mine, ["description"])
        assert refused.value.errors[0]["reason"] == "conditionNotMet"
        assert bq.tables["p.d.t"].resource["description"] == "theirs"
        assert raw(bq, "PATCH", T, {"description": "any"}).status == 200


@cites("etag")
@pytest.mark.parametrize("rows_change_etag", [False, True])
def test_written_rows_change_the_etag_only_on_command(rows_change_etag: bool) -> None:  # noqa: FBT001
    with StandIn(rows_change_etag=rows_change_etag) as bq:
        etag = bq.create_table("p.d.t", FIELDS).etag
        submit(bq, insert_job())
        load(bq, {"id": "y"})
        assert len(bq.tables["p.d.t"].rows) == 2
        assert (bq.tables["p.d.t"].etag != etag) is rows_change_etag


@cites("update-rate")
def test_the_sixth_update_in_ten_seconds_is_refused_then_the_window_moves_on() -> None:
    clock = ManualClock()
    with StandIn(limits=Limits(), clock=clock) as bq:
        bq.create_dataset("p.d")
        assert raw(bq, "POST", f"{D}/tables", {"tableReference": {"tableId": "t"}}).status == 200
        statuses = [raw(bq, "PATCH", T, {"description": str(n)}).status for n in range(5)]
        assert statuses == [200, 200, 200, 200, 403]
        refused = raw(bq, "PATCH", T, {"description": "late"})
        assert refused.reason == "rateLimitExceeded"
        assert "too many table update operations for this table" in refused.message
        clock.advance(10)
        assert raw(bq, "PATCH", T, {"description": "in time"}).status == 200


@cites("update-rate")
def test_inserts_count_but_are_never_refused_and_loads_are() -> None:
    with StandIn(limits=Limits(), clock=ManualClock()) as bq:
        bq.create_table("p.d.t", FIELDS)
        for _ in range(7):
            assert "errorResult" not in submit(bq, insert_job()).json["status"]
        assert raw(bq, "PATCH", T, {"description": "x"}).reason == "rateLimitExceeded"
        assert load(bq, {"id": "y"}).json["status"]["errorResult"]["reason"] == "rateLimitExceeded"
        assert len(bq.tables["p.d.t"].rows) == 7


@cites("update-rate")
def test_datasets_have_the_same_rate() -> None:
    with StandIn(limits=Limits(), clock=ManualClock()) as bq:
        bq.create_dataset("p.d")
        replies = [raw(bq, "PATCH", D, {"description": str(n)}) for n in range(6)]
        assert [reply.status for reply in replies] == [200] * 5 + [403]
        assert "too many dataset metadata update operations" in replies[-1].message


@cites("update-rate")
def test_the_rates_of_tables_and_datasets_are_apart() -> None:
    limits = Limits.off()
    limits.dataset_updates, limits.table_updates = 1, 2
    with StandIn(limits=limits, clock=ManualClock()) as bq:
        bq.create_table("p.d.t", FIELDS)
        assert [raw(bq, "PATCH", D, {"description": "x"}).status for _ in range(3)] == [200, 403, 403]
        assert [raw(bq, "PATCH", T, {"description": "x"}).status for _ in range(3)] == [200, 200, 403]


@cites("create-race")
def test_in_a_race_of_creations_one_wins_some_are_409_and_some_403() -> None:
    with StandIn(limits=Limits(), clock=ManualClock()) as bq:
        bq.create_dataset("p.d")
        body = {"tableReference": {"tableId": "t"}}
        statuses = [raw(bq, "POST", f"{D}/tables", body).status for _ in range(16)]
        assert sorted(set(statuses)) == [200, 403, 409]
        assert statuses.count(200) == 1


@cites("permissions")
@pytest.mark.parametrize(
    ("permission", "method", "path", "named"),
    [
        ("bigquery.datasets.create", "POST", f"{P}/datasets", "Project p: User does not have"),
        ("bigquery.datasets.get", "GET", D, "Dataset p:d: Permission"),
        ("bigquery.tables.create", "POST", f"{D}/tables", "Dataset p:d: Permission"),
        ("bigquery.tables.get", "GET", T, "Table p:d.t: Permission"),
        ("bigquery.tables.update", "PATCH", T, "Table p:d.t: Permission"),
        ("bigquery.tables.updateData", "POST", f"{T}/insertAll", "Table p:d.t: Permission"),
        ("bigquery.tables.getData", "GET", f"{T}/data", "Table p:d.t: Permission"),
        ("bigquery.jobs.create", "POST", f"{P}/jobs", "Project p: User does not have"),
        ("bigquery.jobs.get", "GET", f"{P}/jobs/j", "Job p:j: Permission"),
    ],
)
def test_a_missing_permission_is_named(permission: str, method: str, path: str, named: str) -> None:
    with StandIn(denied=[permission]) as bq:
        bq.create_table("p.d.t", FIELDS)
        refused = raw(bq, method, path, {} if method != "GET" else None)
        assert (refused.status, refused.reason) == (403, "accessDenied")
        assert refused.message.startswith(f"Access Denied: {named}")
        assert permission in refused.message


@cites("permissions")
def test_permissions_can_be_asked_for() -> None:
    with StandIn(denied=["bigquery.tables.update"]) as bq:
        bq.create_table("p.d.t", FIELDS)
        asked = ["bigquery.tables.update", "bigquery.tables.get"]
        assert client(bq).test_iam_permissions("p.d.t", asked) == {"permissions": ["bigquery.tables.get"]}


@cites("duplicate", "echo")
def test_the_official_client_lists_updates_and_deletes() -> None:
    with StandIn() as bq:
        official = client(bq)
        dataset = official.create_dataset("d")
        assert official.create_dataset("d", exists_ok=True).etag == dataset.etag
        official.create_table(bigquery.Table("p.d.t", schema=SCHEMA))
        dataset.description = "described"
        assert official.update_dataset(dataset, ["description"]).description == "described"
        assert [each.dataset_id for each in official.list_datasets()] == ["d"]
        assert [each.table_id for each in official.list_tables("d")] == ["t"]
        with pytest.raises(exceptions.BadRequest):
            official.delete_dataset("d")
        official.delete_table("p.d.t")
        official.delete_dataset("d")
        assert bq.state() == {"datasets": {}, "tables": {}, "jobs": {}}
