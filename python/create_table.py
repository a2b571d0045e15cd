"""Creates the table <DATASET_ID>.<TABLE_ID> from config/<DATASET_ID>_<TABLE_ID>.json, unless it exists.

Configured by PROJECT_ID, DATASET_ID and TABLE_ID. A table that exists is left exactly as it is; to compare and update
one, run `python3 bqsteps.pyz ensure-table`.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bqsteps import script, settings


def create(environ: Mapping[str, str]) -> dict[str, Any]:
    """Create the table; the client is imported only now, after the settings were found to be right."""
    from bqsteps import table_commands  # noqa: PLC0415

    return table_commands.create_table(environ, config_beside=Path(__file__).resolve().parent.parent / "config")


if __name__ == "__main__":
    sys.exit(script.main(settings.create_table, create))
