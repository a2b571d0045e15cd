"""The pod, as bqPod gives it, against Kubernetes' own schema and its restricted Pod Security profile; and its image."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from documents.compatibility import OLDEST_KUBERNETES
from end_to_end import jenkins

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "resources/bqsteps/Dockerfile").read_text()
OLDEST, NEWEST = OLDEST_KUBERNETES, kubernetes_validate.latest_version()
PARAMETERS = {
    "none": {},
    "image": {"image": "registry.example.com:5000/team/image:1.0"},
    "digest": {"image": f"python@sha256:{'0' * 64}"},
    "account": {"serviceAccount": "other-sa"},
    "both": {"image": "python:3.13", "serviceAccount": "a.b"},
}


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What bqPod.yaml gives in a pipeline, for each set of parameters."""
    folder = tmp_path_factory.mktemp("pods")
    lines = [
        f"writeFile(file: '{name}', encoding: 'UTF-8', text: bqPod.yaml({_groovy(given)}))"
        for name, given in PARAMETERS.items()
    ]
    (folder / "Jenkinsfile").write_text("@Library('bqsteps') _\nnode {\n" + "\n".join(lines) + "\n}\n")
    (folder / "workspace").mkdir()
    code, console = jenkins.run(folder / "Jenkinsfile", folder / "workspace", environ={})
    assert code == 0, console
    return {name: yaml.safe_load((folder / "workspace" / name).read_text()) for name in PARAMETERS}


def _groovy(given: dict[str, str]) -> str:
    return ", ".join(f"{name}: '{value}'" for name, value in given.items())


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", PARAMETERS)
def test_kubernetes_takes_the_pod(pods: dict[str, dict[str, Any]], name: str, version: str) -> None:
    assert kubernetes_validate.validate(pods[name], version, strict=True)


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_arrive(pods: dict[str, dict[str, Any]], name: str) -> None:
    spec = pods[name]["spec"]
    assert spec["serviceAccountName"] == PARAMETERS[name].get("serviceAccount", "jenkins-sa")
    assert _python(spec)["image"] == PARAMETERS[name].get("image", _base_image())


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_pod_tells_what_is_put_on_record_of_it(pods: dict[str, dict[str, Any]], name: str) -> None:
    python = _python(pods[name]["spec"])
    told = {each["name"]: each.get("value") or each["valueFrom"]["fieldRef"]["fieldPath"] for each in python["env"]}
    assert told["POD_CONTAINER_IMAGE"] == python["image"]
    assert (told["POD_NAME"], told["POD_NAMESPACE"]) == ("metadata.name", "metadata.namespace")


def test_the_pod_meets_the_restricted_profile(pods: dict[str, dict[str, Any]]) -> None:
    spec = pods["none"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [container["name"] for container in spec["containers"]] == ["python", "jnlp"]
    for container in spec["containers"]:
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert not {"hostNetwork", "hostPID", "hostIPC", "volumes"} & spec.keys()


def test_all_containers_are_one_user_that_is_not_root(pods: dict[str, dict[str, Any]]) -> None:
    spec = pods["none"]["spec"]
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 1000
    assert not any("runAsUser" in container["securityContext"] for container in spec["containers"])


def test_the_container_waits_for_steps_within_its_share(pods: dict[str, dict[str, Any]]) -> None:
    python = _python(pods["none"]["spec"])
    assert (python["command"], python["tty"]) == (["cat"], True)
    assert {"name": "PYTHONUNBUFFERED", "value": "1"} in python["env"]
    assert python["resources"] == {
        "requests": {"memory": "256Mi", "cpu": "250m"},
        "limits": {"memory": "1Gi", "cpu": "1000m"},
    }


def _python(spec: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = next(each for each in spec["containers"] if each["name"] == "python")
    return container


def _base_image() -> str:
    found = re.search(r"^FROM (\S+)$", DOCKERFILE, re.MULTILINE)
    assert found
    return found[1]


# The image recipe, as far as it can be checked without building it.


def test_the_image_starts_from_a_pinned_slim_python() -> None:
    assert re.fullmatch(r"python:3\.13\.\d+-slim-[a-z]+", _base_image())


def test_the_image_takes_files_that_exist() -> None:
    copied = re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE)
    assert copied == ["resources/bqsteps/bqsteps.pyz"]
    assert all((ROOT / path).is_file() for path in copied)


def test_the_image_has_the_packages_checked_and_compiled() -> None:
    install = next(line for line in re.split(r"\n(?=[A-Z]+ )", DOCKERFILE) if line.startswith("RUN"))
    assert {"--require-hashes", "--compile", "--no-deps"} <= set(install.split())


def test_the_image_runs_as_the_pods_user() -> None:
    assert DOCKERFILE.rstrip().endswith("\nUSER 1000:1000")
