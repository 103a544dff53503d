#!/usr/bin/python
# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: stack_info
version_added: "1.0.0"
short_description: Read what exists of an MLflow stack
description:
  - Finds the AWS resources of one stack by their names and by the tags C(mlflow:stack) and C(mlflow:component).
  - Reads only, and never the value of a secret. All reads run at once.
  - An outage of AWS (errors of its own, connections that are refused or broken) is waited out for two minutes.
  - Can wait until a component has reached a state, since AWS makes databases, NAT gateways and load balancers slowly.
author:
  - The mlops.mlflow_aws authors (@mlops)
options:
  name:
    description: Name of the stack, from which all AWS names derive, and those of IAM roles from the region too.
    type: str
    required: true
  bucket:
    description: Name of the artifact bucket. Without it RV(resources.storage) is not read.
    type: str
  bucket_sharers:
    description: Other stacks that keep their artifacts in O(bucket) by the inventory. Their tag on it is no hindrance.
    type: list
    elements: str
    default: []
  region_facts:
    description: Also read what the region offers (zones, PostgreSQL versions) and where O(bucket) lies.
    type: bool
    default: false
  database:
    description:
      - With O(region_facts=true), also read what RDS for PostgreSQL offers in the region for such a database.
    type: dict
    suboptions:
      instance_class:
        description: Instance class, such as V(db.t3.micro).
        type: str
        required: true
      engine_version:
        description: Version of PostgreSQL, or major version.
        type: str
        required: true
      parameters:
        description: Names of DB parameters.
        type: list
        elements: str
        default: []
  existing:
    description:
      - Parts of the stack that somebody else made and that the roles use as they are.
      - Without a part, or where it is empty, it is looked for by the stack's names and tags.
    type: dict
    suboptions:
      vpc_id:
        description: VPC of the tasks. The other parts have to lie in it.
        type: str
      public_subnet_ids:
        description: Subnets for a load balancer that faces the internet.
        type: list
        elements: str
      private_subnet_ids:
        description: Subnets of the tasks, with a way out to AWS and to the package index.
        type: list
        elements: str
      security_group_ids:
        description: Security groups by use, C(alb), C(ecs), C(rds).
        type: dict
      db_instance:
        description: Identifier of a DB instance of RDS for PostgreSQL.
        type: str
      master_secret_arn:
        description: ARN of the secret with C(username) and C(password) of its master user.
        type: str
      target_group_arn:
        description: ARN of a target group that an Application Load Balancer forwards to.
        type: str
  adopt:
    description:
      - Kinds (such as C(IAM role)), names or ids of resources that count as the stack's though they lack its tag.
      - All others of the stack's names are somebody else's without it.
    type: list
    elements: str
    default: []
  recreate_database:
    description: Whether this run may create an empty database in place of one that is lost.
    type: bool
    default: false
  recreate_secrets:
    description:
      - Uses of secrets (such as C(admin)) of which this run may create new ones in place of those that are lost, though
        their values would not fit the database.
    type: list
    elements: str
    default: []
  teardown:
    description: Also read what of the network a destroy removes (RV(teardown)), and what blocks it (RV(obstacles)).
    type: bool
    default: false
  final_snapshot:
    description: Whether the destroy takes a final snapshot of the database, so that RV(obstacles) tells what keeps it.
    type: bool
    default: false
  current:
    description: Components whose current state is read too (RV(current)), for M(mlops.mlflow_aws.stack_plan).
    type: list
    elements: str
    choices: [network, secrets, rds, storage, alb, ecs_mlflow]
    default: []
  wait_for:
    description:
      - Wait until each of these is usable.
      - V(database) waits for the DB instance to accept connections, V(database_idle) for RDS to take a change of it
        where there is one, V(database_gone) for a deletion of it to be over, V(database_snapshot) for RDS to take a
        final snapshot of it where there is one, V(nat_gateways) for every NAT gateway, V(load_balancer) for the load
        balancer to be active.
    type: list
    elements: str
    choices: [database, database_idle, database_gone, database_snapshot, nat_gateways, load_balancer]
    default: []
  wait_timeout:
    description: Longest wait, in seconds.
    type: int
    default: 1800
  wait_sleep:
    description: Seconds between two looks.
    type: int
    default: 5
notes:
  - Supports check mode, changes nothing.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: What is there of the stack?
  mlops.mlflow_aws.stack_info:
    name: fraud-scoring-mlflow
    bucket: fraud-models-test
    region: eu-west-2
  register: found

- name: Wait at most half an hour for the database
  mlops.mlflow_aws.stack_info:
    name: fraud-scoring-mlflow
    wait_for: [database]
    wait_timeout: 1800
"""

RETURN = r"""
resources:
  description: The components. One that has not been begun is null, and so are the missing parts of one.
  returned: always
  type: dict
  contains:
    network:
      description: VPC, subnets, gateways, route tables and security groups.
      type: dict
      sample: {vpc_id: vpc-0a1b2c3d, private_subnet_ids: [subnet-1, subnet-2]}
    secrets:
      description:
        - Name, ARN, key and current version of each secret by its use (C(master), C(database), C(admin), C(flask),
          C(gateway)).
        - C(migrated) is the resource id of the DB instance that holds the data, as M(mlops.mlflow_aws.stack_migrated)
          noted it, or null.
        - C(previous_version_id) is null unless a rotation left a version that may still be in use.
      type: dict
    deleted_secrets:
      description: The same of those that wait for their deletion. The role secrets restores them as they were.
      type: dict
    user_secrets:
      description: Names of the secrets that hold the logins of MLflow's users.
      type: list
      elements: str
    rds:
      description: The DB instance with its status and endpoint.
      type: dict
      sample: {instance_id: fraud-scoring-mlflow-db, status: available, endpoint: {address: db.example, port: 5432}}
    storage:
      description: The artifact bucket, when O(bucket) is given and lies in the region.
      type: dict
    alb:
      description: Load balancer, listeners by port and target group.
      type: dict
    ecs_mlflow:
      description: Cluster, service, revision and roles.
      type: dict
    elastic_ips:
      description: The elastic addresses of the stack, and which of them were made for NAT gateways.
      type: list
      elements: dict
      sample: [{public_ip: 203.0.113.7, allocation_id: eipalloc-0a1b2c3d, nat: true}]
    beside_existing:
      description:
        - Ids of parts of the stack's own in the places of parts that are in O(existing).
        - They go by the variable of the role stack that gives the part.
      type: dict
      sample: {stack_vpc_id: vpc-0a1b2c3d}
    foreign:
      description:
        - Resources of somebody else under the names of the stack, with C(kind), C(name), C(id), and C(stack), that of
          their tag C(mlflow:stack) or null. The components do not hold them.
      type: list
      elements: dict
      sample: [{kind: secret, name: fraud/mlflow/admin, id: fraud/mlflow/admin, stack: null}]
    namesakes:
      description: The same of VPCs and elastic addresses, of which any number can have one name. They are in no way.
      type: list
      elements: dict
    revisions:
      description: The newest revisions of the two task definitions, and the secrets that they name.
      type: dict
    rds_groups:
      description: Names of the DB subnet group and the DB parameter groups.
      type: dict
    backups:
      description:
        - Snapshots and retained automated backups of a DB instance that is gone, the newest first.
        - C(lost) are those of an instance that nobody destroyed, C(former) those of one that C(destroy.yml) removed.
      type: dict
    loose_internet_gateways:
      description: Ids of internet gateways of the stack that are attached to no VPC, as a killed run leaves one.
      type: list
      elements: str
problems:
  description:
    - What a run cannot begin with, one sentence each. What is wrong with the parts in O(existing), resources of
      somebody else under the names of the stack, KMS keys that cannot be used, and what of its data is lost.
  returned: always
  type: list
  elements: str
conflicts:
  description:
    - Those of RV(problems) that stand in the way of a destroy, too, which has no need of the parts in O(existing).
    - They are about parts of the stack's own in the places of such parts.
  returned: always
  type: list
  elements: str
remarks:
  description: What a first run makes beside something of somebody else that has the same name, one sentence each.
  returned: always
  type: list
  elements: str
obstacles:
  description: What stands in the way of a destroy, one sentence each, with O(teardown=true). Nothing is deleted before.
  returned: always
  type: list
  elements: str
teardown:
  description: Of each VPC with the stack's tag, what is in it with that tag, with O(teardown=true).
  returned: always
  type: list
  elements: dict
current:
  description:
    - By component, the fields of its resources by kind and name.
    - It is what M(mlops.mlflow_aws.stack_plan) compares. Resources refer to each other by name.
    - Empty without O(current).
  returned: always
  type: dict
  sample: {network: {subnet: {10.0.1.0/24: {zone: eu-west-2a, map_public: false, tags: {}}}}}
names:
  description: Every AWS name of the stack.
  returned: always
  type: dict
region:
  description:
    - Account and region, and with O(region_facts=true) what the region offers.
    - C(database) is null without O(database), and where the region does not offer the version of PostgreSQL.
    - C(connections), with O(database), tells from what the number of the database's connections follows - the
      C(instance_class), its C(memory) in bytes, and C(max_connections), a number or RDS's formula for one. They are
      those of the DB instance in O(existing), where there is one.
  returned: always
  type: dict
  sample: {account_id: "123456789012", partition: aws, region: eu-west-2, zones: [eu-west-2a, eu-west-2b]}
waited:
  description: Seconds spent waiting.
  returned: always
  type: float
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

try:  # noqa: SIM105 - the form of import that ansible-test knows
    import botocore.exceptions
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.account import Account
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import Database
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.registry import COMPONENTS
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery, readiness, teardown
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.access import access_problem
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.clients import one_session
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.existing import (
    Existing,
    existing_conflicts,
    existing_problems,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.keys import key_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.lost import lost_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import StackNames, stack_names
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.outage import patiently
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.ownership import (
    foreign_problems,
    namesake_remarks,
)

Answer = TypeVar("Answer")

#: Seconds before each further look at resources that carry no tag of any stack.
UNTAGGED_WAITS = (2, 4)

ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "bucket": {"type": "str"},
    "bucket_sharers": {"type": "list", "elements": "str", "default": []},
    "region_facts": {"type": "bool", "default": False},
    "database": {
        "type": "dict",
        "options": {
            "instance_class": {"type": "str", "required": True},
            "engine_version": {"type": "str", "required": True},
            "parameters": {"type": "list", "elements": "str", "default": []},
        },
    },
    "existing": {
        "type": "dict",
        "options": {
            "vpc_id": {"type": "str"},
            "public_subnet_ids": {"type": "list", "elements": "str"},
            "private_subnet_ids": {"type": "list", "elements": "str"},
            "security_group_ids": {"type": "dict"},
            "db_instance": {"type": "str"},
            # The name of a secret, and no secret.
            "master_secret_arn": {"type": "str", "no_log": False},
            "target_group_arn": {"type": "str"},
        },
    },
    "adopt": {"type": "list", "elements": "str", "default": []},
    "recreate_database": {"type": "bool", "default": False},
    # Uses of secrets, and no secrets.
    "recreate_secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "teardown": {"type": "bool", "default": False},
    "final_snapshot": {"type": "bool", "default": False},
    "current": {"type": "list", "elements": "str", "choices": list(COMPONENTS), "default": []},
    "wait_for": {
        "type": "list",
        "elements": "str",
        "choices": readiness.NAMES,
        "default": [],
    },
    "wait_timeout": {"type": "int", "default": 1800},
    "wait_sleep": {"type": "int", "default": 5},
}


@dataclass(frozen=True)
class Reader:
    """Reads the stack as the module's options say.

    :param clients: boto3 clients by service.
    """

    module: AnsibleAWSModule
    clients: Mapping[str, Any]
    names: StackNames

    def account(self) -> Account:
        """The account for one look, which sends each read once."""
        params = self.module.params
        return discovery.account_of(
            self.clients,
            self.names,
            region=self.module.region,
            bucket_name=params["bucket"],
            existing=Existing.of(params["existing"]),
            adopted=params["adopt"],
            sharers=params["bucket_sharers"],
        )

    @property
    def database(self) -> Database | None:
        """What to ask RDS about."""
        asked = self.module.params["database"]
        return Database(**asked) if asked else None

    def outlasting(self, read: Callable[[], Answer]) -> Answer:
        """What a read answers, outages of AWS waited out."""
        return patiently(read, self.module.warn)

    def look(self) -> Look:
        """One look at everything that the options ask for."""
        account, params = self.account(), self.module.params
        with ThreadPoolExecutor(max_workers=1) as pool:
            region = pool.submit(discovery.region_facts, account, self.database) if params["region_facts"] else None
            resources = discovery.discover(account)
            facts = region.result() if region else {}
        if facts and self.database:
            facts["connections"] = discovery.connections(account, resources, self.database)
        return Look(account, resources, facts)

    def look_until_owned(self) -> Look:
        """The same, again as long as something has no owner at all: tags of what is new may be seen late."""
        for wait in UNTAGGED_WAITS:
            found = self.outlasting(self.look)
            if all(row["stack"] for row in found.resources["foreign"]):
                return found
            time.sleep(wait)
        return self.outlasting(self.look)

    def await_ready(self, resources: dict[str, Any]) -> dict[str, Any]:
        """Look again until everything in ``wait_for`` is ready; answers the last resources."""
        module, params = self.module, self.module.params
        deadline = time.monotonic() + params["wait_timeout"]
        awaited = {readiness.component(what) for what in params["wait_for"]}
        while True:
            states = [readiness.state(resources, what) for what in params["wait_for"]]
            hopeless = [state.detail for state in states if state.failed]
            if hopeless:
                module.fail_json(msg="; ".join(hopeless), resources=resources)
            missing = [state.detail for state in states if not state.ready]
            if not missing:
                return resources
            if time.monotonic() >= deadline:
                module.fail_json(msg=f"waited {params['wait_timeout']} s: {'; '.join(missing)}", resources=resources)
            time.sleep(min(params["wait_sleep"], max(0.0, deadline - time.monotonic())))
            again = self.outlasting(lambda: discovery.look_again(self.account(), awaited))
            resources = {**resources, **again}


@dataclass(frozen=True)
class Look:
    """What was found.

    :param region: facts of the region; none where they were not asked for.
    """

    account: Account
    resources: dict[str, Any]
    region: dict[str, Any]


def problems(module: AnsibleAWSModule, resources: dict[str, Any], names: StackNames) -> list[str]:
    """What a run cannot begin with."""
    params, region = module.params, module.region
    return [
        *existing_problems(Existing.of(params["existing"]), resources, region),
        *foreign_problems(resources["foreign"], names.stack, region),
        *key_problems(resources, region),
        *lost_problems(
            resources,
            names,
            region,
            recreate_database=params["recreate_database"],
            recreate_secrets=params["recreate_secrets"],
        ),
    ]


def in_the_way(
    module: AnsibleAWSModule, ec2: Any, names: StackNames, resources: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[str]]:
    """What of the network a destroy removes, and what blocks it, where that is asked for."""
    if not module.params["teardown"]:
        return [], []
    snapshot = module.params["final_snapshot"]
    return teardown.owned_vpcs(ec2, names), teardown.obstacles(ec2, names, resources, snapshot=snapshot)


def main() -> None:
    module = AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    for option, least in (("wait_timeout", 0), ("wait_sleep", 1)):
        if module.params[option] < least:
            module.fail_json(msg=f"{option} is {module.params[option]}; give {least} or more seconds")
    names = stack_names(module.params["name"], module.region)
    began = time.monotonic()
    try:
        # botocore gives up on throttling after two tries unless it is told otherwise.
        retries = {"retries": {"mode": "standard", "max_attempts": 12}}
        # The first call shows whether AWS is reached at all: a wrong region or network is said soon, not after twelve
        # tries.
        soon = {"retries": {"mode": "standard", "max_attempts": 3}, "connect_timeout": 10, "read_timeout": 20}
        with one_session():
            clients = {service: module.client(service, config=retries) for service in discovery.SERVICES}
            sts = module.client("sts", config=soon)
        caller = patiently(sts.get_caller_identity, module.warn)
        reader = Reader(module, clients, names)
        found = reader.look_until_owned()
        resources = reader.await_ready(found.resources)
        # After a wait, what else changed meanwhile is seen too.
        account = found.account if resources is found.resources else reader.account()
        current = reader.outlasting(lambda: discovery.current_state(account, resources, module.params["current"]))
        vpcs, obstacles = reader.outlasting(lambda: in_the_way(module, clients["ec2"], names, resources))
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        problem = access_problem(error, module.region)
        if problem:
            module.fail_json(msg=problem)
        module.fail_json_aws(error, msg=f"Reading the stack {names.stack} failed")
    identity = {
        "account_id": caller["Account"],
        "caller_arn": caller["Arn"],
        "partition": caller["Arn"].split(":")[1],
        "region": module.region,
    }
    existing = Existing.of(module.params["existing"])
    module.exit_json(
        changed=False,
        resources=resources,
        problems=problems(module, resources, names),
        conflicts=existing_conflicts(existing, resources),
        # Where the network is there, it is beside theirs already.
        remarks=namesake_remarks(resources["namesakes"], names.stack, module.region)
        if resources["network"] is None
        else [],
        obstacles=obstacles,
        teardown=vpcs,
        current=current,
        names=names.as_dict(),
        region={**identity, **found.region},
        waited=round(time.monotonic() - began, 1),
    )


if __name__ == "__main__":
    main()
