"""Small servers that tests put in the place of Google's others: tokens, and the metadata server of a pod."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "ya29.open-sesame"  # noqa: S105  # planted, to be looked for
EMAIL = "ci@p.iam.gserviceaccount.com"
JSON = {"Content-Type": "application/json"}
Answer = tuple[int, dict[str, str], bytes]


@contextlib.contextmanager
def serving(answer: Callable[[str, int], Answer]) -> Iterator[str]:
    """A server whose answers are made from the path and the number of the request; its host and port."""
    count = 0

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            nonlocal count
            count += 1
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = answer(self.path, count)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815  # names of the standard library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def token(*_: object) -> Answer:
    return 200, JSON, json.dumps({"access_token": TOKEN, "expires_in": 3600, "token_type": "Bearer"}).encode()


def metadata(path: str, _: int = 0) -> Answer:
    """A metadata server that is ready."""
    flavor = {"Metadata-Flavor": "Google", **JSON}
    if "/token" in path:
        status, headers, body = token()
        return status, {**flavor, **headers}, body
    if "/service-accounts/" in path:
        return 200, flavor, json.dumps({"email": EMAIL, "scopes": [], "aliases": ["default"]}).encode()
    if path == "/":
        return 200, flavor, b"computeMetadata/"
    return 404, flavor, b"not found"
