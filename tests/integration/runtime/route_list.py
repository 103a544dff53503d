# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints every route of the application as the server has it, as JSON; runs in the task's own Python.

Not asked of a running server: nothing there may tell it. What the application is made of is read instead, Flask's map
of rules, FastAPI's routes with those of the routers within, and the fields of the GraphQL schema that have functions.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

UNASKED = {"HEAD", "OPTIONS"}


def of_flask(app: Any) -> Iterator[tuple[str, str]]:
    """Method and rule of each route; methods of one function together."""
    for rule in app.url_map.iter_rules():
        yield ",".join(sorted(rule.methods - UNASKED)), re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", rule.rule)


def of_fastapi(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Method and path of each route, those of routers within routers too; websockets as the method WEBSOCKET."""
    for route in routes:
        if hasattr(route, "effective_candidates"):  # an included router
            yield from of_fastapi([*route.effective_candidates(), *route.effective_low_priority_routes()])
            continue
        path = re.sub(r"{(\w+)(?::\w+)?}", r"<\1>", getattr(route, "path", repr(route)))
        if methods := set(getattr(route, "methods", None) or ()) - UNASKED:
            yield ",".join(sorted(methods)), path
        elif path:  # the mount of Flask at the root has none
            yield "WEBSOCKET" if "WebSocket" in type(route).__name__ else type(route).__name__, path


def of_graphql() -> Iterator[tuple[str, str]]:
    """The fields of queries and mutations, and those of other types that have a function of their own."""
    from mlflow.server.graphql import graphql_schema_extensions as extensions

    schema = extensions.schema.graphql_schema
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name in root.fields if root else ():
            yield "GRAPHQL", f"{root.name}.{name}"
    for name, kind in inspect.getmembers(extensions, inspect.isclass):
        if name in schema.type_map and name not in ("Query", "Mutation"):
            for function in vars(kind):
                if function.startswith("resolve_"):
                    head, *rest = function.removeprefix("resolve_").split("_")
                    yield "GRAPHQL", f"{name}.{head}{''.join(part.title() for part in rest)}"


def main() -> None:
    """Print them."""
    from mlflow_aws import serve
    from mlflow_aws.settings import serve_settings

    settings = serve_settings(os.environ)
    ini = settings.scratch / "routes.ini"
    serve.write_private(ini, serve.auth_ini(settings))
    os.environ.update(serve.server_environment(settings, dict(os.environ), ini))
    os.environ.update({"_MLFLOW_SGI_NAME": sys.argv[1], "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/"})
    from mlflow.server import app as flask_app
    from mlflow_aws.app import create_app

    application = create_app()
    routes = [*of_flask(flask_app), *of_graphql()]
    if application is not flask_app:
        routes += of_fastapi(application.routes)
    print(json.dumps(sorted(set(routes))))


main()
