# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application that every worker of the server runs: MLflow's own login application, with our rules.

``mlflow server --app-name`` finds it by the entry point group ``mlflow.app``
(https://mlflow.org/docs/latest/self-hosting/security/custom/). A worker in which a rule cannot be
put in place does not start: there is no server without them.
"""

from __future__ import annotations

import os
from typing import Any

#: Routes of MLflow 3's assistant, which runs shell commands on the server's machine.
ASSISTANT = "/ajax-api/3.0/mlflow/assistant"
CURRENT_USER = "/mlflow/users/current"


def create_app() -> Any:
    """The application: Flask under MLflow 2 (gunicorn), FastAPI under MLflow 3 (uvicorn).

    :raises RuntimeError: the installed MLflow has no place for one of the rules.
    """
    from mlflow_aws import pool, statements

    pool.install()  # before anything of MLflow connects
    statements.install()

    from mlflow.server import auth, handlers
    from mlflow.version import VERSION

    from mlflow_aws import admission, artifacts, forget, parameters, references, rights, routes, searches
    from mlflow_aws.locations import ArtifactRoot

    artifacts.install(ArtifactRoot.parse(os.environ["MLFLOW_AWS_ARTIFACTS"]))
    forget.install()
    references.install()
    searches.install()
    auth.get_auth_func(auth.auth_config.authorization_function)  # a wrong name must not wait for the first request
    modern = not VERSION.startswith("2.")
    if modern:
        routes.install()
    application = auth.create_app()
    lists = parameters.lists(handlers.get_endpoints(lambda message: message))
    admission.install(auth.app, lists)
    if not modern:
        from mlflow_aws import mlflow2

        mlflow2.install()
    auth.app.after_request(_offer_password_change)
    if hasattr(application, "add_middleware"):
        from mlflow_aws import access, early_login

        application.add_middleware(parameters.OnePlace, known=lists)
        application.add_middleware(_WithoutAssistant)
        application.add_middleware(early_login.VerifyEarly, examine=access.examine_early, keep=access.keep_early)
        application.add_middleware(rights.RememberScope)
    return application


def _offer_password_change(response: Any) -> Any:
    """MLflow 3's page hides logout and password change when the login function is not its own; ours is basic too."""
    from flask import request

    if request.path.endswith(CURRENT_USER) and response.status_code == 200 and response.is_json:
        answer = response.get_json()
        if isinstance(answer, dict) and answer.get("is_basic_auth") is False:
            response.set_data(response_text({**answer, "is_basic_auth": True}))
    return response


def response_text(answer: dict[str, Any]) -> str:
    """``answer`` as the JSON text of a response."""
    import json

    return json.dumps(answer)


class _WithoutAssistant:
    """ASGI middleware: the assistant's routes do not exist on this server."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan" and scope.get("path", "").startswith(ASSISTANT):
            if scope["type"] == "http":
                headers = [(b"content-type", b"text/plain"), (b"content-length", b"9")]
                await send({"type": "http.response.start", "status": 404, "headers": headers})
                await send({"type": "http.response.body", "body": b"Not Found"})
            else:
                await send({"type": "websocket.close", "code": 1008})
            return
        await self._app(scope, receive, send)
