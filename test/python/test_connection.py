"""A service that cannot be reached, misbehaves or refuses: each wait ends, in one line that holds no secret."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests.exceptions
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import bigquery

from bqsteps import connection, service_errors
from bqsteps.connection import Connection
from bqsteps.deadline import Deadline
from bqsteps.errors import Failure
from processes import COMMAND, CREATE_TABLE, DEMO_PIPELINE, Ended, run
from servers import JSON, TOKEN, Answer, metadata, serving, token
from stand_in import Fault, StandIn
from stand_in.faults import Kind

LONG = 60.0  # seconds; what succeeds has all the time it needs
COLUMNS = [{"name": "id", "type": "STRING"}]
TABLE = {"PROJECT_ID": "p", "DATASET_ID": "d", "TABLE_ID": "t"}


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"),
        *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG", "REQUESTS_CA_BUNDLE"),
        *("KUBERNETES_SERVICE_HOST", "BIGQUERY_EMULATOR_HOST"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)


@pytest.fixture
def bq() -> Iterator[StandIn]:
    with StandIn() as served:
        served.create_table("p.d.t", COLUMNS)
        yield served


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nobody listens, and which nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


class OneTry(Deadline):
    """A deadline that has room for one request, however slow the machine is, and for no second one."""

    @property
    def remaining(self) -> float:
        return 0.0

    @property
    def request(self) -> float:
        return self.seconds


Link = Callable[..., Connection]


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Link:
    """Makes connections to an address."""

    def make(address: str, deadline: Deadline | None = None) -> Connection:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", address)
        return connection.connect("p", None, deadline or Deadline(LONG), {"BIGQUERY_EMULATOR_HOST": address})

    return make


def get(linked: Connection) -> str:
    table = linked.retrying("look for p.d.t", lambda: linked.client.get_table("p.d.t", **linked.once()))
    return str(table.table_id)


def failing(linked: Connection) -> Failure:
    with pytest.raises(Failure) as failed:
        get(linked)
    return checked(failed.value)


def checked(failure: Failure) -> Failure:
    assert len(failure.line.splitlines()) == 1
    assert len(failure.line) < 700
    assert TOKEN not in failure.line
    assert "Max retries" not in failure.line
    assert "object at 0x" not in failure.line
    assert failure.hint or failure.kind == "rejected"
    return failure


# No answer


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param("reset", "no connection to HOST: Connection reset by peer", id="reset"),
        pytest.param("hang", "no answer from HOST in time", id="hang"),
        pytest.param("lose_answer", "HOST broke the connection off", id="answer lost"),
        pytest.param("truncate", "the server broke the connection off", id="half an answer"),
        pytest.param("garbage", "HTTP 200 with an answer that is not BigQuery's", id="HTML"),
    ],
)
def test_a_service_that_gives_no_answer(bq: StandIn, link: Link, fault: Kind, said: str) -> None:
    bq.faults.add(Fault(fault, times=None))
    failure = failing(link(bq.url, OneTry(0.5 if fault == "hang" else LONG)))
    assert failure.kind == "unavailable"
    host = bq.url.removeprefix("http://")
    seconds = "0.5" if fault == "hang" else "60"
    assert failure.message == f"cannot look for p.d.t within {seconds} s: {said.replace('HOST', host)}."
    assert "network" in failure.hint


def test_a_request_is_bounded_by_the_deadline_and_never_retried_by_the_client(link: Link, nobody: str) -> None:
    assert link(f"http://{nobody}", OneTry(0.5)).once() == {"retry": None, "timeout": 0.5}


def test_nobody_listens(link: Link, nobody: str) -> None:
    failure = failing(link(f"http://{nobody}", OneTry(LONG)))
    assert failure.kind == "unavailable"
    assert failure.message == f"cannot look for p.d.t within 60 s: no connection to {nobody}: Connection refused."


def test_a_name_that_is_not_known(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = failing(link("http://nosuch.invalid:9", OneTry(LONG)))
    assert failure.message == "cannot look for p.d.t within 60 s: nosuch.invalid:9 is not known."


def test_a_proxy_that_is_not_there(link: Link, monkeypatch: pytest.MonkeyPatch, nobody: str) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:{TOKEN}@{nobody}")
    failure = failing(link("http://bigquery.example", OneTry(LONG)))
    assert failure.message == "cannot look for p.d.t within 60 s: no connection to the proxy: Connection refused."


@pytest.mark.parametrize("mark", ["#", "/", "?"])
def test_a_proxy_whose_password_is_not_escaped_is_not_quoted(
    link: Link, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:{TOKEN}{mark}rest@127.0.0.1:9")
    failure = failing(link("http://bigquery.example"))
    assert failure.kind == "config"
    assert failure.message == "cannot look for p.d.t: the address of a proxy or a server is malformed."


def test_a_proxy_that_is_no_address(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http:///")
    assert failing(link("http://bigquery.example")).kind == "config"


def test_no_encryption_where_it_is_expected(bq: StandIn, link: Link) -> None:
    failure = failing(link(bq.url.replace("http:", "https:")))
    assert failure.kind == "config"
    assert f"no encrypted connection to {bq.url.removeprefix('http://')}" in failure.message
    assert "REQUESTS_CA_BUNDLE" in failure.hint


def test_certificates_that_are_not_there(bq: StandIn, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/none/such.pem")
    failure = failing(link(bq.url.replace("http:", "https:")))
    assert failure.kind == "config"
    assert "/none/such.pem" in failure.message


def test_a_redirect_without_end(link: Link) -> None:
    with serving(lambda path, _: (307, {"Location": path}, b"")) as host:
        failure = failing(link(f"http://{host}", OneTry(LONG)))
    assert failure.kind == "unavailable"
    assert "redirects" in failure.message


def test_a_redirect_that_leads_nowhere(link: Link) -> None:
    with serving(lambda *_: (302, {}, b"")) as host:
        failure = failing(link(f"http://{host}"))
    assert failure.kind == "rejected"
    assert failure.message == "cannot look for p.d.t: HTTP 302."


@pytest.mark.parametrize("status", [200, 403, 404, 500])
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"<html>", b"no\nJSON"])
def test_an_answer_that_is_not_bigquery_s_is_none(link: Link, status: int, body: bytes) -> None:
    with serving(lambda *_: (status, JSON, body)) as host:
        failure = failing(link(f"http://{host}", OneTry(LONG)))
    assert failure.kind == "unavailable"
    said = f"HTTP {status} with an answer that is not BigQuery's"
    assert failure.message == f"cannot look for p.d.t within 60 s: {said}."


@pytest.mark.parametrize("body", [b"{}", b'{"error": "no"}', b'{"error": null}', b'{"message": "Forbidden"}', b""])
def test_a_refusal_that_is_not_bigquery_s_is_none(link: Link, body: bytes) -> None:
    with serving(lambda *_: (403, JSON, body)) as host:
        failure = failing(link(f"http://{host}", OneTry(LONG)))
    assert failure.kind == "unavailable"
    assert "network" in failure.hint


@pytest.mark.parametrize(
    ("body", "call"),
    [
        pytest.param(body, call, id=f"{body} for {call}")
        for call in ("get_table", "get_dataset", "get_job", "create_table", "query")
        for body in (
            "",
            " ",
            "{}",
            '{"location": null}',
            '{"status": "ok"}',
            '{"jobReference": null, "tableReference": []}',
        )
    ],
)
def test_an_object_that_is_not_what_was_asked_for_is_no_answer(link: Link, body: str, call: str) -> None:
    table = bigquery.Table("p.d.t")
    asked = {"get_table": "p.d.t", "get_dataset": "p.d", "get_job": "j", "create_table": table, "query": "SELECT 1"}
    with serving(lambda *_: (200, JSON, body.encode())) as host:
        linked = link(f"http://{host}", OneTry(LONG))
        more = {"job_retry": None} if call == "query" else {}
        with pytest.raises(Failure) as failed:
            linked.retrying("ask", lambda: getattr(linked.client, call)(asked[call], **more, **linked.once()))
    assert checked(failed.value).kind == "unavailable"
    assert "HTTP 200 with an answer that is not BigQuery's" in failed.value.message


def test_a_location_is_looked_up_once_however_many_ask(bq: StandIn, link: Link) -> None:
    linked = link(bq.url)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(linked.location_of, ["p.d"] * 40)) == {"US"}
    assert bq.count("datasets.get") == 1
    assert linked.location_of("p.other") is None
    bq.create_dataset("p.other", location="EU")
    assert linked.location_of("p.other") == "EU"


def test_json_that_breaks_off(link: Link) -> None:
    with serving(lambda *_: (200, JSON, b'{"kind": "bigq')) as host:
        assert "an answer that is not JSON" in failing(link(f"http://{host}", OneTry(LONG))).message


# It comes right in time


@pytest.mark.parametrize(
    "fault",
    [
        Fault("error", times=2, status=503),
        Fault("error", times=2, status=500, reason="backendError"),
        Fault("error", times=2, status=502),
        Fault("error", times=2, status=504),
        Fault("error", times=2, status=429),
        Fault("error", times=2, status=403, reason="rateLimitExceeded"),
        Fault("reset", times=2),
        Fault("lose_answer", times=2),
        Fault("garbage", times=2),
        Fault("truncate", times=2),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}" if fault.kind == "error" else fault.kind,
)
def test_what_passes_is_waited_for(bq: StandIn, link: Link, monkeypatch: pytest.MonkeyPatch, fault: Fault) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    bq.faults.add(Fault(**{name: getattr(fault, name) for name in ("kind", "times", "status", "reason")}))
    assert get(link(bq.url)) == "t"
    assert bq.count("tables.get") == 3


# What the service says


@pytest.mark.parametrize(
    ("status", "reason", "kind", "hint"),
    [
        (403, "accessDenied", "permission", "Grant bigquery.tables.get to the identity that this runs as, by roles/"),
        (403, "quotaExceeded", "quota", "Run it again later"),
        (403, "dailyLimitExceeded", "quota", "Run it again later"),
        (403, "billingNotEnabled", "permission", "Enable billing"),
        (403, None, "permission", "Grant bigquery.tables.get to the identity"),
        (404, "notFound", "not_found", "Check PROJECT_ID"),
        (400, "invalid", "rejected", ""),
        (409, "duplicate", "rejected", ""),
        (412, "conditionNotMet", "rejected", ""),
    ],
)
def test_a_refusal_is_told_at_once(  # noqa: PLR0913, PLR0917  # the table's columns, and fixtures
    bq: StandIn, link: Link, status: int, reason: str | None, kind: str, hint: str
) -> None:
    words = "Access Denied: Table p:d.t: Permission bigquery.tables.get denied."
    bq.faults.add(Fault("error", times=None, status=status, reason=reason, message=words))
    failure = failing(link(bq.url))
    assert failure.kind == kind
    assert failure.message == f"cannot look for p.d.t: {words}"
    assert failure.hint.startswith(hint)
    assert bq.count() == 1


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (503, None, "unavailable"),
        (500, "internalError", "unavailable"),
        (429, "rateLimitExceeded", "quota"),
        (403, "rateLimitExceeded", "quota"),
    ],
)
def test_what_does_not_pass_ends_with_the_deadline(
    bq: StandIn, link: Link, status: int, reason: str | None, kind: str
) -> None:
    bq.faults.add(Fault("error", times=None, status=status, reason=reason, message="Try later."))
    failure = failing(link(bq.url, OneTry(LONG)))
    assert failure.kind == kind
    assert failure.message == "cannot look for p.d.t within 60 s: Try later."


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param("two\n  lines", "two lines.", id="lines"),
        pytest.param("x" * 10_000, "xxx", id="long"),
        pytest.param("<p>Sorry</p>", "a page that is not BigQuery's.", id="HTML"),
        pytest.param("", "HTTP 400.", id="nothing"),
        pytest.param(None, "HTTP 400.", id="no words"),
    ],
)
def test_what_the_service_says_is_one_line(link: Link, message: str | None, said: str) -> None:
    body = json.dumps({"error": {"code": 400} if message is None else {"code": 400, "message": message}})
    with serving(lambda *_: (400, JSON, body.encode())) as host:
        assert said in failing(link(f"http://{host}")).message


def bad_request(reason: str) -> api.BadRequest:
    return api.BadRequest("no", errors=[{"reason": reason}])  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("error", "may_pass"),
    [
        (api.ServiceUnavailable("x"), True),  # type: ignore[no-untyped-call]
        (api.GatewayTimeout("x"), True),  # type: ignore[no-untyped-call]
        (api.TooManyRequests("x"), True),  # type: ignore[no-untyped-call]
        (bad_request("jobRateLimitExceeded"), True),
        (bad_request("invalid"), False),
        (api.NotFound("x"), False),  # type: ignore[no-untyped-call]
        (api.Conflict("x"), False),  # type: ignore[no-untyped-call]
        (api.PreconditionFailed("x"), False),  # type: ignore[no-untyped-call]
        (requests.exceptions.ConnectionError(), True),
        (requests.exceptions.ReadTimeout(), True),
        (requests.exceptions.ChunkedEncodingError(), True),
        (requests.exceptions.SSLError(), False),
        (requests.exceptions.InvalidProxyURL(), False),
        (ConnectionResetError(), True),
        (FileNotFoundError(), False),
        (auth.TransportError(), True),  # type: ignore[no-untyped-call]
        (auth.RefreshError(), False),  # type: ignore[no-untyped-call]
        (auth.RefreshError(retryable=True), True),  # type: ignore[no-untyped-call]
        (ValueError(), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_may_pass(error: Exception, may_pass: bool) -> None:  # noqa: FBT001  # a column of the table
    assert service_errors.is_transient(error) is may_pass


def test_an_untrusted_certificate_is_named() -> None:
    cause = ssl.SSLCertVerificationError()
    cause.verify_message = "self-signed certificate"
    error = requests.exceptions.SSLError(cause, request=requests.Request("GET", "https://u:p@h.example/x?y").prepare())
    assert service_errors.words(error) == "no encrypted connection to h.example: self-signed certificate"


# The whole process ends


def test_a_defect_does_not_hide_where_the_row_is_kept(tmp_path: Path) -> None:
    job = {"jobReference": {"jobId": "j"}, "status": {"state": "DONE"}, "configuration": {"labels": ["odd"]}}
    with serving(lambda *_: (200, JSON, json.dumps(job).encode())) as host:
        ended = run((*COMMAND, "log-build"), tmp_path, PROJECT_ID="p", BIGQUERY_EMULATOR_HOST=f"http://{host}")
    assert "a defect of this library" in ended.line
    assert ended.result is not None
    assert ended.result["status"] == "spooled"
    assert (tmp_path / ended.result["spool"]).is_file()


@pytest.mark.parametrize("spool", ["../unsent", "x/../../unsent"])
def test_a_spool_outside_of_the_folder_is_not_named_for_archiving(tmp_path: Path, nobody: str, spool: str) -> None:
    folder = tmp_path / "workspace"
    (folder / "x").mkdir(parents=True)
    given = {"BIGQUERY_EMULATOR_HOST": f"http://{nobody}", "BQ_DEADLINE_SECONDS": "1", "BQ_SPOOL_DIR": spool}
    ended = run((*COMMAND, "log-build"), folder, PROJECT_ID="p", **given)
    assert ended.result is not None
    assert ended.result["status"] == "spooled"
    assert "spool" not in ended.result
    assert len(list((tmp_path / "unsent").iterdir())) == 1


def ensure(folder: Path, program: tuple[str, ...], bq: StandIn) -> Ended:
    (folder / "config").mkdir()
    (folder / "config/d_t.json").write_text(json.dumps(COLUMNS))
    return run(program, folder, **TABLE, BIGQUERY_EMULATOR_HOST=bq.url, BQ_DEADLINE_SECONDS="1")


@pytest.mark.parametrize("program", [CREATE_TABLE, DEMO_PIPELINE], ids=["create_table", "demo_pipeline"])
@pytest.mark.parametrize(
    "fault", [Fault("hang", times=None), Fault("trickle", times=None, seconds=0.2)], ids=lambda fault: fault.kind
)
def test_no_answer_ends_the_process(tmp_path: Path, bq: StandIn, program: tuple[str, ...], fault: Fault) -> None:
    bq.faults.add(Fault(fault.kind, times=None, seconds=fault.seconds))
    ended = ensure(tmp_path, program, bq)
    assert ended.line
    assert ended.result is not None
    assert ended.result["error"]["kind"] == "unavailable"
    if program == DEMO_PIPELINE:
        assert ended.result["status"] == "spooled"
        assert Path(tmp_path, ended.result["spool"]).exists()
        assert "The row is kept in " in ended.line


# Credentials


def connected(deadline: Deadline | None = None, /, **environ: str) -> Failure:
    with pytest.raises(Failure) as failed:
        connection.connect("p", None, deadline or Deadline(LONG), environ)
    assert failed.value.kind == "auth"
    return checked(failed.value)


def test_on_a_laptop_without_credentials() -> None:
    failure = connected()
    assert failure.message == "no Google credentials: there are none."
    assert failure.bare_hint == "Log in with `gcloud auth application-default login`."
    assert failure.hint == f"{failure.bare_hint} The command doctor (step bqDoctor) tells more."


def test_in_a_pod_without_credentials() -> None:
    failure = connected(OneTry(LONG), KUBERNETES_SERVICE_HOST="10.0.0.1")
    assert failure.message == "no Google credentials within 60 s: there are none."
    assert "Workload Identity" in failure.hint


CREDENTIALS_FILES = {
    "missing": None,
    "empty": b"",
    "binary": b"\x89\xff\x00",
    "array": b"[]",
    "string": b'"x"',
    "no type": b"{}",
    "number for type": b'{"type": 5}',
    **{
        f"{kind}, empty": json.dumps({"type": kind, "private_key": TOKEN, "client_secret": TOKEN}).encode()
        for kind in (
            "service_account",
            "authorized_user",
            "external_account",
            "external_account_authorized_user",
            "impersonated_service_account",
            "gdch_service_account",
        )
    },
    "key that is none": json.dumps(
        {"type": "service_account", "client_email": "a@b", "token_uri": "http://h/", "private_key": TOKEN}
    ).encode(),
}


@pytest.mark.parametrize("where", [{}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}], ids=["laptop", "pod"])
@pytest.mark.parametrize("content", CREDENTIALS_FILES.values(), ids=CREDENTIALS_FILES)
def test_a_credentials_file_that_is_none_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: dict[str, str], content: bytes | None
) -> None:
    path = tmp_path / "credentials.json"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    failure = connected(GOOGLE_APPLICATION_CREDENTIALS=str(path), **where)
    assert "within" not in failure.message
    assert "GOOGLE_APPLICATION_CREDENTIALS" in failure.hint


def test_a_folder_for_a_credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    assert "Is a directory" in connected(GOOGLE_APPLICATION_CREDENTIALS=str(tmp_path)).message


def test_a_broken_file_of_gcloud_s_is_named_and_gcloud_mends_it(tmp_path: Path) -> None:
    path = tmp_path / ".config/gcloud/application_default_credentials.json"
    path.parent.mkdir(parents=True)
    path.write_text("[]")
    failure = connected()
    assert failure.message == "no Google credentials: the file of credentials is malformed."
    assert "gcloud" in failure.hint


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


@pytest.fixture
def service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_key: str) -> Callable[[str], str]:
    """Writes the credentials of a service account whose tokens come from an address."""

    def write(host: str) -> str:
        path = tmp_path / "service_account.json"
        account = {"client_email": "a@b.example", "token_uri": f"http://{host}/token", "private_key": private_key}
        path.write_text(json.dumps({"type": "service_account", "private_key_id": "1", **account}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        return str(path)

    return write


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        pytest.param(
            400,
            {"error": "invalid_grant", "error_description": "Token has been expired or revoked.", "hint": TOKEN},
            "Google gave no token (invalid_grant: Token has been expired or revoked)",
            id="expired",
        ),
        pytest.param(200, {"refresh_token": TOKEN}, "No access token in response", id="no token"),
        pytest.param(200, [TOKEN], "malformed", id="not an object"),
        pytest.param(200, {"access_token": TOKEN, "expires_in": "soon"}, "malformed", id="no number"),
        pytest.param(401, {"error": {"message": "x"}}, "Google gave no token", id="not OAuth's error"),
    ],
)
def test_a_token_is_refused(service_account: Callable[[str], str], status: int, body: object, said: str) -> None:
    with serving(lambda *_: (status, JSON, json.dumps(body).encode())) as host:
        assert said in connected(GOOGLE_APPLICATION_CREDENTIALS=service_account(host)).message


def test_nobody_gives_tokens(service_account: Callable[[str], str], nobody: str) -> None:
    failure = connected(OneTry(LONG), GOOGLE_APPLICATION_CREDENTIALS=service_account(nobody))
    assert f"Google gave no token (no connection to {nobody}: Connection refused)" in failure.message


@pytest.fixture
def authorized(
    bq: StandIn, service_account: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A connection with a token, to a stand-in."""
    with serving(token) as host:
        path = service_account(host)
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bq.url)
        yield connection.connect("p", None, Deadline(LONG), {"GOOGLE_APPLICATION_CREDENTIALS": path})


def test_a_token_is_used(bq: StandIn, authorized: Connection) -> None:
    assert get(authorized) == "t"
    (request,) = bq.requests
    assert {name.lower(): value for name, value in request.headers.items()}["authorization"] == f"Bearer {TOKEN}"


def test_a_password_in_netrc_is_not_sent_in_place_of_the_token(
    tmp_path: Path, bq: StandIn, authorized: Connection
) -> None:
    (tmp_path / ".netrc").write_text("default login me password hunter2\n", encoding="ascii")
    assert get(authorized) == "t"
    authorized.client.load_table_from_json([{"id": "1"}], "p.d.t", num_retries=0, timeout=LONG).result()
    assert {request.headers["authorization"] for request in bq.requests} == {f"Bearer {TOKEN}"}
    assert requests.utils.get_netrc_auth("https://sts.googleapis.com/v1/token") is None  # google-auth's own sessions


@pytest.mark.parametrize(("status", "reason"), [(401, "authError"), (403, "accessDenied")])
def test_a_token_is_not_accepted(bq: StandIn, authorized: Connection, status: int, reason: str) -> None:
    bq.faults.add(Fault("error", times=None, status=status, reason=reason, message="Invalid Credentials"))
    failure = failing(authorized)
    assert failure.kind == ("auth" if status == 401 else "permission")
    assert failure.message == "cannot look for p.d.t: Invalid Credentials."


def test_a_redirect_elsewhere_does_not_take_the_token_along(
    service_account: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, bq: StandIn
) -> None:
    with (
        serving(token) as tokens,
        serving(lambda path, _: (307, {"Location": f"{bq.url}{path}"}, b"")) as host,
    ):
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://localhost:{host.rpartition(':')[2]}")
        environ = {"GOOGLE_APPLICATION_CREDENTIALS": service_account(tokens)}
        assert get(connection.connect("p", None, Deadline(LONG), environ)) == "t"
    assert bq.requests
    assert TOKEN not in repr([request.headers for request in bq.requests])


# The metadata server of a pod

PROGRAM = """
import sys
from bqsteps import connection, report
from bqsteps.deadline import Deadline
environ = report.environment()
address = environ.pop("BIGQUERY_EMULATOR_HOST")

def command():
    link = connection.connect("p", None, Deadline(float(environ["SECONDS"])), environ)
    link.retrying("look for p.d.t", lambda: link.client.get_table("p.d.t", **link.once()))
    return {"status": "unchanged"}

sys.exit(report.run(environ, command))
"""
POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "NO_GCE_CHECK": ""}


def in_pod(folder: Path, metadata: str, bq: StandIn, seconds: float, **more: str) -> Ended:
    servers = {"GCE_METADATA_HOST": metadata, "GCE_METADATA_IP": metadata, "BIGQUERY_EMULATOR_HOST": bq.url}
    ended = run(("-c", PROGRAM), folder, **{**POD, **servers, "SECONDS": str(seconds), **more})
    assert TOKEN not in ended.stdout + ended.stderr + json.dumps(ended.result)
    return ended


@pytest.mark.parametrize(
    "first",
    [
        pytest.param([], id="ready"),
        pytest.param([(503, {}, b"not yet"), (404, {}, b"not yet")], id="503, then 404"),
        pytest.param([(200, {}, b"another server"), None, None, (404, {}, b"no account yet")], id="no account yet"),
        pytest.param([None, None, (200, JSON, b"<html>"), None, None, (200, JSON, b"{}")], id="nonsense"),
    ],
)
def test_a_metadata_server_that_is_not_ready_is_waited_for(
    tmp_path: Path, bq: StandIn, first: list[Answer | None]
) -> None:
    def answer(path: str, number: int) -> Answer:
        return (first[number - 1] if number <= len(first) else None) or metadata(path)

    with serving(answer) as host:
        ended = in_pod(tmp_path, host, bq, LONG)
    assert (ended.code, ended.stderr) == (0, "")
    assert f"Bearer {TOKEN}" in repr(bq.requests[-1].headers)


@pytest.mark.parametrize("answer", [(503, {}, b"not yet"), (404, {}, TOKEN.encode())], ids=["503", "404"])
def test_a_metadata_server_that_never_gets_ready(tmp_path: Path, bq: StandIn, answer: Answer) -> None:
    with serving(lambda *_: answer) as host:
        ended = in_pod(tmp_path, host, bq, 1)
    assert "no Google credentials within 1 s: there are none" in ended.line
    assert "Workload Identity" in ended.line


def test_a_pod_without_workload_identity(tmp_path: Path, bq: StandIn) -> None:
    def answer(path: str, _: int) -> Answer:
        return (404, JSON, b"no account: " + TOKEN.encode()) if "/service-accounts/" in path else metadata(path)

    with serving(answer) as host:
        ended = in_pod(tmp_path, host, bq, 1)
    assert "no Google credentials within 1 s: Google gave no token" in ended.line
    assert "Workload Identity" in ended.line


def test_on_a_laptop_nobody_waits_for_a_metadata_server(tmp_path: Path, bq: StandIn) -> None:
    with serving(lambda *_: (503, {}, b"a captive portal")) as host:
        ended = in_pod(tmp_path, host, bq, LONG, KUBERNETES_SERVICE_HOST="")
    assert (
        ended.line
        == "bqsteps: no Google credentials: there are none. Log in with `gcloud auth application-default login`."
        " The command doctor (step bqDoctor) tells more."
    )


def test_a_metadata_server_that_listens_only_later(tmp_path: Path, bq: StandIn) -> None:
    with serving(metadata) as host, socket.socket() as late:
        late.bind(("127.0.0.1", 0))
        timer = threading.Timer(1.0, late.listen)
        forwarding = threading.Thread(target=forward, args=(late, timer, host), daemon=True)
        timer.start()
        forwarding.start()
        ended = in_pod(tmp_path, f"127.0.0.1:{late.getsockname()[1]}", bq, LONG)
    assert (ended.code, ended.stderr) == (0, "")


def forward(late: socket.socket, timer: threading.Timer, host: str) -> None:
    """Hand each connection on, once there are any."""
    timer.join()
    while True:
        try:
            near, _ = late.accept()
        except OSError:
            return  # the test has ended
        far = socket.create_connection(tuple(host.split(":")))  # type: ignore[arg-type]
        for pair in ((near, far), (far, near)):
            threading.Thread(target=pump, args=pair, daemon=True).start()


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError), source, sink:
        while data := source.recv(65536):
            sink.sendall(data)
