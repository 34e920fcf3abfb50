"""A repository that the watcher looks at, and an https receiver for its pages."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from log_world import MODELS

TODAY = "2026-11-25"
SUNSETS = "version: 1\nsunsets:\n" + "".join(
    f'  - {{provider: openai, model: {model}, shutdown_on: "2031-01-01", source: page, checked_on: "2026-11-20"}}\n'
    for model in ("plain-model", "billing-model")
)
PRICES = (
    'version: 1\nprices:\n  - {provider: openai, model: "*", input_usd_per_mtok: "1", output_usd_per_mtok: "2", '
    'source: page, checked_on: "2026-11-20"}\n'
)


def make_watched(root: Path, models: str = MODELS, policy: str = "version: 1\n") -> Path:
    """Registry, policy and tables; on TODAY nothing is to be said of it."""
    (root / "evals").mkdir(parents=True)
    (root / "models.yaml").write_text(models)
    (root / "evals" / "policy.yaml").write_text(policy)
    (root / "evals" / "sunsets.yaml").write_text(SUNSETS)
    (root / "evals" / "prices.yaml").write_text(PRICES)
    return root


@dataclass
class Pager:
    """What arrived; `code` is what it answers next."""

    address: str
    certificate: Path
    received: list[dict[str, Any]] = field(default_factory=list)
    code: int = 204


@contextmanager
def pager(folder: Path) -> Iterator[Pager]:
    """A real https server on loopback, with a certificate of its own."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
         "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out",
         str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    made = Pager("", certificate)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(made.code)
            if made.code == 302:
                self.send_header("Location", made.address + "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.HTTPServer(("localhost", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.address = f"https://localhost:{server.server_address[1]}/hook?token=s3cret"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
