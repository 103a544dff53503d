# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The desk between the gate, which knows who may call, and moto, which does what it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from emulator import identity
from emulator.conduct import combinations, tags, validation
from emulator.conduct.calls import ApiCall
from emulator.conduct.linked_roles import LinkedRoles, May
from emulator.conduct.references import REFERENCES
from emulator.conduct.tokens import Answer, Tokens
from emulator.conduct.visibility import VISIBILITY
from emulator.consistency import Consistency
from emulator.iam.propagation import PROPAGATION

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

#: IAM's calls that change what a role or a user may do.
_CHANGES = frozenset(
    f"{verb}{kind}Policy" for verb in ("Put", "Delete", "Attach", "Detach") for kind in ("Role", "User")
) | {"CreateRole", "UpdateAssumeRolePolicy", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary"}


def configure(consistency: Consistency) -> None:
    """Give what is shared with the planes its delays."""
    VISIBILITY.consistency = consistency
    REFERENCES.consistency = consistency
    PROPAGATION.consistency = consistency


class Desk:
    """Takes a call that its caller may make.

    :param application: moto.
    """

    def __init__(self, application: Application, consistency: Consistency) -> None:
        self._application = application
        self._linked_roles = LinkedRoles(consistency)
        self._tokens = Tokens()
        configure(consistency)

    def answer(
        self, call: ApiCall, environ: dict[str, Any], start_response: StartResponse, may: May
    ) -> Iterable[bytes]:
        """Check a call, have moto answer it, and show of the answer what AWS would show.

        :raises Refusal: AWS would refuse the call.
        """
        validation.check(call)
        combinations.check(call)
        tags.check(call)
        VISIBILITY.check(call)
        REFERENCES.check(call)
        self._linked_roles.check(call, may)
        _note_change(call)
        has_token = self._tokens.concerns(call)
        answer = self._tokens.known(call) if has_token else None
        if answer is None:
            if not has_token and not VISIBILITY.concerns(call):
                return self._application(environ, start_response)
            answer = _collect(self._application, environ)
            if answer[0].startswith("2"):
                answer = _replaced(answer, VISIBILITY.answer(call, answer[2]))
                if has_token:
                    self._tokens.keep(call, answer)
        status, headers, body = answer
        start_response(status, headers)
        return [body]


def _note_change(call: ApiCall) -> None:
    if call.service != "iam" or call.action not in _CHANGES or not PROPAGATION.is_late:
        return
    for kind in ("role", "user"):
        name = call.parameters.get(f"{kind.title()}Name")
        if name:
            identity.note_change(call.account, kind, str(name), str(call.parameters.get("Path") or "/"))


def _collect(application: Application, environ: dict[str, Any]) -> Answer:
    """The whole answer of an application."""
    begun: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_more: Any) -> None:
        begun.append((status, list(headers)))

    parts = application(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    status, headers = begun[0]
    return status, headers, body


def _replaced(answer: Answer, body: bytes) -> Answer:
    status, headers, _ = answer
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return status, [*kept, ("Content-Length", str(len(body)))], body
