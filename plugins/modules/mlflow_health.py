#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible module: staged health check of an MLflow server and the AWS resources behind it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mlflow_health
version_added: 1.0.0
short_description: Prove that an MLflow deployment works
description:
  - Checks an MLflow server stage by stage, from the network to an artifact that is written and read back, and the
    AWS resources behind it. Returns what each stage found, what to do about a failure, and how long it took.
  - Works with any MLflow server of 2.x and 3.x; AWS is asked only where its resources are named.
  - Stages that need what is not given, such as a login, are skipped and say so. Naming such a stage in O(stages)
    is refused.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  stages:
    description:
      - The stages to run; all where this is not given. They run in the order in which they stand here.
      - V(network) - the server answers HTTP.
      - V(tls) - on HTTPS, the certificate is for the name that is asked for and valid for O(certificate_days) yet,
        and the protocol is TLS 1.2 or newer. Where O(validate_certs) is V(false) it only reports.
      - V(health) - C(/health) answers 200.
      - V(version) - C(/version) answers O(version).
      - V(auth) - 401 without a login and with a wrong password, 200 with the login, and all passwords that MLflow
        has shipped are refused.
      - V(hosts) - a foreign C(Host) or C(Origin) header is refused, the server's own are accepted.
        Skipped where an MLflow 2.x, which checks neither by itself, accepts them.
      - V(consistency) - the login on new connections until every task has answered; tasks that disagree show.
      - V(api) - the tracking API answers a search.
      - V(roundtrip) - a run with a metric, a parameter and a tag is written, read back and removed.
      - V(artifacts) - an artifact is written where the server keeps them, read back byte for byte, and removed.
      - V(model) - a small model is written as an artifact, registered, found through the registry, loaded from where
        that says, and removed.
      - V(latency) - O(latency_requests) searches, each on a new connection; fails only where O(latency_p95_ms) is
        given and exceeded.
      - V(aws) - of what is named, the ECS service is steady, all targets are healthy, the database is available,
        encrypted, not public and backed up, the bucket lies in O(region), blocks public access and keeps old versions,
        the certificate is issued and valid for O(certificate_days) yet.
      - Where V(network) or V(health) fails, later stages of the server do not run.
    type: list
    elements: str
    choices: [network, tls, health, version, auth, hosts, consistency, api, roundtrip, artifacts, model, latency, aws]
  version:
    description:
      - The version that the server must be. Any is right where this is not given.
    type: str
  connections:
    description:
      - How many new connections the stage V(consistency) opens.
      - A client does not see which task answers. Where O(service) is named, the stage opens as many more as it takes
        to have missed one of the running tasks with a chance below 0.1 % only, 100 at most.
    type: int
    default: 8
  certificate_days:
    description:
      - How many days the certificates of the stages V(tls) and V(aws) must be valid for yet.
      - AWS renews a certificate of its own 60 days before its end, an imported one never.
    type: int
    default: 21
  latency_requests:
    description:
      - How many requests the stage V(latency) sends. V(0) skips it.
    type: int
    default: 20
  latency_p95_ms:
    description:
      - The longest that 95 % of these requests may take, in milliseconds. Any time will do where this is not given.
    type: int
  experiment_name:
    description:
      - The experiment that holds the runs of the stages V(roundtrip), V(artifacts) and V(model). It is created
        where it does not exist, and stays, empty. For servers on which the user may not create experiments.
      - Where this is not given, each of these stages makes an experiment of its own, and removes it.
    type: str
  artifact_size:
    description:
      - Bytes of the artifact that is written.
    type: int
    default: 65536
  fail_on:
    description:
      - V(any) fails the task where any stage fails. V(none) reports only.
    type: str
    choices: [any, none]
    default: any
  cluster:
    description:
      - Name or ARN of the ECS cluster.
    type: str
  service:
    description:
      - Name of the ECS service in O(cluster).
    type: str
  target_group_arn:
    description:
      - ARN of the target group of the load balancer.
    type: str
  db_instance:
    description:
      - Name of the RDS instance.
    type: str
  bucket:
    description:
      - Name of the artifact bucket. Where clients write to S3 themselves, the stages V(artifacts) and V(model) use it
        too.
    type: str
  certificate_arn:
    description:
      - ARN of the certificate that the load balancer's listener uses, in AWS Certificate Manager.
    type: str
attributes:
  check_mode:
    description: Can run in check_mode and return changed status prediction without modifying target.
    support: full
    details:
      - The stages that write, V(roundtrip), V(artifacts) and V(model), are skipped in check mode.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in check_mode), when in diff mode.
    support: none
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
    details:
      - The module never reports a change, since it removes what it writes.
notes:
  - MLflow deletes experiments and runs softly. Rows of the check's stay in the database, out of sight, until
    C(mlflow gc) removes them. A server that this collection deploys removes them at once. Artifacts and registered
    models are removed for good, but in a bucket with versioning S3 keeps old versions.
  - What a check that was killed has left is removed by the first check that starts more than an hour later.
  - With a O(token), the stages V(auth) and V(consistency) are skipped, since they need a user name and password.
  - The stages V(network), V(health), V(version) and V(aws) wait for what can get better, all together for at most
    O(wait_timeout) seconds. The others are tried once.
extends_documentation_fragment:
  - mlops.mlflow_aws.mlflow
  - mlops.mlflow_aws.mlflow.token
  - mlops.mlflow_aws.mlflow.wait
  - mlops.mlflow_aws.mlflow.secret
  - amazon.aws.common.modules
  - amazon.aws.region.modules
seealso:
  - module: mlops.mlflow_aws.mlflow_auth_bootstrap
"""

EXAMPLES = r"""
- name: Check any MLflow server
  mlops.mlflow_aws.mlflow_health:
    url: http://127.0.0.1:5000
    username: admin
    password: "{{ mlflow_admin_password }}"

- name: Wait until a new deployment works, behind a load balancer and with AWS
  mlops.mlflow_aws.mlflow_health:
    url: https://mlflow.example.org
    secret_id: fraud-scoring-mlflow/mlflow/admin
    version: 3.17.2
    wait_timeout: 600
    region: eu-west-2
    cluster: fraud-scoring-mlflow-cluster
    service: fraud-scoring-mlflow
    target_group_arn: "{{ stack_resources.alb.target_group_arn }}"
    db_instance: fraud-scoring-mlflow-db
    bucket: fraud-models-test
    certificate_arn: arn:aws:acm:eu-west-2:123456789012:certificate/11111111-2222-3333-4444-555555555555
    latency_p95_ms: 800

- name: Check a server behind a proxy that takes tokens
  mlops.mlflow_aws.mlflow_health:
    url: https://mlflow.example.org
    token: "{{ mlflow_token }}"
    stages: [network, tls, health, api, roundtrip, artifacts, model]

- name: Only look, and decide oneself
  mlops.mlflow_aws.mlflow_health:
    url: https://mlflow.example.org
    stages: [network, health]
    fail_on: none
    wait_timeout: 0
  register: mlflow_health
"""

RETURN = r"""
healthy:
  description: Whether no stage failed.
  returned: always, unless the options are refused
  type: bool
  sample: true
summary:
  description: One line about all stages.
  returned: always, unless the options are refused
  type: str
  sample: 12 of 12 stages ok, 1 skipped; 6.4 s
failed_stages:
  description: Names of the stages that failed or could not run because of an earlier failure.
  returned: always, unless the options are refused
  type: list
  elements: str
  sample: []
stages:
  description: What each stage found, in order.
  returned: always, unless the options are refused
  type: list
  elements: dict
  contains:
    name:
      description: Name of the stage.
      type: str
      sample: consistency
    ok:
      description: Whether it found nothing wrong. V(false) also where an earlier failure kept it from running.
      type: bool
      sample: true
    skipped:
      description: Whether it did not run; RV(stages[].detail) says why.
      type: bool
      sample: false
    detail:
      description: What was seen.
      type: str
      sample: 11 of 11 new connections agree; 2 tasks run; the chance that one of them was not asked is below 0.1%
    remedy:
      description: What to do about it; empty where nothing is wrong.
      type: str
      sample: ""
    milliseconds:
      description: How long it took, waiting included.
      type: int
      sample: 640
version:
  description: The server's version, if it tells.
  returned: when the stage V(version) ran
  type: str
  sample: 3.17.2
generation:
  description: The generation of its API.
  returned: when the stage V(version) ran
  type: int
  sample: 3
certificate:
  description: The certificate that the server showed.
  returned: when the stage V(tls) has seen one
  type: dict
  contains:
    subject:
      description: Whom it is for.
      type: str
      sample: CN=mlflow.example.org
    issuer:
      description: Who has signed it.
      type: str
      sample: CN=Amazon RSA 2048 M02, O=Amazon, C=US
    not_after:
      description: When it ends, in UTC.
      type: str
      sample: "2027-03-01T23:59:59Z"
    days_left:
      description: Whole days until then.
      type: int
      sample: 96
latency:
  description: How long a search took, with the login, on a new connection.
  returned: when the stage V(latency) ran
  type: dict
  contains:
    requests:
      description: How many were sent.
      type: int
      sample: 20
    p50:
      description: Half of them took no longer, in milliseconds.
      type: int
      sample: 41
    p95:
      description: 95 % of them took no longer, in milliseconds.
      type: int
      sample: 88
user:
  description: The user that logged in.
  returned: when the stage V(auth) passed
  type: dict
  contains:
    username:
      description: Its name.
      type: str
      sample: admin
    is_admin:
      description: Whether it is an admin.
      type: bool
      sample: true
"""

from typing import Any

from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.model import AwsTarget, Target
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health.runner import (
    STAGES,
    run_stages,
    summary,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.aws import (
    aws_client,
    login_secret,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.client import MlflowClient
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.errors import (
    InvalidOptionsError,
    MlflowError,
    sentences,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.http import (
    NO_RETRY,
    Login,
    Retry,
    Transport,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.options import (
    checked_wait,
    connection,
    credential,
    hide,
    hide_url_credentials,
    mlflow_argument_spec,
    secret_argument_spec,
    token_argument_spec,
    wait_argument_spec,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.session import mlflow_module
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow.wait import Waiter

#: Stages that say nothing without a user name and password.
_NEED_LOGIN = frozenset({"auth", "consistency"})

#: What may be checked on the side of AWS, and how the server is checked: options that are passed on as they are.
_NAMED = ("cluster", "service", "target_group_arn", "db_instance", "bucket", "certificate_arn")
_HOW = (
    *("version", "connections", "certificate_days", "latency_requests", "latency_p95_ms"),
    *("experiment_name", "artifact_size"),
)

#: The least and the most of each number.
_RANGES = {
    "connections": (2, 100),
    "certificate_days": (0, 3650),
    "latency_requests": (0, 1000),
    "latency_p95_ms": (1, 600_000),
    "artifact_size": (1, 16 * 1024 * 1024),
}


def argument_spec() -> dict[str, Any]:
    """Options of this module alone and those it shares, without those of AWS."""
    return {
        **mlflow_argument_spec(),
        **wait_argument_spec(120),
        **secret_argument_spec(),
        **token_argument_spec(),
        "stages": {"type": "list", "elements": "str", "choices": list(STAGES)},
        "version": {"type": "str"},
        "connections": {"type": "int", "default": 8},
        "certificate_days": {"type": "int", "default": 21},
        "latency_requests": {"type": "int", "default": 20},
        "latency_p95_ms": {"type": "int"},
        "experiment_name": {"type": "str"},
        "artifact_size": {"type": "int", "default": 65536},
        "fail_on": {"type": "str", "choices": ["any", "none"], "default": "any"},
        "cluster": {"type": "str"},
        "service": {"type": "str"},
        "target_group_arn": {"type": "str"},
        "db_instance": {"type": "str"},
        "bucket": {"type": "str"},
        "certificate_arn": {"type": "str"},
    }


def target(module: Any) -> Target:
    """The server and how to check it, from the options; reads the secret, asks nothing else."""
    params = module.params
    hide_url_credentials(module)
    hide(module, params["password"] or "", params["token"] or "")
    for name, (low, high) in _RANGES.items():
        if params[name] is not None and not low <= params[name] <= high:
            raise InvalidOptionsError(f"{name} is {params[name]}", remedy=f"give {low} to {high}")
    place = connection(params)
    user = credential(params, login_secret(module))
    if user:
        hide(module, user.password if isinstance(user, Login) else user.value)
    transport = Transport(place, user, retry=NO_RETRY)
    aws = AwsTarget(
        clients=lambda service: aws_client(module, service),
        region=module.region if params["bucket"] else None,
        **{name: params[name] for name in _NAMED},
    )
    asked = set(params["stages"] or [])
    if not isinstance(user, Login) and asked & _NEED_LOGIN:
        given = "a token instead of a user name and password" if user else "no login"
        raise InvalidOptionsError(
            f"stages asks for {', '.join(sorted(asked & _NEED_LOGIN))}, but {given} is given",
            remedy="give username and password, or secret_id",
        )
    if "aws" in asked and not aws.is_named:
        raise InvalidOptionsError(
            "stages asks for aws, but no resource is named",
            remedy="give cluster and service, target_group_arn, db_instance, bucket or certificate_arn",
        )
    return Target(
        client=MlflowClient(transport),
        patient=MlflowClient(transport.as_user(user, retry=Retry())),
        login=user,
        aws=aws,
        **{name: params[name] for name in _HOW},
        writes=not module.check_mode,
    )


def main() -> None:
    """Run the stages and return what they found."""
    module = mlflow_module(argument_spec(), required_together=[("cluster", "service")])
    try:
        timeout, sleep = checked_wait(module.params)
        chosen = target(module)
    except MlflowError as error:
        module.fail_json(msg=str(error), remedy=error.remedy)
    results, facts = run_stages(module.params["stages"] or STAGES, chosen, Waiter(timeout, sleep))
    failed = [result for result in results if not result.ok]
    outcome = {
        "changed": False,
        "healthy": not failed,
        "summary": summary(results),
        "failed_stages": [result.name for result in failed],
        "stages": [result.to_dict() for result in results],
        **facts,
    }
    if failed and module.params["fail_on"] == "any":
        first = failed[0]
        module.fail_json(
            msg=sentences(f"{module.params['url']} is not healthy: {first.name}: {first.detail}", first.remedy),
            **outcome,
        )
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()
