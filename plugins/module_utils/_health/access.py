# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stages that ask who may do what: auth, hosts, consistency, api."""

from __future__ import annotations

import math
import secrets
from collections import Counter

from .._mlflow.client import API, failure
from .._mlflow.errors import ForbiddenError, MlflowError
from .._mlflow.http import Login
from .._mlflow.passwords import shipped_logins
from .aws import running_tasks
from .model import Finding, StageFailed, StageSkipped, Target
from .reach import require_login

#: Reserved by RFC 6761: no server is ever called so.
FOREIGN_HOST = "rebinding.invalid"
FOREIGN_ORIGIN = "https://foreign.invalid"

#: How likely it may be that a task was not asked.
MISSED = 0.001

#: More connections would be a load test.
MOST_CONNECTIONS = 100

_SEARCH = f"{API}/experiments/search"
_AJAX_SEARCH = "/ajax-api/2.0/mlflow/experiments/search"


def auth(target: Target) -> Finding:
    """401 to strangers, to a wrong password and to every shipped login; 200 to the login itself."""
    login = require_login(target)
    stranger = target.client.as_user(None)
    for path in (_SEARCH, _AJAX_SEARCH, "/"):
        answer = stranger.transport.send("GET", path, query={"max_results": 1})
        if answer.status == 200:
            if path != "/":
                # Another server or a login page is not an MLflow without logins.
                stranger.search_experiments(1)
            raise StageFailed(f"GET {path} answers 200 without a login", "start the server with --app-name basic-auth")
        if answer.status != 401:
            raise failure(answer, f"GET {path} without a login", clean=stranger.transport.redactor.clean)
        if not answer.headers.get("www-authenticate", "").lower().startswith("basic"):
            raise StageFailed(
                f"GET {path} answers 401 without WWW-Authenticate: Basic: no browser will ask for a login",
                "let the load balancer and the authorization_function pass that header on",
            )
    if target.client.accepts(Login(login.username, secrets.token_urlsafe(24))):
        raise StageFailed(f"a random password logs in as {login.username}", "check the server's authorization_function")
    user = target.client.get_user(login.username)
    for username, password in shipped_logins(login.username):
        if target.client.accepts(Login(username, password)):
            raise StageFailed(
                f"user {username} still has a login that MLflow has shipped, which everybody knows",
                "change it with mlflow_auth_bootstrap, or delete that user",
            )
    kind = "admin" if user.is_admin else "user"
    return Finding(
        f"{kind} {user.username} logs in; strangers, a wrong password and shipped passwords are refused",
        {"user": {"username": user.username, "is_admin": user.is_admin}},
    )


def hosts(target: Target) -> Finding:
    """A foreign Host or Origin is refused, the server's own are accepted (mlflow/server/security_utils.py).

    MLflow 2 has neither check (CVE-2025-14279). Those that somebody put around it, as the role ``ecs_mlflow`` does, are
    checked as those of MLflow 3.
    """
    checks = target.client.version().generation >= 3
    stranger = target.client.as_user(None).transport
    # Without a login: it has no business on the way to a foreign name.
    answer = stranger.send("GET", _SEARCH, query={"max_results": 1}, headers={"Host": FOREIGN_HOST})
    if answer.status in (200, 401):
        if not checks:
            raise StageSkipped(f"MLflow 2.x checks neither Host nor Origin (CVE-2025-14279), {FOREIGN_HOST} is served")
        raise StageFailed(
            f"a request for the host {FOREIGN_HOST} is served: foreign pages can reach this server (DNS rebinding)",
            "start the server with --allowed-hosts and only its own names, without *",
        )
    # 421 and 400 are how web servers and load balancers refuse a host; a fault of theirs is no refusal.
    if answer.status not in (400, 403, 404, 421):
        raise failure(answer, f"GET {_SEARCH} for a foreign host", clean=stranger.redactor.clean)
    own = stranger.connection.origin
    target.client.search_experiments(1)
    _post_as_page(target, own)
    try:
        _post_as_page(target, FOREIGN_ORIGIN)
    except ForbiddenError:
        return Finding(f"foreign Host and Origin are refused; a page from {own} may post")
    if not checks:
        raise StageSkipped(
            f"a foreign Host is refused; MLflow 2.x checks no Origin (CVE-2025-14279): {FOREIGN_ORIGIN} may post"
        )
    raise StageFailed(
        f"a page from {FOREIGN_ORIGIN} may post to this server",
        "start the server with --cors-allowed-origins and only its own address, without *",
    )


def _post_as_page(target: Target, origin: str) -> None:
    """What MLflow's own page sends to list experiments; reads only."""
    target.client.call("POST", _AJAX_SEARCH, payload={"max_results": 1}, headers={"Origin": origin}, repeatable=True)


def consistency(target: Target) -> Finding:
    """The same login on new connections: tasks with login databases of their own would disagree."""
    login = require_login(target)
    count, reach = connections(target)
    seen: Counter[str] = Counter()
    for _attempt in range(count):
        try:
            seen[f"user number {target.client.get_user(login.username).id}"] += 1
        except MlflowError as error:
            seen[error.message] += 1
    answers = ", ".join(f"{times} of {count}: {what}" for what, times in seen.most_common())
    if len(seen) > 1:
        raise StageFailed(
            f"{count} connections with one login disagree: {answers}",
            "let all tasks share one auth database, and look for a task that is unhealthy",
        )
    if not next(iter(seen)).startswith("user number"):
        raise StageFailed(f"the login works nowhere: {answers}", "check the login and the url")
    return Finding(f"{count} of {count} new connections agree{reach}")


def connections(target: Target) -> tuple[int, str]:
    """How many connections to open, and in words what that reaches.

    A client does not see which task answers. Where the service is named, the running tasks can be counted, though.
    """
    if not target.aws.service:
        return target.connections, ""
    try:
        tasks = running_tasks(target.aws)
    except LookupError as error:
        return target.connections, f"; how many tasks run is not known: {error}"
    if not tasks:
        return target.connections, "; ECS runs no task"
    needed = enough(tasks)
    count = min(max(needed, target.connections), MOST_CONNECTIONS)
    running = f"; {tasks} task{'' if tasks == 1 else 's'} run{'s' if tasks == 1 else ''}"
    if needed > count:
        return count, f"{running}, too many for {MOST_CONNECTIONS} connections to reach each of them surely"
    return count, f"{running}; the chance that one of them was not asked is below {MISSED:.1%}"


def enough(tasks: int) -> int:
    """The connections after which the chance of having missed any one of ``tasks`` is below :data:`MISSED`.

    Each connection goes to any task alike, so one of them is missed with ``(1 - 1/tasks) ** connections``, and any
    of them with at most ``tasks`` times that. A load balancer that takes turns needs fewer.
    """
    if tasks <= 1:
        return 1
    return math.floor(math.log(MISSED / tasks) / math.log(1 - 1 / tasks)) + 1


def api(target: Target) -> Finding:
    """The tracking API answers a search."""
    found = target.client.search_experiments(10)
    return Finding(f"experiments/search answers {len(found)} experiment{'' if len(found) == 1 else 's'}")
