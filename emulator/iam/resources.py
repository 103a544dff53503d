# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which resource a call of a query or JSON service is about, as IAM policies name it.

Source: the "Resource types" tables of the Service Authorization Reference. What is not listed here has no
known resource: see :class:`emulator.iam.policies.Call`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.kms.models import kms_backends
from moto.secretsmanager.models import secretsmanager_backends

from emulator.iam.conditions import as_list


@dataclass(frozen=True)
class Target:
    """The resource of a call.

    :param arns: its ARN in every spelling that policies use; empty when unknown.
    :param policy: its own policy, when it has one.
    :param owner: its account; None when it is the caller's.
    :param policy_must_allow: see :func:`emulator.iam.policies.decide`.
    """

    arns: tuple[str, ...] = ()
    policy: str | None = None
    owner: str | None = None
    policy_must_allow: bool = False


Parameters = Mapping[str, Any]
Finder = Callable[[str, Parameters, str, str], Target]


def find_target(service: str, action: str, parameters: Parameters, region: str, account: str) -> Target:
    """The resource of ``service``'s ``action`` with ``parameters``, called from ``account`` in ``region``."""
    finder = _FINDERS.get(service)
    return finder(action, parameters, region, account) if finder else Target()


def _secret(action: str, parameters: Parameters, region: str, account: str) -> Target:
    if action == "CreateSecret":
        return Target((f"arn:aws:secretsmanager:{region}:{account}:secret:{parameters.get('Name', '')}-000000",))
    name = str(parameters.get("SecretId", ""))
    if not name:
        return Target(("*",))
    owner = name.split(":")[4] if name.startswith("arn:") and name.count(":") >= 6 else account
    store = secretsmanager_backends[owner][region].secrets if len(owner) == 12 else {}
    # moto finds a secret by its name, its ARN, or its ARN without the random suffix.
    secret = store.get(name) if name in store else None
    if secret is not None:
        return Target((secret.arn,), getattr(secret, "policy", None), owner)
    if name.startswith("arn:"):
        return Target((name,), None, owner)
    return Target((f"arn:aws:secretsmanager:{region}:{account}:secret:{name}-000000",))


def _key(action: str, parameters: Parameters, region: str, account: str) -> Target:
    name = str(parameters.get("KeyId") or parameters.get("TargetKeyId") or "")
    if not name:
        return Target() if action in ("Decrypt", "ReEncrypt") else Target(("*",))
    owner = name.split(":")[4] if name.startswith("arn:") and name.count(":") >= 5 else account
    backend = kms_backends[owner][region]
    try:
        key = backend.keys.get(backend.any_id_to_key_id(name))
    except Exception:  # moto raises errors of several kinds for a name that it cannot resolve
        key = None
    if key is None:
        return Target((name if name.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{name}",))
    return Target((key.arn,), key.policy, owner, policy_must_allow=True)


def _log_group(action: str, parameters: Parameters, region: str, account: str) -> Target:
    name = str(parameters.get("logGroupName") or parameters.get("logGroupIdentifier") or "")
    base = name if name.startswith("arn:") else f"arn:aws:logs:{region}:{account}:log-group:{name}"
    base = base.removesuffix(":*")
    if not name:
        if action == "DescribeLogGroups":
            return Target((f"arn:aws:logs:{region}:{account}:log-group::log-stream:", "*"))
        return Target()
    stream = parameters.get("logStreamName")
    if stream and action in ("PutLogEvents", "GetLogEvents", "DeleteLogStream", "CreateLogStream"):
        return Target((f"{base}:log-stream:{stream}", f"{base}:*"))
    return Target((base, f"{base}:*"))


def _parameter(action: str, parameters: Parameters, region: str, account: str) -> Target:
    names = [str(parameters["Name"])] if parameters.get("Name") else [str(n) for n in parameters.get("Names", [])]
    if not names:
        return Target(("*",) if action == "DescribeParameters" else ())
    return Target(tuple(f"arn:aws:ssm:{region}:{account}:parameter/{name.lstrip('/')}" for name in names[:1]))


#: Parameter -> path of its ARN, for services whose ARNs are regional and built from a name.
_NAMED: dict[str, dict[str, str]] = {
    "rds": {
        "DBInstanceIdentifier": "db",
        "DBSnapshotIdentifier": "snapshot",
        "DBSubnetGroupName": "subgrp",
        "DBParameterGroupName": "pg",
        "DBClusterIdentifier": "cluster",
    },
    "sns": {"Name": ""},
    "sqs": {"QueueName": ""},
    "dynamodb": {"TableName": "table/"},
    "ecr": {"repositoryName": "repository/"},
    "cloudwatch": {"AlarmName": "alarm"},
}


def _named(service: str) -> Finder:
    kinds = _NAMED[service]

    def find(action: str, parameters: Parameters, region: str, account: str) -> Target:
        for parameter, kind in kinds.items():
            value = parameters.get(parameter)
            if value:
                joint = "" if not kind or kind.endswith("/") else ":"
                return Target((f"arn:aws:{service}:{region}:{account}:{kind}{joint}{value}",))
        return _by_arn(action, parameters, region, account)

    return find


#: How parameters end that hold ARNs; ResourceName is that of the tagging actions of RDS.
_ARN_NAMES = ("arn", "arns", "arns.member.1", "resourcename")


def _by_arn(action: str, parameters: Parameters, region: str, account: str) -> Target:
    """The first parameter that is an ARN names the resource."""
    for name, value in parameters.items():
        values = as_list(value) if isinstance(value, (str, list)) else []
        if name.lower().endswith(_ARN_NAMES) and values and values[0].startswith("arn:"):
            return Target((values[0],))
    return Target()


def _ecs(action: str, parameters: Parameters, region: str, account: str) -> Target:
    def arn(kind: str, value: str) -> str:
        return value if value.startswith("arn:") else f"arn:aws:ecs:{region}:{account}:{kind}/{value}"

    cluster = str(parameters.get("cluster") or "default").rsplit("/", 1)[-1]

    def in_cluster(kind: str, value: str) -> Target:
        return Target((value if value.startswith("arn:") else arn(kind, f"{cluster}/{value}"),))

    if action == "RegisterTaskDefinition":
        return Target((arn("task-definition", f"{parameters.get('family', '')}:*"),))
    if action in ("DeregisterTaskDefinition", "DescribeTaskDefinition"):
        return Target(("*",))
    if action == "ListTasks":
        return in_cluster("container-instance", str(parameters.get("containerInstance") or "*"))
    if parameters.get("taskDefinition") and action in ("RunTask", "StartTask"):
        return Target((arn("task-definition", str(parameters["taskDefinition"])),))
    for kind, one, several in (("service", ("service", "serviceName"), "services"), ("task", ("task",), "tasks")):
        # Of several, the first stands for all.
        names = [parameters[name] for name in one if parameters.get(name)] or parameters.get(several) or []
        if names:
            return in_cluster(kind, str(names[0]))
    if parameters.get("resourceArn"):
        return Target((str(parameters["resourceArn"]),))
    clusters = as_list(parameters.get("clusters") or [])
    name = parameters.get("clusterName") or parameters.get("cluster") or (clusters[0] if clusters else None)
    return Target((arn("cluster", str(name)),)) if name else Target()


def _load_balancing(action: str, parameters: Parameters, region: str, account: str) -> Target:
    kind = {"CreateLoadBalancer": "loadbalancer/app", "CreateTargetGroup": "targetgroup"}.get(action)
    if kind:
        return Target((f"arn:aws:elasticloadbalancing:{region}:{account}:{kind}/{parameters.get('Name', '')}/*",))
    # No Describe action of Elastic Load Balancing knows resources.
    return Target(("*",)) if action.startswith("Describe") else _by_arn(action, parameters, region, account)


def _iam(action: str, parameters: Parameters, region: str, account: str) -> Target:
    for parameter, kind in (
        ("RoleName", "role"),
        ("UserName", "user"),
        ("GroupName", "group"),
        ("InstanceProfileName", "instance-profile"),
        ("PolicyName", "policy"),
    ):
        if parameters.get(parameter):
            path = str(parameters.get("Path") or "/")
            return Target((f"arn:aws:iam::{account}:{kind}{path}{parameters[parameter]}",))
    return Target((str(parameters["PolicyArn"]),)) if parameters.get("PolicyArn") else Target(("*",))


_FINDERS: dict[str, Finder] = {
    "secretsmanager": _secret,
    "kms": _key,
    "logs": _log_group,
    "ssm": _parameter,
    "ecs": _ecs,
    "iam": _iam,
    "elasticloadbalancing": _load_balancing,
    **{service: _named(service) for service in _NAMED},
}
