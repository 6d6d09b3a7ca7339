"""The receiver of Argo CD's notifications: a server in this process."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from e2e.kube import command, until

SECRET = ("secret", "argocd-notifications-secret", "--namespace=argocd")
KEY = "nedc-bench-webhook"


class Receiver:
    """Records every notification, as JSON; listens on 127.0.0.1 or NOTIFICATION_HOST."""

    def __init__(self) -> None:
        received: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        host = os.environ.get("NOTIFICATION_HOST", "127.0.0.1")
        self.received = received
        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port, *_ = self._server.server_address
        return f"http://{host!s}:{port}/"

    def forget(self) -> None:
        """Remove the address from the Secret."""
        command("kubectl", "patch", *SECRET, "--patch", json.dumps({"data": {KEY: None}}))

    def awaited(self, application: str, **wanted: str) -> None:
        """Wait for a notification of an Application with these contents."""
        of_it = {"application": application, **wanted}
        until(lambda: any(of_it.items() <= found.items() for found in self.received), f"a notification: {of_it}")
