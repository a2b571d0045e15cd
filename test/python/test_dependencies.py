"""Bare interpreters get the packages, in real processes with real tools; the index is a small one of our own."""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import textwrap
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from bqsteps import installer, pip_settings
from package_index import LISTS, make_certificates, make_wheels, serving

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")
LIBC = ctypes.CDLL(None)
MODULES = ("__init__", "errors", "dependencies", "installer", "pip_settings")
PROGRAM = """
    import json, os, sys
    sys.path[0] = sys.argv[1]
    from bqsteps import dependencies
    from bqsteps.errors import Failure
    lines = []
    try:
        wanted = [dependencies.REPORT] if os.environ.get("REPORTS") else []
        dependencies.provide(os.environ, float(sys.argv[2]), lines.append, *wanted)
    except Failure as failure:
        print(json.dumps({"kind": failure.kind, "message": failure.message, "hint": failure.hint}))
        sys.exit(1)
    early = [name for name in sys.modules if name.startswith(("google.cloud.", "click", "bqsteps.installer"))]
    import click, google.cloud.bigquery
    print(json.dumps({"lines": lines, "early": early, "files": [click.__file__, google.cloud.bigquery.__file__]}))
"""


class Agent(NamedTuple):
    """A machine on which a step runs: an interpreter, a PATH and a workspace."""

    python: Path
    source: Path
    workspace_tmp: Path
    environ: Mapping[str, str]

    @property
    def installed(self) -> list[str]:
        """What lies in the folder of installations, but for the lock."""
        return sorted(path.name for path in (self.workspace_tmp / "bqsteps").iterdir() if path.name != "install.lock")

    def start(self, seconds: float = 60, /, **environ: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [self.python, "-c", textwrap.dedent(PROGRAM), self.source, str(seconds)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={key: value for key, value in {**self.environ, **environ}.items() if value},
            cwd=self.source.parent,
            preexec_fn=_obey_permissions,  # noqa: PLW1509
        )

    def run(self, seconds: float = 60, /, **environ: str) -> "Outcome":
        return outcome(self.start(seconds, **environ))


class Outcome(NamedTuple):
    """What a run said: an error, or its lines and where the modules came from."""

    code: int
    error: dict[str, str]
    lines: list[str]
    early: list[str]
    files: list[str]


def _obey_permissions() -> None:
    """Give up root's power over files, for read-only folders to be that also where tests run as root."""
    drop_from_bounding_set, override, read_search = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if sys.platform == "linux" and os.geteuid() == 0:
        for capability in (override, read_search):
            LIBC.prctl(drop_from_bounding_set, capability, 0, 0, 0)


def outcome(process: "subprocess.Popen[str]") -> Outcome:
    stdout, stderr = process.communicate()
    assert stderr == ""
    said = json.loads(stdout)
    if process.returncode:
        assert "\n" not in said["message"] + said["hint"]
        return Outcome(process.returncode, said, [], [], [])
    return Outcome(0, {}, said["lines"], said["early"], said["files"])


@pytest.fixture(scope="session")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Interpreters that have nothing, and nothing but pip."""
    folder = tmp_path_factory.mktemp("pythons")
    for name in ("uv", "pip", "none"):
        venv.create(folder / name, with_pip=name == "pip", symlinks=True)
    return {name: folder / name / "bin/python" for name in ("uv", "pip", "none")}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_wheels(tmp_path_factory.mktemp("index") / "wheels")


@pytest.fixture
def agents(tmp_path: Path, pythons: dict[str, Path], wheels: Path) -> Callable[[str], Agent]:
    """Machines with uv, with pip, or with none of them, all with the small list of packages."""

    def agent(tool: str) -> Agent:
        source = tmp_path / "source"
        (source / "bqsteps").mkdir(parents=True)
        for name in MODULES:
            shutil.copy(ROOT / f"python/bqsteps/{name}.py", source / "bqsteps")
        for name in LISTS:
            shutil.copy(wheels / name, source)
        (tmp_path / "bin").mkdir()
        if tool == "uv":
            (tmp_path / "bin/uv").symlink_to(UV)
        (tmp_path / "home").mkdir()
        environ = {
            "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
            "HOME": str(tmp_path / "home"),
            "WORKSPACE_TMP": str(tmp_path / "a job@tmp"),
            "PIP_CONFIG_FILE": os.devnull,  # what this machine tells pip is not part of the tests
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
        }
        return Agent(pythons[tool], source, tmp_path / "a job@tmp", environ)

    return agent


@pytest.fixture(params=["uv", "pip"])
def agent(request: pytest.FixtureRequest, agents: Callable[[str], Agent]) -> Agent:
    return agents(str(request.param))


@pytest.fixture
def tool(request: pytest.FixtureRequest) -> str:
    return str(request.node.callspec.params["agent"])


def test_uses_the_interpreters_own_packages_and_touches_nothing(agents: Callable[[str], Agent]) -> None:
    agent = agents("none")._replace(python=Path(sys.executable))
    found = agent.run()
    assert found.lines == []
    assert found.early == []
    assert not agent.workspace_tmp.exists()


def test_a_bare_interpreter_installs_once_and_says_so_in_one_line(agent: Agent, tool: str) -> None:
    first, second = agent.run(), agent.run()
    (line,) = [line for line in first.lines if "installing" not in line]  # which is told where it takes long
    assert f"installed with {tool} in " in line
    assert second.lines == []
    assert second.early == []
    assert all(file.startswith(f"{agent.workspace_tmp}/bqsteps/") for file in first.files + second.files)
    assert len(agent.installed) == 1


def test_an_installation_that_takes_long_is_told_of_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\nwhile [ ! -e "$TOLD" ]; do sleep 0.01; done\nmkdir packages\n')
    uv.chmod(0o755)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        (tmp_path / "told").touch()

    monkeypatch.setattr(installer, "_PATIENCE", 0.01)
    environ = {"PATH": f"{uv.parent}:/usr/bin:/bin", "TOLD": str(tmp_path / "told"), "PIP_CONFIG_FILE": os.devnull}
    installer.install(["a"], b"", tmp_path / "folder", environ, 60, say)
    assert said[0] == "packages: installing with uv, once a workspace"
    assert said[1].startswith("packages: installed with uv in ")


def test_another_list_gets_another_folder(agent: Agent) -> None:
    agent.run()
    requirements = agent.source / "requirements.txt"
    requirements.write_text(f"# another\n{requirements.read_text()}")
    assert agent.run().lines
    assert len(agent.installed) == 2


def test_an_extra_list_is_installed_by_who_needs_it_and_beside_the_other(agent: Agent) -> None:
    agent.run()
    (others,) = agent.installed
    first, second = agent.run(REPORTS="1"), agent.run(REPORTS="1")
    assert len(first.lines) == 1
    assert second.lines == []
    assert len(agent.installed) == 2
    assert others in agent.installed
    assert agent.run().lines == []


def test_an_extra_list_alone_is_missing_where_the_interpreter_has_the_client(agents: Callable[[str], Agent]) -> None:
    agent = agents("uv")
    packages = agent.source / "google/cloud/bigquery", agent.source / "click"
    for folder in packages:
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    assert agent.run().lines == []
    assert len(agent.run(REPORTS="1").lines) == 1
    (folder,) = (agent.workspace_tmp / "bqsteps").glob("*-*")
    assert sorted(path.name for path in folder.iterdir() if path.name.isidentifier()) == ["jinja2", "matplotlib"]


def test_an_extra_list_that_cannot_be_installed_is_named(agents: Callable[[str], Agent]) -> None:
    agent = agents("none")
    packages = agent.source / "google/cloud/bigquery", agent.source / "click"
    for folder in packages:
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    assert "the packages matplotlib and jinja2 are not there" in agent.run(REPORTS="1").error["message"]


def test_the_first_run_compiles_what_it_imports_for_those_that_follow(agent: Agent) -> None:
    files = agent.run(PYTHONDONTWRITEBYTECODE="1").files
    assert all(list(Path(file).parent.glob("__pycache__/*.pyc")) for file in files)


def test_branches_that_start_together_install_once(agent: Agent) -> None:
    runs = [outcome(process) for process in [agent.start() for _ in range(4)]]
    assert sum("installed" in line for run in runs for line in run.lines) == 1
    assert [run.code for run in runs] == [0, 0, 0, 0]
    assert len(agent.installed) == 1


def test_no_pip_and_no_packages_names_the_two_ways_out(agents: Callable[[str], Agent]) -> None:
    agent = agents("none")
    error = agent.run().error
    assert error["kind"] == "config"
    assert "has no pip" in error["message"]
    assert "image" in error["hint"]
    assert "Python that has pip" in error["hint"]
    assert agent.installed == []


def test_a_wrong_hash_is_refused(agent: Agent) -> None:
    requirements = agent.source / "requirements.txt"
    requirements.write_text("".join(f"{line[:-4]}0000\n" for line in requirements.read_text().splitlines()))
    error = agent.run().error
    assert error["kind"] == "config"
    assert "hash" in error["message"].lower()
    assert agent.installed == []


def test_a_list_without_hashes_is_refused(agent: Agent) -> None:
    (agent.source / "requirements.txt").write_text("click==1.0\ngoogle-cloud-bigquery==1.0\n")
    error = agent.run().error
    assert error["kind"] == "config"
    assert "hash" in error["message"].lower()


def test_a_run_killed_in_the_middle_leaves_nothing_that_counts(agent: Agent, wheels: Path) -> None:
    with serving(wheels, hangs=True) as index:
        process = agent.start(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=index.url)
        assert index.connected.wait(60)
        process.kill()
        process.communicate()
        assert index.disconnected.wait(60), "the tool outlived the step"
    assert all(name.endswith(".partial") for name in agent.installed)
    assert agent.run().code == 0
    assert len(agent.installed) == 1
    assert not agent.installed[0].endswith(".partial")


def test_an_aborted_run_ends_the_tool_and_cleans_up(agent: Agent, wheels: Path) -> None:
    with serving(wheels, hangs=True) as index:
        process = agent.start(PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=index.url)
        assert index.connected.wait(60)
        process.send_signal(signal.SIGINT)
        process.communicate()
        assert index.disconnected.wait(60), "the tool outlived the step"
    assert agent.installed == []


def test_an_index_that_never_answers_is_given_up(agent: Agent, wheels: Path) -> None:
    with serving(wheels, hangs=True) as index:
        error = agent.run(2, PIP_NO_INDEX="", PIP_FIND_LINKS="", PIP_INDEX_URL=index.url).error
        assert index.disconnected.wait(60), "the tool outlived the step"
    assert error["kind"] == "unavailable"
    assert "BQ_INSTALL_SECONDS" in error["message"]
    assert agent.installed == []


def test_waiting_for_a_parallel_step_is_bounded_too(agents: Callable[[str], Agent]) -> None:
    agent = agents("uv")
    folder = agent.workspace_tmp / "bqsteps"
    folder.mkdir(parents=True)
    with (folder / "install.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        error = agent.run(0.2).error
    assert error["kind"] == "unavailable"
    assert "parallel step" in error["message"]


def test_settings_for_other_installations_do_not_break_this_one(agent: Agent) -> None:
    names = ("TARGET", "PREFIX", "CONSTRAINT", "PYTHON", "REQUIREMENT", "OVERRIDE")
    environ = {f"{tool}_{name}": "/nowhere" for tool in ("PIP", "UV") for name in names}
    switches = ("USER", "REQUIRE_VIRTUALENV", "DRY_RUN", "REQUIRE_HASHES", "COMPILE_BYTECODE", "SYSTEM_PYTHON")
    environ |= {f"{tool}_{name}": "1" for tool in ("PIP", "UV") for name in switches}
    environ |= {"PIP_NO_BINARY": ":all:", "UV_NO_BINARY": "1", "UV_EXCLUDE_NEWER": "2001-01-01", "VIRTUAL_ENV": "/no"}
    assert agent.run(**environ).code == 0
    assert len(agent.installed) == 1


def test_the_same_in_a_pip_conf(agent: Agent) -> None:
    config = Path(agent.environ["HOME"], ".config/pip/pip.conf")
    config.parent.mkdir(parents=True)
    config.write_text("[global]\nuser = true\n[install]\ntarget = /nowhere\nno-binary = :all:\n")
    assert agent.run(PIP_CONFIG_FILE="").code == 0


def test_a_folder_named_pip_in_the_workspace_is_not_pip(agents: Callable[[str], Agent]) -> None:
    agent = agents("pip")
    (agent.source.parent / "pip.py").write_text("raise SystemExit('not pip')")
    assert agent.run().code == 0


def test_a_module_google_from_an_old_namespace_package_does_not_hide_ours(agent: Agent, tmp_path: Path) -> None:
    old = tmp_path / "old"
    (old / "google/oauth").mkdir(parents=True)
    (old / "sitecustomize.py").write_text(
        f"import sys, types; module = types.ModuleType('google'); module.__path__ = ['{old}/google']\n"
        "sys.modules['google'] = module\n"
    )
    assert agent.run(PYTHONPATH=str(old)).code == 0


# Where packages come from.


def test_an_index_in_any_of_pips_places_is_used(agent: Agent, wheels: Path, tmp_path: Path) -> None:
    home = Path(agent.environ["HOME"])
    places = {
        home / ".pip/pip.conf": {},
        home / ".config/pip/pip.conf": {},
        tmp_path / "xdg/pip/pip.conf": {"XDG_CONFIG_DIRS": f"/nowhere:{tmp_path / 'xdg'}"},
        tmp_path / "xdg home/pip/pip.conf": {"XDG_CONFIG_HOME": str(tmp_path / "xdg home")},
        tmp_path / "my.conf": {"PIP_CONFIG_FILE": str(tmp_path / "my.conf")},
        agent.python.parent.parent / "pip.conf": {},
    }
    for place, environ in places.items():
        shutil.rmtree(agent.workspace_tmp, ignore_errors=True)
        shutil.rmtree(home / ".cache", ignore_errors=True)
        with serving(wheels) as index:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"[global]\nindex_url = {index.url}\n")
            run = agent.run(**{"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "", **environ})
            assert run.code == 0, place
            assert index.asked, place
        place.unlink()


def test_settings_override_each_other_as_with_pip(tmp_path: Path) -> None:
    user, chosen = tmp_path / ".config/pip/pip.conf", tmp_path / "chosen.conf"
    user.parent.mkdir(parents=True)
    user.write_text("[global]\nindex-url = user\nproxy = user\n[install]\nproxy = user install\nno_index = yes\n")
    chosen.write_text("[global]\nindex-url = chosen\nproxy = chosen\nretries = chosen\nextra-index-url =\n  a\n  b\n")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path), "PIP_RETRIES": "variable", "PIP_TIMEOUT": ""}
    ours = ("index-url", "proxy", "retries", "no-index", "extra-index-url", "timeout")

    def read(**more: str) -> dict[str, str]:
        return {key: value for key, value in pip_settings.read({**environ, **more}).items() if key in ours}

    assert read() == {"index-url": "user", "proxy": "user install", "no-index": "yes", "retries": "variable"}
    # A chosen file takes the place of the user's.
    found = {"index-url": "chosen", "proxy": "chosen", "extra-index-url": "a b", "retries": "variable"}
    assert read(PIP_CONFIG_FILE=str(chosen)) == found
    assert read(PIP_CONFIG_FILE=os.devnull) == {"retries": "variable"}


def test_an_extra_index_counts_as_much_as_the_first(agent: Agent, wheels: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    shutil.copy(next(wheels.glob("click-*")), half)
    (half / "google_cloud_bigquery-0.9-py3-none-any.whl").write_bytes(b"another version, which is not wanted")
    with serving(wheels) as index, serving(half) as extra:
        for first, second in ((index.url, extra.url), (extra.url, index.url)):
            shutil.rmtree(agent.workspace_tmp, ignore_errors=True)
            urls = {"PIP_INDEX_URL": first, "PIP_EXTRA_INDEX_URL": second}
            assert agent.run(PIP_NO_INDEX="", PIP_FIND_LINKS="", **urls).code == 0


def test_relative_links_and_missing_ones_are_taken_as_pip_takes_them(agent: Agent, wheels: Path) -> None:
    relative = os.path.relpath(wheels, agent.source.parent)
    assert agent.run(PIP_FIND_LINKS=f"/nowhere {relative}").code == 0


def test_a_proxy_and_a_trusted_host_are_used(agent: Agent, wheels: Path) -> None:
    with serving(wheels) as proxy:
        environ = {
            "PIP_INDEX_URL": "http://packages.invalid/simple",
            "PIP_PROXY": f"127.0.0.1:{proxy.port}",
            "PIP_TRUSTED_HOST": "packages.invalid",
        }
        assert agent.run(PIP_NO_INDEX="", PIP_FIND_LINKS="", **environ).code == 0
        assert all(path.startswith("http://packages.invalid/") for path in proxy.asked)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path, Path]:
    authority, certificate = make_certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(authority)
    return context, authority, certificate


@pytest.mark.parametrize("variable", ["PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_an_authority_of_ones_own_is_trusted(
    agent: Agent, wheels: Path, tls: tuple[ssl.SSLContext, Path, Path], variable: str
) -> None:
    context, authority, _ = tls
    with serving(wheels, tls=context) as index:
        environ = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index.url}
        error = agent.run(PIP_RETRIES="1", **environ).error
        assert error["kind"] == "unavailable"
        assert "certificate" in error["message"].lower()
        assert agent.run(**environ, **{variable: os.path.relpath(authority, agent.source.parent)}).code == 0


def test_a_client_certificate_is_shown(agent: Agent, wheels: Path, tls: tuple[ssl.SSLContext, Path, Path]) -> None:
    context, authority, certificate = tls
    context.verify_mode = ssl.CERT_REQUIRED
    with serving(wheels, tls=context) as index:
        environ = {"PIP_CERT": str(authority), "PIP_CLIENT_CERT": str(certificate), "PIP_INDEX_URL": index.url}
        assert agent.run(PIP_NO_INDEX="", PIP_FIND_LINKS="", **environ).code == 0


def test_a_trusted_host_needs_no_certificate(
    agent: Agent, wheels: Path, tls: tuple[ssl.SSLContext, Path, Path]
) -> None:
    with serving(wheels, tls=tls[0]) as index:
        environ = {"PIP_TRUSTED_HOST": "localhost", "PIP_INDEX_URL": index.url}
        assert agent.run(PIP_NO_INDEX="", PIP_FIND_LINKS="", **environ).code == 0


def test_a_login_in_the_address_is_used_and_never_shown(agent: Agent, wheels: Path) -> None:
    with serving(wheels, login="me:pass-word") as index:
        environ = {"PIP_NO_INDEX": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1"}
        url = index.url.replace("://", "://me:pass-word@")
        assert agent.run(**environ, PIP_INDEX_URL=url).code == 0
    shutil.rmtree(agent.workspace_tmp)
    shutil.rmtree(Path(agent.environ["HOME"], ".cache"), ignore_errors=True)
    through_proxy = {"PIP_INDEX_URL": "http://x.invalid/simple", "PIP_TRUSTED_HOST": "x.invalid", "PIP_PROXY": url}
    for broken in ({"PIP_INDEX_URL": url}, through_proxy):
        error = agent.run(**environ, **broken).error
        assert error["kind"] == "unavailable"
        assert "pass-word" not in error["message"] + error["hint"]


def test_what_a_tool_says_is_shown_without_logins_and_on_one_line(agents: Callable[[str], Agent]) -> None:
    agent = agents("none")
    uv = agent.source.parent / "bin/uv"
    uv.write_text(
        "#!/bin/sh\necho 'error: no way to\n  cause: https://me:pass@word@host/x and http://me@host'; exit 2\n"
    )
    uv.chmod(0o755)
    said = "uv could not install the Python packages: no way to: https://****@host/x and http://****@host"
    assert agent.run().error["message"] == said


def test_an_index_without_the_packages_is_named_as_the_reason(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    error = agent.run(PIP_FIND_LINKS=str(tmp_path / "empty")).error
    assert error["kind"] == "config"
    assert "click==1.0" in error["message"]
    assert agent.installed == []


def test_a_pip_conf_that_is_not_one_is_named(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("index-url = nowhere\n")
    error = agent.run(PIP_CONFIG_FILE=str(tmp_path / "pip.conf")).error
    assert error["kind"] == "config"
    assert str(tmp_path / "pip.conf") in error["message"]


# Whose folders.


def test_a_user_without_a_home_can_install(agent: Agent) -> None:
    agent.workspace_tmp.mkdir()
    read_only, unreadable = agent.source, agent.source.parent / "home"
    (unreadable / "me").mkdir()
    read_only.chmod(0o555)
    unreadable.chmod(0)
    for number, home in enumerate(["", "/nowhere", str(read_only), str(unreadable), str(unreadable / "me")]):
        environ = {"HOME": home, "WORKSPACE_TMP": str(agent.workspace_tmp / str(number))}
        assert agent.run(**environ).lines, home
    read_only.chmod(0o755)
    unreadable.chmod(0o755)
    assert sorted(path.name for path in agent.source.parent.iterdir()) == ["a job@tmp", "bin", "home", "source"]


@pytest.mark.parametrize("read_only", [".", "bqsteps"])
def test_a_workspace_that_cannot_be_written_is_named(agents: Callable[[str], Agent], read_only: str) -> None:
    agent = agents("uv")
    folder = agent.workspace_tmp / read_only
    folder.mkdir(parents=True)
    folder.chmod(0o555)
    error = agent.run().error
    folder.chmod(0o755)
    assert error["kind"] == "config"
    assert str(agent.workspace_tmp / "bqsteps") in error["message"]


def test_without_a_workspace_the_folder_is_private(agent: Agent, tmp_path: Path) -> None:
    assert agent.run(WORKSPACE_TMP="", TMPDIR=str(tmp_path)).code == 0
    folder = tmp_path / f"bqsteps-{os.geteuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("planted", ["open to others", "link"])
def test_a_folder_that_another_user_may_have_put_there_is_refused(agent: Agent, tmp_path: Path, planted: str) -> None:
    folder = tmp_path / f"bqsteps-{os.geteuid()}"
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    if planted == "link":
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    error = agent.run(WORKSPACE_TMP="", TMPDIR=str(tmp_path)).error
    assert error["kind"] == "config"
    assert str(folder) in error["message"]


def test_the_real_packages_install_from_files_and_import(agent: Agent) -> None:
    shutil.copy(ROOT / "python/requirements.txt", agent.source)
    found = agent.run(300, PIP_FIND_LINKS=str(ROOT / ".build/wheels"))
    assert all(file.startswith(f"{agent.workspace_tmp}/bqsteps/") for file in found.files)
