"""What is on record about the pod: what it says of itself, or what is certain, and nothing else."""

from pathlib import Path

import pytest

from bqsteps import pod

JENKINS = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "app-7-x1", "NODE_NAME": "app-7-x1"}


@pytest.fixture(autouse=True)
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "namespace"
    file.write_bytes(b"jenkins\n")
    monkeypatch.setattr(pod, "NAMESPACE", file)
    return file


def known(environ: dict[str, str]) -> tuple[str | None, str | None]:
    completed = pod.completed(environ)
    return completed.get("POD_NAME") or None, completed.get("POD_NAMESPACE") or None


@pytest.mark.parametrize(
    ("environ", "name", "space"),
    [
        pytest.param({}, "app-7-x1", "jenkins", id="of the kubernetes plugin"),
        pytest.param({"POD_NAME": "p", "POD_NAMESPACE": "n"}, "p", "n", id="that says it by itself"),
        pytest.param({"POD_NAME": "", "POD_NAMESPACE": ""}, "app-7-x1", "jenkins", id="that says nothing"),
        pytest.param({"HOSTNAME": "gke-node-1"}, None, "jenkins", id="on its node's network"),
        pytest.param({"NODE_NAME": ""}, None, "jenkins", id="without a Jenkins"),
        pytest.param({"HOSTNAME": "", "NODE_NAME": ""}, None, "jenkins", id="without names"),
        pytest.param({"KUBERNETES_SERVICE_HOST": ""}, None, None, id="that is no pod"),
    ],
)
def test_a_pod(environ: dict[str, str], name: str | None, space: str | None) -> None:
    assert known({**JENKINS, **environ}) == (name, space)


@pytest.mark.parametrize("content", [b"\xff", None], ids=["binary", "none"])
def test_a_namespace_that_cannot_be_read_is_not_known(namespace: Path, content: bytes | None) -> None:
    namespace.unlink()
    if content is not None:
        namespace.write_bytes(content)
    assert known(JENKINS) == ("app-7-x1", None)


def test_everything_else_stays() -> None:
    assert pod.completed({"A": "b"}) == {"A": "b"}
    assert pod.completed({**JENKINS, "A": "b"})["A"] == "b"
