# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of MLflow 3 that are for admins here, and pages that MLflow trusts and this server does not.

MLflow lets everybody with a login generate demo data, list what a hundred providers offer (over a minute of computing),
and tell the AI gateway to which address it shall send requests.
"""

from __future__ import annotations

import importlib
from typing import Any

from mlflow_aws.hooks import original_of

#: Rules of MLflow that admit everybody: who may make what the gateway then sends requests to.
_RULES = (
    "validate_can_create_gateway_secret",
    "validate_can_create_gateway_endpoint",
    "validate_can_create_gateway_model_definition",
)
#: Ends of paths that cost much, or are of use only for what admins make.
_PATHS = (
    "/mlflow/demo/generate",
    "/mlflow/demo/delete",
    "/mlflow/gateway/supported-models",
    "/mlflow/gateway/supported-providers",
    "/mlflow/gateway/provider-config",
)


def _admins_only(*_arguments: Any, **_options: Any) -> bool:
    return False  # MLflow does not ask for admins


def install() -> None:
    """Close them in this process, before the application is made.

    :raises RuntimeError: the installed MLflow has no such rules.
    """
    from mlflow.server import auth

    validators: dict[tuple[str, str], Any] = original_of(auth, "BEFORE_REQUEST_VALIDATORS")
    creating = {getattr(auth, name) for name in _RULES if hasattr(auth, name)}
    for (path, method), rule in list(validators.items()):
        if rule in creating or path.endswith(_PATHS):
            validators[path, method] = _admins_only
    _distrust_localhost(auth.app)


def _distrust_localhost(app: Any) -> None:
    """A page of some program on the user's own machine is not this server's page.

    MLflow trusts it in two places: what refuses requests of other pages, for which it asks a function, and what tells
    browsers whose answers a page may read. That is done twice, under FastAPI and again by Flask-CORS, which has read
    its list at the import.
    """
    try:
        security_utils: Any = importlib.import_module("mlflow.server.security_utils")
    except ImportError:  # before 3.5
        return
    original_of(security_utils, "is_localhost_origin")
    security_utils.is_localhost_origin = lambda _origin: False
    original_of(security_utils, "LOCALHOST_ORIGIN_PATTERNS").clear()
    hooks = app.after_request_funcs.get(None, [])
    hooks[:] = [hook for hook in hooks if not hook.__module__.startswith("flask_cors")]
    for wrapped in ("handle_exception", "handle_user_exception"):
        vars(app).pop(wrapped, None)
