"""A row in the build log as a plain script puts it there: look for the dataset, look for the table, stream the row."""

import os
import sys
from datetime import UTC, datetime

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.exceptions import NotFound

SCHEMA = [
    bigquery.SchemaField("build_id", "STRING", mode="REQUIRED"),
    bigquery.SchemaField("timestamp", "TIMESTAMP", mode="REQUIRED"),
    bigquery.SchemaField("status", "STRING", mode="REQUIRED"),
]


def main() -> int:
    credentials = AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None  # type: ignore[no-untyped-call]
    bq = bigquery.Client(project=os.environ["PROJECT_ID"], credentials=credentials)
    dataset = f"{bq.project}.{os.environ['DATASET_ID']}"
    table = f"{dataset}.{os.environ['TABLE_ID']}"
    try:
        bq.get_dataset(dataset)
    except NotFound:
        bq.create_dataset(dataset)
    try:
        bq.get_table(table)
    except NotFound:
        bq.create_table(bigquery.Table(table, schema=SCHEMA))
    row = {
        "build_id": os.environ["BUILD_NUMBER"],
        "timestamp": datetime.now(UTC).isoformat(),
        "status": "SUCCESS",
    }
    errors = bq.insert_rows_json(table, [row])
    print(errors or "Inserted 1 row")  # noqa: T201  it is a script
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
