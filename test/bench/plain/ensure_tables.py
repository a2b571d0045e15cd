"""Tables as a plain script makes them, one after the other: look for it, create it if it is not there."""

import json
import os
from pathlib import Path

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.exceptions import NotFound


def main() -> None:
    credentials = AnonymousCredentials() if os.environ.get("BIGQUERY_EMULATOR_HOST") else None  # type: ignore[no-untyped-call]
    bq = bigquery.Client(project=os.environ["PROJECT_ID"], credentials=credentials)
    for name in os.environ["BQ_TABLES"].split(","):
        table = f"{bq.project}.{name}"
        try:
            bq.get_table(table)
            print(f"{table} Already Exists")  # noqa: T201  it is a script
        except NotFound:
            fields = json.loads(Path("config", f"{name.replace('.', '_')}.json").read_text(encoding="utf-8"))
            schema = [bigquery.SchemaField.from_api_repr(field) for field in fields]
            bq.create_table(bigquery.Table(table, schema=schema))
            print(f"Created {table}")  # noqa: T201  the same


if __name__ == "__main__":
    main()
