# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module does that manages something on a server: options in, a client, a result out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from .aws import login_secret
from .client import MlflowClient
from .errors import InvalidOptionsError, MlflowError
from .grants import DEFAULT_WORKSPACE
from .http import NO_RETRY, Credential, Login, Transport
from .options import (
    checked_wait,
    checked_workspace,
    connection,
    credential,
    hide,
    hide_url_credentials,
    mlflow_argument_spec,
    secret_argument_spec,
    token_argument_spec,
    wait_argument_spec,
)
from .reconcile import Outcome
from .wait import Waiter

S = TypeVar("S")

#: Who logs in can be said in one way only.
ONE_LOGIN = [("token", "username"), ("token", "password"), ("token", "secret_id"), ("password", "secret_id")]


def session_argument_spec() -> dict[str, Any]:
    """The connection, the login in all its forms, and the wait."""
    return {**mlflow_argument_spec(), **token_argument_spec(), **wait_argument_spec(120), **secret_argument_spec()}


def mlflow_module(argument_spec: Mapping[str, Any], **constraints: Any) -> Any:
    """An ``AnsibleAWSModule`` with check mode; boto3 is asked for only where a secret is read."""
    constraints["mutually_exclusive"] = [*ONE_LOGIN, *constraints.get("mutually_exclusive", [])]
    return AnsibleAWSModule(
        argument_spec=dict(argument_spec), supports_check_mode=True, check_boto3=False, **constraints
    )


@dataclass(frozen=True)
class Session:
    """A server as one user.

    :param login: who that is; a token does not say its name.
    """

    client: MlflowClient
    waiter: Waiter
    login: Credential

    @property
    def username(self) -> str | None:
        """The name of the user who asks, where it is known."""
        return self.login.username if isinstance(self.login, Login) else None

    def check_workspace(self, workspace: str | None) -> None:
        """Refuse a workspace on 2.x, which would ignore it and work elsewhere.

        :raises InvalidOptionsError: the server has none.
        """
        if workspace and workspace != DEFAULT_WORKSPACE:
            version = self.waiter.until(self.client.version)
            if version.generation < 3:
                raise InvalidOptionsError(
                    f"MLflow {version.text or '2.x'} has no workspaces", remedy="leave workspace out"
                )


def open_session(module: Any) -> Session:
    """The server that the options of ``module`` name. Sends nothing yet.

    :raises MlflowError: the options are refused, or the secret cannot be read.
    """
    params = module.params
    hide_url_credentials(module)
    hide(module, params["password"] or "", params["token"] or "")
    place = connection(params)
    timeout, sleep = checked_wait(params)
    found = credential(params, login_secret(module))
    if found is None:
        raise InvalidOptionsError("no login is given", remedy="give username and password, or secret_id, or token")
    hide(module, found.password if isinstance(found, Login) else found.value)
    # A server without workspaces answers 500 to the header, whatever it says; the default needs none.
    workspace = checked_workspace(params.get("workspace"))
    # No retries below the waiter's own: it alone knows how long may be waited.
    transport = Transport(place, found, workspace=None if workspace == DEFAULT_WORKSPACE else workspace, retry=NO_RETRY)
    return Session(MlflowClient(transport), Waiter(timeout, sleep), found)


def fail(module: Any, error: MlflowError) -> NoReturn:
    """End ``module`` with what happened and what to do about it."""
    module.fail_json(msg=str(error), remedy=error.remedy)
    raise AssertionError("fail_json does not return")


def result(outcome: Outcome[S], shape: Callable[[S], dict[str, Any] | None]) -> dict[str, Any]:
    """What a module returns of an outcome: ``changed``, the writes in words, and the diff.

    :param shape: a state as plain values without secrets; None where nothing exists.
    """
    return {
        "changed": outcome.changed,
        "actions": list(outcome.done),
        "diff": {"before": shape(outcome.before) or {}, "after": shape(outcome.after) or {}},
    }
