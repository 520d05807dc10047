"""The process that stands for the people on call: it takes the operator's messages and keeps them.

It runs beside the sandbox's own processes and ends with them. It answers every message with 200, as
a webhook receiver should, and appends it to a file that the demo reads.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ADDRESS_FILE = "inbox.url"
MESSAGES_FILE = "messages.jsonl"
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: `event` as the webhook names it, `symptoms` are names of services."""

    event: str
    service: str
    symptoms: tuple[str, ...]
    text: str


def read_address(folder: Path) -> str:
    """Where the inbox listens; empty while it does not."""
    file = folder / ADDRESS_FILE
    return file.read_text() if file.exists() else ""


def read_letters(folder: Path) -> Iterator[Letter]:
    """The messages so far, the oldest first."""
    file = folder / MESSAGES_FILE
    for line in file.read_text().splitlines() if file.exists() else ():
        body = json.loads(line)
        found = body.get("incident", {}).get("symptoms", ())
        yield Letter(
            event=str(body.get("event", "")),
            service=str(body.get("service_name", "")),
            symptoms=tuple(str(one["service"]) for one in found),
            text=str(body.get("text", "")),
        )


class Inbox(ThreadingHTTPServer):
    """Appends each body to the messages of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._messages = folder / MESSAGES_FILE
        super().__init__(("127.0.0.1", 0), _Handler)
        aside = folder / f"{ADDRESS_FILE}.new"
        aside.write_text(f"http://127.0.0.1:{self.server_port}/messages")
        aside.replace(folder / ADDRESS_FILE)

    def keep(self, body: bytes) -> None:
        """Raises ValueError for what is no JSON."""
        line = json.dumps(json.loads(body)) + "\n"
        with self._messages.open("a") as file:
            file.write(line)


class _Handler(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length", 0)), _LARGEST)
        try:
            self.server.keep(self.rfile.read(length))
        except ValueError:
            self.send_response(400)
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The file says what came."""


def main(argv: list[str] | None = None) -> int:
    """Takes messages until it is ended."""
    parser = argparse.ArgumentParser(prog="anomaly_sandbox.demo.inbox", description=__doc__)
    parser.add_argument("--folder", required=True, type=Path)
    with Inbox(parser.parse_args(argv).folder) as inbox:
        inbox.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
