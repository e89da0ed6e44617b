"""A TCP relay that counts what comes back through it."""

import contextlib
import socket
import socketserver
import threading


class Meter:
    """Passes connections on to an address; `n_bytes` is what those who connected have received.

    Its own address is `address`.
    """

    def __init__(self, target):
        host, _, port = target.rpartition(":")
        meter = self
        self.n_bytes = 0

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as there:
                    sender = threading.Thread(target=_pump, args=(self.request, there), daemon=True)
                    sender.start()
                    _pump(there, self.request, meter)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def _pump(source, sink, meter=None):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            if meter is not None:
                meter.n_bytes += len(data)
            sink.sendall(data)
    for end, how in ((source, socket.SHUT_RD), (sink, socket.SHUT_WR)):
        with contextlib.suppress(OSError):
            end.shutdown(how)
