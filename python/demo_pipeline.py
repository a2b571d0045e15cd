"""Puts one row with the build's metadata into the build log, and makes the dataset and the table if they are missing.

Configured by PROJECT_ID, and by DATASET_ID (jenkins_demo_db), TABLE_ID (build_logs) and BUILD_NUMBER (DEV-1).
"""

import sys
from collections.abc import Mapping
from typing import Any

from bqsteps import script, settings


def log(environ: Mapping[str, str]) -> dict[str, Any]:
    """Log the build; the client is imported only now, after the settings were found to be right."""
    from bqsteps import log_command  # noqa: PLC0415

    return log_command.log_build(environ)


if __name__ == "__main__":
    sys.exit(script.main(settings.log_build, log))
