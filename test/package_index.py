"""A package index of a few small wheels, as people put them behind proxies, certificates and passwords. For tests."""

import base64
import contextlib
import datetime as dt
import hashlib
import ssl
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LISTS = {
    "requirements.txt": {"click": "click/__init__.py", "google-cloud-bigquery": "google/cloud/bigquery/__init__.py"},
    "report-requirements.txt": {"jinja2": "jinja2/__init__.py", "matplotlib": "matplotlib/__init__.py"},
}
MODULES = {name: module for modules in LISTS.values() for name, module in modules.items()}


def make_wheels(folder: Path) -> Path:
    """Write the wheels, and the lists that pin them by hash."""
    folder.mkdir()
    lines = {}
    for name, module in MODULES.items():
        stem = f"{name.replace('-', '_')}-1.0"
        wheel = folder / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(module, "")
            archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(
                f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        lines[name] = f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    for listed, modules in LISTS.items():
        (folder / listed).write_text("".join(lines[name] for name in modules))
    return folder


@dataclass
class Index:
    """What a running index saw."""

    url: str = ""
    port: int = 0
    asked: list[str] = field(default_factory=list)
    connected: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Behaviour:
    """How an index answers.

    Args:
        wheels: the folder of what it serves.
        login: what it wants as name:password.
        hangs: whether it takes requests and never answers.
    """

    wheels: Path
    login: str | None = None
    hangs: bool = False

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body, for a path below /simple or /files."""
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}" if self.login else None
        if wanted and authorization != wanted:
            return 401, b""
        parts = path.strip("/").split("/")
        if parts[0] == "simple" and parts[-1] in MODULES:
            names = [wheel.name for wheel in self.wheels.glob(f"{parts[-1].replace('-', '_')}-*.whl")]
            return 200, "".join(f'<a href="/files/{name}">{name}</a>' for name in names).encode()
        file = self.wheels / parts[-1]
        return (200, file.read_bytes()) if parts[0] == "files" and file.is_file() else (404, b"")


class _Handler(BaseHTTPRequestHandler):
    """Answers requests; as a proxy is asked, too."""

    behaviour: Behaviour
    index: Index

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.index.asked.append(self.path)
        self.index.connected.set()
        if self.behaviour.hangs:
            self.connection.recv(1)  # returns when the client goes away
            self.index.disconnected.set()
            return
        code, body = self.behaviour.answer(urlsplit(self.path).path, self.headers["Authorization"])
        self.send_response(code)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        if code == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that goes away, or refuses our certificate, is expected."""


@contextlib.contextmanager
def serving(
    wheels: Path, *, login: str | None = None, hangs: bool = False, tls: ssl.SSLContext | None = None
) -> Iterator[Index]:
    """Serve the wheels on a free port."""
    index = Index()
    handler = type("Handler", (_Handler,), {"behaviour": Behaviour(wheels, login, hangs), "index": index})
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        # The handshake belongs to the connection's own thread, so that a refused one does not end the server.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    index.port = server.server_address[1]
    index.url = f"{'https' if tls else 'http'}://localhost:{index.port}/simple"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificates(folder: Path) -> tuple[Path, Path]:
    """An authority's certificate, and a file with the certificate and key of localhost, for server and client."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    authority = _certificate(authority_name, authority_name, authority_key, authority_key, authority=True)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "index")])
    leaf = _certificate(name, authority_name, key, authority_key, authority=False)
    authority_file, leaf_file = folder / "authority.pem", folder / "index.pem"
    authority_file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    leaf_file.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + private)
    return authority_file, leaf_file


def _certificate(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    signing = x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(signing, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return builder.sign(signer, hashes.SHA256())
