# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The control plane: moto behind the gate of :mod:`emulator.iam`, on a loopback port."""

from __future__ import annotations

import threading
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import ThreadedWSGIServer

from emulator import patches
from emulator.consistency import Consistency
from emulator.iam.errors import Protocol
from emulator.iam.gate import RAW_HEADERS, Gate
from emulator.iam.journal import Journal
from emulator.iam.requests import PROTOCOL


class _Handler(MotoRequestHandler):
    """Keeps the headers as they came (signatures cover them), and no access log: its URLs may be credentials."""

    def make_environ(self) -> dict[str, Any]:
        """The WSGI environment of the request."""
        environ = super().make_environ()
        environ[RAW_HEADERS] = self.headers.items()
        return environ

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _create_application(service: Any) -> Any:
    """moto's application for one service, made at the service's first call."""
    patches.install_late(service)
    return create_backend_app(service)


class _Dispatcher(DomainDispatcherApplication):
    """Finds the service of a call where the gate has found it."""

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        """moto's name for the service.

        Without a header Authorization the gate has judged an S3 request. moto would take some for calls of other
        services: by a path such as ``/lambda_eu-west-2/``, by ``/.well-known/jwks.json``, or by a form's ``Action``.
        """
        if environ.get(PROTOCOL) is Protocol.S3 and "HTTP_AUTHORIZATION" not in environ:
            return "s3.us-east-1.amazonaws.com"
        host: str | None = super().infer_service_region_host(environ, path)
        return host


class ControlPlane:
    """moto's server; bound when made, answers from :meth:`start` to :meth:`stop`.

    :param host: the address to bind.
    :param port: the port, 0 for any.
    :param journal: keeps what callers were allowed.
    :param consistency: how late changes are seen.
    :raises OSError: when the port is taken.
    """

    def __init__(
        self, host: str, port: int, journal: Journal | None = None, consistency: Consistency | None = None
    ) -> None:
        moto: Any = _Dispatcher(_create_application)
        try:
            self._server = ThreadedWSGIServer(host, port, Gate(moto, journal, consistency), handler=_Handler)
        except SystemExit:  # werkzeug's way to say that it cannot bind
            raise OSError(f"port {port} of {host} cannot be bound: is it in use?") from None
        self.port = self._server.port
        self.endpoint = f"http://{host}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="control-plane", daemon=True
        )

    def start(self) -> None:
        """Answer from here on."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
