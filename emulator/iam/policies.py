# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether policies allow an action: IAM's evaluation logic, without any state.

Source: IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

import enum
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.iam.conditions import RequestContext, as_list, conditions_hold, matches, substitute

Statement = Mapping[str, Any]


class Verdict(enum.Enum):
    """What a set of policies says of a call."""

    ALLOW = "allow"
    DENY = "explicit deny"
    NONE = "no statement"


@dataclass(frozen=True)
class Principal:
    """Who calls.

    :param account: the twelve-digit account; empty for an anonymous caller.
    :param arn: the ARN of the user or session; empty for an anonymous caller or a service.
    :param role_arn: the ARN of the role behind a session.
    :param service: the service principal, for a call that AWS itself makes.
    :param federated: the ARN of the identity provider that vouches for the caller of AssumeRoleWithWebIdentity.
    """

    account: str = ""
    arn: str = ""
    role_arn: str = ""
    service: str = ""
    federated: str = ""


@dataclass(frozen=True)
class Call:
    """One action on resources.

    :param action: as in policies, for example ``s3:PutObject``.
    :param resources: the ARNs that the action is about, in every spelling that policies use for it; a
        statement covers the call when it covers one of them. Empty when the emulator does not know how
        the action names its resource: then any resource of the action's own service counts for an Allow,
        and only ``*`` for a Deny.
    """

    action: str
    resources: tuple[str, ...] = ()
    context: RequestContext = field(default_factory=dict)


@functools.lru_cache(maxsize=2048)
def statements(document: str) -> tuple[Statement, ...]:
    """The statements of a policy document (JSON).

    :raises ValueError: when it is not JSON.
    """
    body = json.loads(document)
    found = body.get("Statement", [])
    return tuple(found if isinstance(found, list) else [found])


def _covers_action(statement: Statement, action: str) -> bool:
    if "Action" in statement:
        return any(matches(each, action, ignore_case=True) for each in as_list(statement["Action"]))
    if "NotAction" in statement:
        return not any(matches(each, action, ignore_case=True) for each in as_list(statement["NotAction"]))
    return False


def _covers_resource(statement: Statement, call: Call) -> bool:
    negated = "NotResource" in statement
    element = statement.get("NotResource" if negated else "Resource")
    if element is None:  # trust policies have none: the role itself is the resource
        return True
    patterns = [p for each in as_list(element) if (p := substitute(each, call.context)) is not None]
    if not call.resources:
        if statement.get("Effect") == "Deny" or negated:
            return "*" in patterns and not negated
        service = call.action.split(":", 1)[0]
        return any(p == "*" or [*p.split(":"), "", ""][2] in (service, "*") for p in patterns)
    hit = any(matches(pattern, resource) for pattern in patterns for resource in call.resources)
    return hit != negated


def identity_verdict(documents: Iterable[str], call: Call) -> Verdict:
    """What the policies of a user, role, group, boundary or session say of ``call``."""
    verdict = Verdict.NONE
    for document in documents:
        for statement in statements(document):
            if (
                _covers_action(statement, call.action)
                and _covers_resource(statement, call)
                and conditions_hold(statement.get("Condition"), call.context)
            ):
                if statement.get("Effect") == "Deny":
                    return Verdict.DENY
                verdict = Verdict.ALLOW
    return verdict


class Grant(enum.IntEnum):
    """How directly a resource's policy names a caller."""

    NOT = 0
    ACCOUNT = 1  # names the account: the account's own identity policies decide
    DIRECT = 2  # names the caller itself, or everybody


def _names(element: Any, who: Principal) -> Grant:
    if element == "*":
        return Grant.DIRECT
    if not isinstance(element, Mapping):
        return Grant.NOT
    if who.service:
        return Grant.DIRECT if who.service in as_list(element.get("Service", [])) else Grant.NOT
    if who.federated:
        return Grant.DIRECT if who.federated in as_list(element.get("Federated", [])) else Grant.NOT
    best = Grant.NOT
    for each in as_list(element.get("AWS", [])):
        if each == "*" or (each and each in (who.arn, who.role_arn)):
            return Grant.DIRECT
        if who.account and each in (who.account, f"arn:aws:iam::{who.account}:root"):
            best = Grant.ACCOUNT
    return best


def resource_verdict(document: str | None, who: Principal, call: Call) -> tuple[Verdict, Grant]:
    """What a resource's own policy (bucket, key, secret, trust policy) says of ``call`` by ``who``."""
    best = Grant.NOT
    for statement in statements(document) if document else ():
        if not _covers_action(statement, call.action) or not _covers_resource(statement, call):
            continue
        if not conditions_hold(statement.get("Condition"), call.context):
            continue
        if "NotPrincipal" in statement:
            named = Grant.NOT if _names(statement["NotPrincipal"], who) else Grant.DIRECT
        else:
            named = _names(statement.get("Principal"), who)
        if named is Grant.NOT:
            continue
        if statement.get("Effect") == "Deny":
            return Verdict.DENY, named
        best = max(best, named)
    return (Verdict.ALLOW if best else Verdict.NONE), best


@dataclass(frozen=True)
class Rights:
    """The policies of a caller.

    :param identity: documents of the user or role, its groups included.
    :param limits: sets of documents that each must allow the call, too: permissions boundary, session policy.
    """

    identity: Sequence[str] = ()
    limits: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Decision:
    """Allowed, or why not (in the words of AWS's own messages)."""

    allowed: bool
    reason: str = ""


def decide(
    call: Call,
    who: Principal,
    rights: Rights,
    *,
    resource_policy: str | None = None,
    owner: str | None = None,
    policy_must_allow: bool = False,
) -> Decision:
    """IAM's verdict on ``call``.

    :param resource_policy: the policy of the resource, when it has one.
    :param owner: the account of the resource; another account than the caller's needs the resource's consent.
    :param policy_must_allow: whether identity policies count only where the resource's policy names the
        caller or its account (KMS keys, and roles that are assumed).
    """
    action = call.action
    own = identity_verdict(rights.identity, call)
    if own is Verdict.DENY:
        return Decision(False, "with an explicit deny in an identity-based policy")
    limits = [identity_verdict(documents, call) for documents in rights.limits]
    if Verdict.DENY in limits:
        return Decision(False, "with an explicit deny in a permissions boundary or session policy")
    theirs, grant = resource_verdict(resource_policy, who, call)
    if theirs is Verdict.DENY:
        return Decision(False, "with an explicit deny in a resource-based policy")
    within_limits = all(verdict is Verdict.ALLOW for verdict in limits)
    if owner is not None and owner != who.account:
        if not grant:
            return Decision(False, f"because no resource-based policy allows the {action} action")
        if who.account and own is not Verdict.ALLOW:
            return Decision(False, f"because no identity-based policy allows the {action} action")
        return Decision(True) if within_limits else _beyond(action)
    if policy_must_allow and not grant:
        return Decision(False, f"because no resource-based policy allows the {action} action")
    if own is Verdict.ALLOW:
        return Decision(True) if within_limits else _beyond(action)
    if grant is Grant.DIRECT:
        return Decision(True)
    return Decision(False, f"because no identity-based policy allows the {action} action")


def _beyond(action: str) -> Decision:
    return Decision(False, f"because no permissions boundary or session policy allows the {action} action")
