# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who calls: administrators, users, sessions of roles, and what their policies allow.

For the planes (in the daemon's process, after moto is imported)::

    credentials = task_credentials(role_arn)        # what a task's credential endpoint answers
    if not authorised(role_arn, "secretsmanager:GetSecretValue", secret_arn): ...

Both take the ARN of an IAM role, as task definitions name it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import AssumedRole, sts_backends

from emulator.iam.federation import NotFederated, refuse_saml, role_account, web_identity
from emulator.iam.policies import Call, Decision, Principal, Rights, Verdict, decide, resource_verdict
from emulator.iam.propagation import PROPAGATION
from emulator.iam.resources import find_target
from emulator.iam.sessions import USER_SESSIONS

ADMINISTRATOR = "administrator"
TASK_SERVICE = "ecs-tasks.amazonaws.com"
#: Seconds that the credentials of a task are valid, as ECS hands them out.
TASK_CREDENTIAL_SECONDS = 6 * 3600
_ADMINISTRATOR_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
_ANY_REGION = "us-east-1"
_PARTITION = "aws"


class RoleNotAssumable(Exception):
    """A service may not assume the role: it does not exist, or its trust policy does not name the service."""


@dataclass(frozen=True)
class Caller:
    """The owner of an access key.

    :param secret: the secret access key.
    :param token: the session token that must come with the key; None for a user's own key.
    :param expires: when the session ends.
    :param active: False for an access key that was deactivated.
    """

    principal: Principal
    rights: Rights
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: datetime.datetime | None = None
    active: bool = True
    user_id: str = ""
    user_name: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def create_administrator(account: str) -> dict[str, str]:
    """Make an IAM user that may do everything in ``account``, with a new access key.

    :returns: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    """
    backend = iam_backends[account][_PARTITION]
    backend.create_user(_ANY_REGION, ADMINISTRATOR)
    backend.attach_user_policy(_ADMINISTRATOR_POLICY, ADMINISTRATOR)
    key = backend.create_access_key(ADMINISTRATOR)
    return {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key}


def find_caller(access_key: str) -> Caller | None:
    """The owner of ``access_key`` in any account, or None."""
    for account in list(iam_backends):
        backend = iam_backends[account][_PARTITION]
        key = backend.access_keys.get(access_key)
        if key is None:
            continue
        if key.user_name is not None:
            user = backend.users.get(key.user_name)
            if user is None:
                return None
            own_session = USER_SESSIONS.get(access_key)
            return Caller(
                principal=Principal(account, user.arn),
                rights=_user_rights(account, key.user_name),
                secret=key.secret_access_key,
                token=own_session.session_token if own_session else None,
                expires=own_session.expiration if own_session else None,
                active=key.status == "Active",
                user_id=user.id,
                user_name=user.name,
            )
        session = _session(account, access_key)
        return None if session is None else _session_caller(account, session)
    return None


def _session(account: str, access_key: str) -> AssumedRole | None:
    # The newest sessions are the ones in use.
    for session in reversed(sts_backends[account][_PARTITION].assumed_roles):
        if session.access_key_id == access_key:
            return session
    return None


def _session_caller(account: str, session: AssumedRole) -> Caller:
    rights = _role_rights(session.role_arn)
    if session.policy:
        rights = Rights(rights.identity, [*rights.limits, [session.policy]])
    return Caller(
        principal=Principal(account, session.arn, session.role_arn),
        rights=rights,
        secret=session.secret_access_key,
        token=session.session_token,
        expires=session.expiration,
        user_id=session.user_id,
    )


def _document(policy: Any) -> str:
    """The JSON text of a managed policy's default version."""
    return str(next(version.document for version in policy.versions if version.is_default))


def _boundary(account: str, boundary: Any) -> list[list[str]]:
    arn = boundary.get("PermissionsBoundaryArn") if isinstance(boundary, Mapping) else boundary
    policy = iam_backends[account][_PARTITION].managed_policies.get(arn) if arn else None
    if not arn:
        return []
    return [[_document(policy)] if policy else []]


#: Calls of which the condition key iam:PermissionsBoundary is the boundary that they ask for; of the other calls it is
#: the one that the user or role has. Source: Service Authorization Reference, "Condition keys for AWS IAM".
_ASKING = ("CreateRole", "CreateUser", "PutRolePermissionsBoundary", "PutUserPermissionsBoundary")


def boundary_in_question(account: str, action: str, parameters: Mapping[str, Any]) -> str | None:
    """The ARN that the condition key ``iam:PermissionsBoundary`` has in a call of IAM; None where it has none."""
    if action in _ASKING:
        return parameters.get("PermissionsBoundary") or None
    backend = iam_backends[account][_PARTITION]
    name = parameters.get("RoleName")
    roles = (role for role in list(backend.roles.values()) if role.name == name)
    owner = next(roles, None) if name else backend.users.get(str(parameters.get("UserName", "")))
    boundary = getattr(owner, "permissions_boundary_arn", None)
    found = boundary.get("PermissionsBoundaryArn") if isinstance(boundary, Mapping) else boundary
    return found or None


def _documents(owner: Any) -> list[str]:
    """The inline and attached policies of a user, group or role; lists, as another thread may change them."""
    return PROPAGATION.documents(owner.arn, _documents_now(owner))


def _documents_now(owner: Any) -> list[str]:
    inline = [str(document) for document in list(owner.policies.values())]
    return inline + [_document(policy) for policy in list(owner.managed_policies.values())]


def _user_rights(account: str, name: str) -> Rights:
    backend = iam_backends[account][_PARTITION]
    user = backend.users[name]
    documents = _documents(user)
    for group in list(backend.groups.values()):
        if user in group.users:
            documents += _documents(group)
    return Rights(documents, _boundary(account, getattr(user, "permissions_boundary_arn", None)))


def _find_role(role_arn: str) -> Any:
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    if not account:
        return None
    # A list: another thread may add a role meanwhile.
    return next((r for r in list(iam_backends[account][_PARTITION].roles.values()) if r.arn == role_arn), None)


def _role_rights(role_arn: str) -> Rights:
    role = _find_role(role_arn)
    if role is None:
        return Rights()
    return Rights(_documents(role), _boundary(role_arn.split(":")[4], getattr(role, "permissions_boundary_arn", None)))


def trust_policy(role_arn: str) -> str | None:
    """The trust policy of a role, or None when there is no such role."""
    role = _find_role(role_arn)
    return PROPAGATION.trust(role_arn, None if role is None else str(role.assume_role_policy_document))


def note_change(account: str, kind: str, name: str, path: str = "/") -> None:
    """Note that a role or user is about to be changed: what it is now counts for a while.

    :param kind: ``role`` or ``user``; one that does not exist is about to be created.
    :param path: of one that is about to be created.
    """
    backend = iam_backends[account][_PARTITION]
    known: Any = backend.roles if kind == "role" else backend.users
    owner = next((each for each in list(known.values()) if each.name == name), None)
    if owner is None:
        PROPAGATION.changes(f"arn:aws:iam::{account}:{kind}{path}{name}", (), None)
        return
    trust = str(owner.assume_role_policy_document) if kind == "role" else None
    PROPAGATION.changes(owner.arn, _documents_now(owner), trust)


def check_service_role(role_arn: str, service: str = TASK_SERVICE) -> None:
    """Check that an AWS service may assume ``role_arn``.

    :raises RoleNotAssumable: in the words in which ECS says so.
    """
    # A service assumes a role for its caller's account (ECS developer guide, "Task IAM role": confused deputy).
    context = {"aws:SecureTransport": "true", "aws:SourceAccount": role_arn.split(":")[4]}
    call = Call("sts:AssumeRole", (role_arn,), context)
    verdict, _ = resource_verdict(trust_policy(role_arn), Principal(service=service), call)
    if verdict is not Verdict.ALLOW:
        raise RoleNotAssumable(
            f"ECS was unable to assume the role '{role_arn}' that was provided for this task. Please verify that the "
            "role being passed has the proper trust relationship and permissions and that your IAM user has "
            "permissions to pass this role."
        )


def check_federation(action: str, parameters: Mapping[str, Any], context: Mapping[str, Any]) -> str:
    """Check that the token of ``action`` is valid and that the role trusts its bearer.

    :param action: AssumeRoleWithWebIdentity or AssumeRoleWithSAML.
    :param context: the context keys of the call.
    :returns: the ARN of the provider that vouches for the caller.
    :raises NotFederated: with AWS's code and words.
    """
    account = role_account(action, parameters)
    if action == "AssumeRoleWithSAML":
        raise refuse_saml()
    # No account comes into being because somebody asks for it.
    known = list(iam_backends[account][_PARTITION].open_id_providers.values()) if account in list(iam_backends) else []
    role = str(parameters["RoleArn"])
    who = web_identity(str(parameters.get("WebIdentityToken", "")), known, datetime.datetime.now(datetime.UTC))
    call = Call(f"sts:{action}", (role,), {**context, **who.context})
    verdict, _ = resource_verdict(trust_policy(role), Principal(federated=who.provider_arn), call)
    if verdict is not Verdict.ALLOW:
        raise NotFederated("AccessDenied", f"Not authorized to perform sts:{action}", 403)
    return who.provider_arn


def task_credentials(role_arn: str, session: str = "task") -> dict[str, str]:
    """Temporary credentials of a task's role, as ECS's credential endpoint answers them.

    :param session: the role session's name (ECS uses the id of the task).
    :returns: RoleArn, AccessKeyId, SecretAccessKey, Token and Expiration (ISO 8601, UTC).
    :raises RoleNotAssumable: when the role is not there or does not trust ``ecs-tasks.amazonaws.com``.
    """
    check_service_role(role_arn)
    backend = sts_backends[role_arn.split(":")[4]][_PARTITION]
    _drop_expired(backend)
    role = backend.assume_role(
        region_name=_ANY_REGION,
        role_session_name=session,
        role_arn=role_arn,
        policy="",
        duration=TASK_CREDENTIAL_SECONDS,
        external_id="",
    )
    return {
        "RoleArn": role_arn,
        "AccessKeyId": role.access_key_id,
        "SecretAccessKey": role.secret_access_key,
        "Token": role.session_token,
        "Expiration": role.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _drop_expired(backend: Any) -> None:
    now = datetime.datetime.now(datetime.UTC)
    backend.assumed_roles[:] = [role for role in backend.assumed_roles if _aware(role.expiration) > now]


def _aware(moment: datetime.datetime) -> datetime.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def has_expired(caller: Caller, now: datetime.datetime) -> bool:
    """Whether the caller's session is over."""
    return caller.expires is not None and _aware(caller.expires) <= now


def bucket_policy(bucket: str) -> tuple[str | None, str | None]:
    """The policy and the owning account of a bucket; both None when there is no such bucket."""
    owner = s3_backends.bucket_accounts.get(bucket)
    if owner is None:
        return None, None
    partition, account = owner
    found = s3_backends[account][partition].buckets.get(bucket)
    policy = found.policy if found is not None else None
    return (policy.decode() if isinstance(policy, bytes) else policy), account


def bucket_region(bucket: str) -> str | None:
    """The region of a bucket of any account, or None when there is no such bucket."""
    partition, account = s3_backends.bucket_accounts.get(bucket, (None, None))
    found = s3_backends[account][partition].buckets.get(bucket) if account and partition else None
    return None if found is None else str(found.region_name)


def authorised(role_arn: str, action: str, resource: str, region: str | None = None) -> bool:
    """Whether a role may do ``action`` on ``resource``; the resource's own policy is heard, too.

    :param role_arn: the role, for example a task's execution role. A role that does not exist may do nothing.
    :param action: as in policies, for example ``secretsmanager:GetSecretValue``.
    :param resource: an ARN, or ``*``.
    :param region: the region of the call, where a policy asks for it; the resource's own by default.
    """
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    where = region or (resource.split(":")[3] if resource.count(":") >= 5 else "") or _ANY_REGION
    who = Principal(account, f"arn:aws:sts::{account}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/agent", role_arn)
    context = {
        "aws:SecureTransport": "true",
        "aws:PrincipalArn": role_arn,
        "aws:PrincipalAccount": account,
        "aws:RequestedRegion": where,
    }
    return authorise(action, resource, who, _role_rights(role_arn), context, where).allowed


def authorise(
    action: str, resource: str, who: Principal, rights: Rights, context: Mapping[str, Any], region: str
) -> Decision:
    """IAM's verdict on one action on one resource given by its ARN."""
    service, _, name = action.partition(":")
    call = Call(action, (resource,), context)
    if service == "s3":
        bucket = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
        policy, owner = bucket_policy(bucket)
        return decide(call, who, rights, resource_policy=policy, owner=owner)
    parameter = {"secretsmanager": "SecretId", "kms": "KeyId"}.get(service)
    if parameter and resource != "*":
        target = find_target(service, name, {parameter: resource}, region, who.account)
        return decide(
            Call(action, target.arns, context),
            who,
            rights,
            resource_policy=target.policy,
            owner=target.owner,
            policy_must_allow=target.policy_must_allow,
        )
    return decide(call, who, rights)
