# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all modules of this collection that talk to MLflow share, and what they become.

The environment variables are those of MLflow's own client (mlflow/environment_variables.py).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ansible.module_utils.basic import env_fallback
from ansible.module_utils.errors import AnsibleFallbackNotFound

from .errors import InvalidOptionsError
from .http import Connection, Credential, Login, Token
from .redact import spellings
from .secret import LoginSecret

_TRUE = frozenset({"true", "1"})


def insecure_tls_fallback(*names: str) -> bool:
    """``validate_certs`` from ``MLFLOW_TRACKING_INSECURE_TLS``, which says the opposite."""
    for name in names:
        if name in os.environ:
            return os.environ[name].strip().lower() not in _TRUE
    raise AnsibleFallbackNotFound


def mlflow_argument_spec() -> dict[str, Any]:
    """Options of the connection and the login; documented in the fragment ``mlops.mlflow_aws.mlflow``.

    ``username``, ``password`` and ``token`` have no fallback here: :func:`login` gives a secret precedence over the
    environment, and Ansible cannot tell a fallback from a value that the caller wrote.
    """
    return {
        "url": {
            "type": "str",
            "required": True,
            "aliases": ["tracking_uri"],
            "fallback": (env_fallback, ["MLFLOW_TRACKING_URI"]),
        },
        "username": {"type": "str"},
        "password": {"type": "str", "no_log": True},
        "ca_path": {"type": "path", "fallback": (env_fallback, ["MLFLOW_TRACKING_SERVER_CERT_PATH"])},
        "client_cert": {"type": "path", "fallback": (env_fallback, ["MLFLOW_TRACKING_CLIENT_CERT_PATH"])},
        "client_key": {"type": "path"},
        "validate_certs": {
            "type": "bool",
            "default": True,
            "fallback": (insecure_tls_fallback, ["MLFLOW_TRACKING_INSECURE_TLS"]),
        },
        "use_proxy": {"type": "bool", "default": True},
        "timeout": {"type": "float", "default": 30.0},
        "host_header": {"type": "str"},
    }


def wait_argument_spec(timeout: int) -> dict[str, Any]:
    """``wait_timeout`` and ``wait_sleep``, in seconds, named as in kubernetes.core."""
    return {
        "wait_timeout": {"type": "int", "default": timeout},
        "wait_sleep": {"type": "int", "default": 5},
    }


def token_argument_spec() -> dict[str, Any]:
    """``token``, for modules that need not know who logs in."""
    return {"token": {"type": "str", "no_log": True}}


def workspace_argument_spec() -> dict[str, Any]:
    """``workspace``, for what 3.x keeps in workspaces."""
    return {"workspace": {"type": "str"}}


def checked_workspace(name: str | None) -> str | None:
    """The workspace's name, which goes into a header (mlflow/utils/workspace_utils.py takes 63 such characters).

    :raises InvalidOptionsError: no workspace can have it.
    """
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", name):
        raise InvalidOptionsError(
            f"workspace is {name!r}", remedy="use 1 to 63 letters, digits, hyphens and underscores, without accents"
        )
    return name


def secret_argument_spec() -> dict[str, Any]:
    """``secret_id``; a name, not a secret."""
    return {"secret_id": {"type": "str", "no_log": False}}


def connection(params: Mapping[str, Any]) -> Connection:
    """How to reach the server.

    :raises InvalidOptionsError: an option is refused.
    """
    if params["timeout"] <= 0:
        raise InvalidOptionsError("timeout is not a positive number of seconds", remedy="give at least 1")
    for name in ("ca_path", "client_cert", "client_key"):
        path = params[name]
        if path and not os.path.isfile(path):
            raise InvalidOptionsError(f"{name} is no file: {path}", remedy="give the path of a PEM file")
    return Connection(
        url=params["url"],
        timeout=params["timeout"],
        validate_certs=params["validate_certs"],
        ca_path=params["ca_path"],
        client_cert=params["client_cert"],
        client_key=params["client_key"],
        host_header=params["host_header"],
        use_proxy=params["use_proxy"],
    )


def checked_wait(params: Mapping[str, Any]) -> tuple[int, int]:
    """``wait_timeout`` and ``wait_sleep``.

    :raises InvalidOptionsError: they are negative, or a wait without a pause is asked for.
    """
    timeout, sleep = params["wait_timeout"], params["wait_sleep"]
    if timeout < 0:
        raise InvalidOptionsError(f"wait_timeout is {timeout}", remedy="give 0 to try once, or a number of seconds")
    if sleep < 1:
        raise InvalidOptionsError(f"wait_sleep is {sleep}", remedy="give at least 1 second")
    return timeout, sleep


def credential(
    params: Mapping[str, Any], secret: LoginSecret | None = None, environment: Mapping[str, str] | None = None
) -> Credential | None:
    """What requests are sent with: a token or a login; None where neither is given.

    Options go before the environment, and there a login before a token, as in MLflow's own client
    (mlflow/utils/rest_utils.py, http_request).

    :raises InvalidOptionsError: as :func:`login`, or the token cannot be sent in a header.
    """
    env = os.environ if environment is None else environment
    token = params["token"]
    if not token:
        found = login(params, secret, env)
        token = None if found else env.get("MLFLOW_TRACKING_TOKEN")
        if not token:
            return found
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise InvalidOptionsError(
            "token contains a blank, a line break or a character that is not ASCII",
            remedy="a header cannot carry it; a value read from a file may end with a line break",
        )
    return Token(token)


def login(
    params: Mapping[str, Any], secret: LoginSecret | None = None, environment: Mapping[str, str] | None = None
) -> Login | None:
    """Who logs in by name: the options, else the secret, else the environment; None where none of them says.

    :raises InvalidOptionsError: half a login, or one that HTTP basic authentication cannot carry.
    """
    env = os.environ if environment is None else environment
    username = params["username"]
    found: Login | None
    if secret:
        found = secret.current()
        if username and username != found.username:
            raise InvalidOptionsError(
                f"username is {username}, but the secret is the login of {found.username}",
                remedy="leave username out, or give the secret of that user",
            )
    else:
        username = username or env.get("MLFLOW_TRACKING_USERNAME")
        password = params["password"] or env.get("MLFLOW_TRACKING_PASSWORD")
        if bool(username) != bool(password):
            missing = "username" if password else "password"
            raise InvalidOptionsError(
                f"{missing} is missing",
                remedy=f"give it, or set MLFLOW_TRACKING_{missing.upper()}, or give secret_id",
            )
        found = Login(username, password) if username and password else None
    if found:
        _check(found)
    return found


def _check(login: Login) -> None:
    """Refuse what RFC 7617 cannot carry: a colon in the name, a control character anywhere."""
    if ":" in login.username:
        raise InvalidOptionsError("username contains a colon", remedy="basic authentication cannot carry it")
    for name, text in (("username", login.username), ("password", login.password)):
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise InvalidOptionsError(
                f"{name} contains a control character, such as a line break",
                remedy="basic authentication cannot carry it; a value read from a file may end with a line break",
            )


def hide(module: Any, *passwords: str) -> None:
    """Tell Ansible to mask ``passwords``, in every spelling, in all that ``module`` returns.

    ``no_log`` on an option does that for the clear spelling of that option only.
    """
    for password in passwords:
        # A set that Ansible reads when it writes the result.
        module.no_log_values.update(spellings(password))


def hide_url_credentials(module: Any) -> None:
    """Mask a password that was written into the URL; the connection refuses it in a moment."""
    # Up to the last @: a password may hold any character, though it should be percent-encoded.
    found = re.search(r"//[^:/@]*:(.+)@", module.params["url"])
    if found:
        hide(module, found.group(1), unquote(found.group(1)))
