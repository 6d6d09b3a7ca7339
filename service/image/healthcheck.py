"""The image's health check: exit status 0 when the service is ready.

It runs every few seconds beside the service, so it imports as little as can be: neither the package nor an HTTP client.
"""

import os
import socket


def main() -> None:
    """Ask as a probe does; what is not 200 is the exit's message."""
    with socket.create_connection(("127.0.0.1", int(os.environ.get("PORT") or 8000)), timeout=3) as connection:
        connection.sendall(b"GET /api/v1/ready HTTP/1.0\r\n\r\n")
        status = connection.makefile("rb").readline()
    if b" 200 " not in status:
        raise SystemExit(status.decode("ascii", "replace").strip() or "no answer")


if __name__ == "__main__":
    main()
