"""The socket that listens, and its connections: one thread each."""

from __future__ import annotations

import itertools
import socket
import socketserver
import traceback
from typing import TYPE_CHECKING

from stand_in import wire
from stand_in.exchange import send

if TYPE_CHECKING:
    from stand_in.exchange import Exchange


class Listener(socketserver.ThreadingTCPServer):
    """One thread a connection, none of which outlives the process."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], exchange: Exchange) -> None:
        self.exchange = exchange
        self.numbers = itertools.count(1)
        self.open: set[socket.socket] = set()
        super().__init__(address, _Connection)

    def serve(self) -> None:
        """Take connections until end is called. Unlike serve_forever this ends at once, without polling."""
        while not self.exchange.stopping.is_set():
            self.handle_request()

    def end(self) -> None:
        """Wake the thread that serves, so that it sees that it is over."""
        self.exchange.stopping.set()
        socket.create_connection(("127.0.0.1", self.server_address[1])).close()

    def server_close(self) -> None:
        super().server_close()
        for connection in list(self.open):
            wire.end(connection)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  socketserver's
        """Keep what broke a connection, if that was not a side of it: then it is a defect, or an observer's."""
        self.exchange.defects.append(traceback.format_exc())


class _Connection(socketserver.StreamRequestHandler):
    """The requests of one connection, one after the other."""

    disable_nagle_algorithm = True
    server: Listener

    def handle(self) -> None:
        number = next(self.server.numbers)
        self.server.open.add(self.connection)
        try:
            while (request := wire.read_request(self.rfile, self.connection)) is not None:
                if not self.server.exchange.serve(request, self.connection, number):
                    return
        except wire.BrokenRequestError as error:
            send(self.connection, wire.Answer(400, str(error)))
        except OSError:
            return  # the connection is broken, by command or by the other side
        finally:
            self.server.open.discard(self.connection)
