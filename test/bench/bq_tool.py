"""Google's command line `bq`, where it is installed, against the bench's own service."""

import functools
import json
import shutil
import subprocess
from pathlib import Path

from bench.measure import Program
from bench.scene import PLAIN_LOG, PROJECT, Scene

# `bq` asks the service what its API looks like, which the stand-in does not know: it is told by Google's own file.
_DISCOVERY = "platform/bq/discovery_next/bigquery.json"


@functools.cache
def missing() -> str:
    """Why it cannot be measured, or nothing."""
    tool = shutil.which("bq")
    if tool is None:
        return "it is not installed"
    if not _discovery(tool).is_file():
        return f"this version comes without {_DISCOVERY}"
    ran = subprocess.run([tool, "version"], check=False, capture_output=True, timeout=60)
    return "it does not run" if ran.returncode else ""


def insert(scene: Scene, folder: Path) -> Program:
    """Stream one row into the build log."""
    row = folder / "row.json"
    values = {"build_id": "1", "timestamp": "2026-01-01T00:00:00Z", "status": "SUCCESS"}
    row.write_text(json.dumps(values) + "\n", encoding="utf-8")
    return _program(scene, folder, "insert", f"{PROJECT}:{PLAIN_LOG.dataset}.{PLAIN_LOG.table}", str(row))


def show(scene: Scene, folder: Path, table: str) -> Program:
    """Look at one table."""
    return _program(scene, folder, "show", f"{PROJECT}:{table}")


def _program(scene: Scene, folder: Path, *arguments: str) -> Program:
    tool = shutil.which("bq") or "bq"
    options = [
        f"--api={scene.bq.url}",
        f"--discovery_file={_discovery(tool)}",
        "--oauth_access_token=none",  # there is nobody to log in to
        "--bigqueryrc=/dev/null",
        f"--project_id={PROJECT}",
    ]
    quiet = {"CLOUDSDK_CORE_DISABLE_PROMPTS": "1", "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false"}
    environ = {"PATH": "/usr/bin:/bin", **quiet}
    return Program([tool, *options, *arguments], folder, environ)


def _discovery(tool: str) -> Path:
    return Path(tool).resolve().parents[1] / _DISCOVERY
