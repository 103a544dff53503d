# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable of every role: new values for it, and what of a stack that exists a new value changes.

``tests/unit/test_generated_changes.py`` fails for a variable that has no row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


class Effect(Enum):
    """What a new value does to a stack that exists."""

    #: It changes what AWS has.
    WRITTEN = "written"
    #: It changes nothing in AWS: waits, folders, what a destroy does, what counts at the creation only.
    QUIET = "quiet"
    #: AWS cannot change it, or the stack would not survive it: refused before anything is written.
    REFUSED = "refused"
    #: MLflow's own users and permissions, whose modules run in every run.
    ACCESS = "access"
    #: How the proof is done.
    PROOF = "proof"
    #: Something of somebody else's stands in the place of a part of the stack: test_site_your_own.py has such a stack.
    BROUGHT = "brought"
    #: It is another stack.
    ANOTHER = "another"


@dataclass(frozen=True)
class Facts:
    """What only the account or the machine can give.

    :param key: ARN of a KMS key.
    :param image: an image that has MLflow.
    :param port: a free port.
    :param url: URL of MLflow.
    :param account: number of the account.
    :param boundary: ARN of a managed policy that allows all that the stack's roles need.
    :param certificate: ARN of a certificate that is valid for 80 days or more.
    :param folder: a folder that may be written to.
    """

    key: str = "arn:aws:kms:eu-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
    image: str = "registry.example.org/mlflow:1"
    port: int = 8090
    url: str = "http://127.0.0.1:8090"
    account: str = "123456789012"
    folder: str = "/nowhere"
    boundary: str = "arn:aws:iam::123456789012:policy/mlflow-boundary"
    certificate: str = "arn:aws:acm:eu-west-2:123456789012:certificate/11111111-2222-3333-4444-555555555555"


#: Makes a value: of a source of chance, the value now, and the facts.
Maker = Callable[[Random, Any, Facts], Any]


@dataclass(frozen=True)
class Row:
    """One variable.

    :param value: makes another valid value than the present one.
    :param tells: by kind of resource, the fields (or the action, where it is not ``change``) that the plan then names,
        as a regular expression; one at least of each kind.
    :param rounds: in which rounds it gets a new value.
    :param stays: whether there is no way back.
    :param says: what the refusal says, as a regular expression.
    """

    effect: Effect
    value: Maker
    tells: Mapping[str, str] = field(default_factory=dict)
    rounds: tuple[int, ...] = ()
    stays: bool = False
    says: str = ""


def just(value: Any) -> Maker:
    """Always the same."""
    return lambda chance, now, facts: value


def fact(name: str) -> Maker:
    """One of the facts."""
    return lambda chance, now, facts: getattr(facts, name)


def one_of(*values: Any) -> Maker:
    """One of these, but not the present one."""
    return lambda chance, now, facts: chance.choice([value for value in values if value != now])


def between(low: int, high: int) -> Maker:
    """A whole number, but not the present one."""
    return lambda chance, now, facts: chance.choice([value for value in range(low, high + 1) if value != int(now)])


def toggled(chance: Random, now: Any, facts: Facts) -> bool:
    """The other of two."""
    return not now


def text(form: str) -> Maker:
    """A text with a new word in it."""
    return lambda chance, now, facts: form.format(f"w{chance.randrange(16**6):06x}")


def digits(chance: Random, now: Any, facts: Facts) -> str:
    """A number in a text."""
    return str(chance.choice([value for value in range(60, 600) if str(value) != now]))


def block(chance: Random, now: Any, facts: Facts) -> str:
    """An IPv4 block."""
    return f"10.{chance.randrange(64, 128)}.{chance.randrange(256)}.0/24"


def several(*makers: Maker) -> Maker:
    """A list."""
    return lambda chance, now, facts: [maker(chance, None, facts) for maker in makers]


def mapping(**makers: Maker) -> Maker:
    """A mapping with these keys; ``__`` stands for a dot."""
    return lambda chance, now, facts: {
        key.replace("__", "."): maker(chance, (now or {}).get(key.replace("__", "."), 0), facts)
        for key, maker in makers.items()
    }


def more(*values: Any) -> Maker:
    """The present list, and these at its end."""
    return lambda chance, now, facts: [*now, *values]


def written(value: Maker, tells: Mapping[str, str], rounds: tuple[int, ...] = (1, 3), stays: bool = False) -> Row:
    """A variable that changes what AWS has."""
    return Row(Effect.WRITTEN, value, tells, rounds, stays)


def quiet(value: Maker) -> Row:
    """A variable that changes nothing in AWS."""
    return Row(Effect.QUIET, value)


def refused(value: Maker, says: str) -> Row:
    """A variable that cannot change."""
    return Row(Effect.REFUSED, value, says=says)


def access(value: Maker) -> Row:
    """A variable of MLflow's own users and permissions."""
    return Row(Effect.ACCESS, value)


def brought(value: Any) -> Row:
    """A variable that names what somebody else made."""
    return Row(Effect.BROUGHT, just(value))


def proof(value: Maker) -> Row:
    """A variable of the proof."""
    return Row(Effect.PROOF, value)


def server(name: str) -> dict[str, str]:
    """An environment variable of the server, and perhaps of the other containers."""
    return {"task definition": rf"definition\.containers\.\w+\.environment\.({name})"}


#: What carries the stack's tags.
TAGGED = (
    "VPC", "internet gateway", "subnet", "route table", "NAT gateway", "elastic address", "S3 gateway endpoint",
    "security group", "secret", "DB subnet group", "DB parameter group", "DB instance", "bucket", "target group",
    "load balancer", "log group", "IAM role", "cluster", "task definition", "service",
)  # fmt: skip
STATEMENT = {"IAM role": r"policy\.Statement"}
IMAGE = {"task definition": r"definition\.containers\.\w+\.image"}
PYTHON = "public.ecr.aws/docker/library/python:3.{}-slim"

#: Rounds in which variables of kind ``written`` change, all of a round in one run. The order matters where one change
#: needs another: the number of tasks is the inventory's until the autoscaling is on, an image with MLflow needs the
#: right release.
ROUNDS = (1, 2, 3)

#: What the stack is deployed with, beside ``inventories/local``: what can only go up begins low.
BASE: dict[str, Any] = {
    "ecs_mlflow_version": "2.18.0",
    "ecs_mlflow_desired_count": 1,
    "rds_engine_version": "15.10",
}

CHANGES: dict[str, Row] = {
    # stack
    "stack_name": Row(Effect.ANOTHER, text("another-{}")),
    "stack_region": refused(
        one_of("eu-west-1", "us-east-1"), r"^storage_bucket: .* lies in region eu-west-2, the stack in"
    ),
    "stack_account_id": refused(just("999999999999"), "^stack_account_id: .* not to 999999999999"),
    "stack_tags": written(
        mapping(Environment=text("{}"), Team=text("{}")), dict.fromkeys(TAGGED, r"tags\.(mlflow:tags|\w+)")
    ),
    # A key that nobody has given.
    "stack_ignore_tags": quiet(several(text("{}:*"))),
    "stack_full_run": quiet(just(True)),
    # There is nothing that lacks the stack's tag, and nothing is lost.
    "stack_adopt": quiet(several(text("nothing-{}"))),
    "stack_recreate_database": refused(just(True), "^stack_recreate_database: true, but the database .* exists"),
    "stack_recreate_secrets": quiet(just(["flask"])),
    "stack_ignore_variables": quiet(several(text("storage_buckets_{}"))),
    "stack_admin_username": refused(text("admin-{}"), "^stack_admin_username: .* holds the login of admin"),
    "stack_artifact_prefix": written(
        text("artifacts/{}"),
        {"lifecycle rule": "prefix", **STATEMENT, **server("MLFLOW_AWS_ARTIFACTS")},
    ),
    "stack_http_port": written(
        fact("port"),
        {
            "security group": "rules",
            "listener": "create|remove",
            **server("MLFLOW_AWS_ALLOWED_HOSTS|MLFLOW_AWS_CORS_ORIGINS"),
        },
        (1,),
    ),
    "stack_service_port": refused(between(5001, 5999), "^stack_service_port: .* listen at 5000"),
    "stack_database_port": refused(between(5433, 5999), "^stack_database_port: .* was made for 5432"),
    "stack_vpc_id": brought("vpc-0a1b2c3d4e5f67890"),
    "stack_public_subnet_ids": brought(["subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d4e5f67891"]),
    "stack_private_subnet_ids": brought(["subnet-0a1b2c3d4e5f67892", "subnet-0a1b2c3d4e5f67893"]),
    "stack_security_group_ids": brought({"rds": "sg-0a1b2c3d4e5f67890"}),
    "stack_db_instance": brought("team-postgres"),
    "stack_db_master_secret_arn": brought("arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-0a1b2c3d"),
    "stack_target_group_arn": brought(
        "arn:aws:elasticloadbalancing:eu-west-2:123456789012:targetgroup/mlflow/0a1b2c3d4e5f6789"
    ),
    "stack_output_dir": quiet(fact("folder")),
    # network
    "network_cidr": refused(just("10.0.0.0/17"), r"^network_cidr: .* has 10\.0\.0\.0/16"),
    "network_zones": refused(
        just(["eu-west-2b", "eu-west-2a", "eu-west-2c"]), "^network_zones: .* lies in eu-west-2a and cannot move"
    ),
    "network_public_cidrs": written(
        more("10.0.3.0/24"),
        {
            "subnet": "create",
            "route table": "subnets",
            "NAT gateway": "create",
            "elastic address": "create",
            "load balancer": "subnets",
        },
        (2,),
        stays=True,
    ),
    "network_private_cidrs": written(
        more("10.0.13.0/24"),
        {
            "subnet": "create",
            "route table": "create",
            "S3 gateway endpoint": "route_tables",
            "security group": "rules_egress",
            "DB subnet group": "subnets",
            "service": "subnets",
        },
        (2,),
        stays=True,
    ),
    "network_nat": written(
        one_of("single", "per_zone"),
        {"NAT gateway": "create|remove", "elastic address": "create|remove", "route table": "default_route"},
    ),
    "network_nat_wait": quiet(just(True)),
    "network_ingress_cidrs": written(several(block, just("0.0.0.0/0")), {"security group": "rules"}, (1,)),
    # secrets
    "secrets_master_username": refused(
        text("master_{}"), "^secrets_master_username: .* holds the login of mlflow_master"
    ),
    "secrets_database_username": refused(text("mlflow_{}"), "^secrets_database_username: .* the login of mlflow,"),
    "secrets_kms_key_id": refused(fact("key"), "^secrets_kms_key_id: .* are encrypted with another key"),
    "secrets_recovery_window": quiet(between(7, 30)),
    # rds
    "rds_engine_version": written(one_of("15.12", "15.13"), {"DB instance": "engine_version"}, (1,), stays=True),
    # Each has connections for all that a round asks for.
    "rds_instance_class": written(
        one_of("db.t3.small", "db.t3.medium", "db.m5.large"), {"DB instance": "db_instance_class"}
    ),
    "rds_allocated_storage": written(between(30, 60), {"DB instance": "allocated_storage"}, (1,), stays=True),
    "rds_max_allocated_storage": written(between(150, 400), {"DB instance": "max_allocated_storage"}),
    "rds_storage_type": written(one_of("gp2", "gp3"), {"DB instance": "storage_type"}, (2,)),
    "rds_multi_az": written(toggled, {"DB instance": "multi_az"}),
    "rds_deletion_protection": written(toggled, {"DB instance": "deletion_protection"}),
    "rds_backup_retention_days": written(between(2, 35), {"DB instance": "backup_retention_period"}),
    "rds_performance_insights": written(toggled, {"DB instance": "enable_performance_insights"}),
    "rds_kms_key_id": refused(fact("key"), "^rds_kms_key_id: .* which RDS cannot change"),
    "rds_auto_minor_version_upgrade": written(toggled, {"DB instance": "auto_minor_version_upgrade"}),
    "rds_parameters": written(
        mapping(rds__force_ssl=just(1), log_min_duration_statement=between(100, 9999), log_connections=just(1)),
        {"DB parameter group": r"parameters\.log_\w+"},
    ),
    "rds_skip_final_snapshot": quiet(toggled),
    # storage
    "storage_bucket": written(
        text("fraud-models-{}"),
        {"bucket": "create", "lifecycle rule": "create", **STATEMENT, **server("MLFLOW_AWS_ARTIFACTS")},
        (2,),
    ),
    "storage_kms_key_id": written(fact("key"), {"bucket": "encryption|encryption_key_id", **STATEMENT}, (3,)),
    # What was encrypted with a key is read with it when the bucket has another one.
    "storage_former_kms_key_ids": written(several(fact("key")), STATEMENT, (3,), stays=True),
    "storage_noncurrent_days": written(between(1, 365), {"lifecycle rule": "noncurrent_version_expiration_days"}),
    "storage_abort_upload_days": written(between(1, 60), {"lifecycle rule": "abort_incomplete_multipart_upload_days"}),
    # alb
    "alb_scheme": refused(one_of("internal", "internet-facing"), "^alb_scheme: .* which AWS cannot change"),
    "alb_idle_timeout": written(between(1, 4000), {"load balancer": "idle_timeout"}),
    "alb_deletion_protection": written(toggled, {"load balancer": "deletion_protection"}),
    # Short ones: each rollout waits for them.
    "alb_health_interval": written(between(5, 7), {"target group": "health_check_interval"}),
    "alb_health_timeout": written(between(2, 4), {"target group": "health_check_timeout"}),
    "alb_healthy_threshold": written(between(2, 3), {"target group": "healthy_threshold_count"}),
    "alb_unhealthy_threshold": written(between(2, 10), {"target group": "unhealthy_threshold_count"}),
    "alb_deregistration_delay": written(between(0, 9), {"target group": "deregistration_delay_timeout"}),
    # ecs_mlflow
    "ecs_mlflow_version": written(just("3.17.2"), server("MLFLOW_AWS_VERSION"), (1,), stays=True),
    "ecs_mlflow_image": written(one_of(*(PYTHON.format(minor) for minor in (12, 13, 14))), IMAGE, (1,)),
    "ecs_mlflow_image_has_mlflow": written(just(True), server("MLFLOW_AWS_PREINSTALLED"), (2,)),
    # Nobody asks it while the image has MLflow.
    "ecs_mlflow_index_url": written(
        text("https://{}.example.org/simple"), server("PIP_INDEX_URL|UV_INDEX_URL"), (2, 3)
    ),
    "ecs_mlflow_cpu": written(one_of(256, 512), {"task definition": r"definition\.cpu"}),
    "ecs_mlflow_memory": written(one_of(1024, 2048), {"task definition": r"definition\.memory"}),
    "ecs_mlflow_cpu_architecture": written(
        one_of("X86_64", "ARM64"), {"task definition": r"definition\.runtime_?[pP]latform\.cpu_?[aA]rchitecture"}
    ),
    "ecs_mlflow_desired_count": written(just(2), {"service": "desired_count"}, (1,)),
    "ecs_mlflow_autoscaling": written(just(True), {"scaling": "create"}, (2,)),
    "ecs_mlflow_min_count": written(just(1), {"scaling": "min_capacity"}, (3,)),
    "ecs_mlflow_max_count": written(between(3, 5), {"scaling": "max_capacity"}, (3,)),
    "ecs_mlflow_autoscaling_cpu": written(between(30, 95), {"scaling": r"cpu_policy\.target_value"}, (3,)),
    # From a value to another, and from none: the policy is made.
    "ecs_mlflow_autoscaling_memory": written(between(60, 95), {"scaling": r"memory_policy\.\w+"}, (3,)),
    "ecs_mlflow_workers": written(one_of(1, 2), server("MLFLOW_AWS_WORKERS")),
    "ecs_mlflow_pool_size": written(between(2, 4), server("MLFLOW_AWS_POOL_SIZE")),
    "ecs_mlflow_login_cache": written(toggled, server("MLFLOW_AWS_LOGIN_CACHE")),
    "ecs_mlflow_allowed_hosts": written(several(text("{}.example.org")), server("MLFLOW_AWS_ALLOWED_HOSTS")),
    "ecs_mlflow_cors_origins": written(several(text("https://{}.example.org")), server("MLFLOW_AWS_CORS_ORIGINS")),
    "ecs_mlflow_tracking_database": written(text("tracking_{}"), server("MLFLOW_AWS_DB_TRACKING"), (2,)),
    "ecs_mlflow_auth_database": written(text("logins_{}"), server("MLFLOW_AWS_DB_LOGINS"), (2,)),
    "ecs_mlflow_sslmode": written(one_of("prefer", "require"), server("MLFLOW_AWS_DB_SSLMODE")),
    "ecs_mlflow_environment": written(
        mapping(MLFLOW_HTTP_REQUEST_TIMEOUT=digits), server("MLFLOW_HTTP_REQUEST_TIMEOUT")
    ),
    # More than there are: that fewer are kept is the rollout's own test.
    "ecs_mlflow_keep_revisions": quiet(between(50, 90)),
    "ecs_mlflow_permissions_boundary": written(
        fact("boundary"), {"IAM role": "permissions_boundary"}, (2,), stays=True
    ),
    "ecs_mlflow_log_retention_days": written(one_of(1, 3, 5, 7, 14, 30, 60), {"log group": "retention"}),
    "ecs_mlflow_container_insights": written(toggled, {"cluster": "container_insights"}),
    "ecs_mlflow_start_period": written(
        between(120, 300),
        {
            "service": "health_check_grace_period_seconds",
            "task definition": r"definition\.containers\.mlflow\.health_?[cC]heck\.start_?[pP]eriod",
        },
    ),
    "ecs_mlflow_stop_timeout": written(
        between(5, 20), {"task definition": r"definition\.containers\.\w+\.stop_?[tT]imeout"}
    ),
    "ecs_mlflow_migration_timeout": quiet(between(600, 3000)),
    "ecs_mlflow_rollout_timeout": quiet(between(600, 3000)),
    "ecs_mlflow_database_timeout": quiet(between(600, 3000)),
    # mlflow_access
    "mlflow_access_url": quiet(fact("url")),
    "mlflow_access_validate_certs": quiet(toggled),
    "mlflow_access_wait_timeout": quiet(between(60, 900)),
    "mlflow_access_write_env": quiet(toggled),
    # The file of a user whom nobody makes is refused.
    "mlflow_access_env_users": refused(several(text("nobody-{}")), "^mlflow_access_env_users: .* not in mlflow_access"),
    "mlflow_access_update_password": quiet(one_of("always", "on_create")),
    "mlflow_access_users": access(just([{"name": "alice"}, {"name": "bob"}])),
    "mlflow_access_experiments": access(just([{"name": "churn", "description": "Who leaves", "tags": {"team": "b"}}])),
    "mlflow_access_registered_models": access(just([{"name": "fraud", "description": "Who cheats"}])),
    "mlflow_access_roles": access(
        just(
            [
                {
                    "name": "readers",
                    "members": ["alice"],
                    "permissions": [{"resource_type": "experiment", "name": "churn", "permission": "READ"}],
                }
            ]
        )
    ),
    "mlflow_access_permissions": access(
        just(
            [
                {
                    "user": "bob",
                    "permissions": [{"resource_type": "registered_model", "name": "fraud", "permission": "EDIT"}],
                }
            ]
        )
    ),
    # verify
    "verify_url": proof(fact("url")),
    "verify_validate_certs": proof(toggled),
    "verify_stages": proof(just(["network", "health", "version", "auth", "aws"])),
    "verify_version": proof(just("")),
    "verify_logins": proof(between(2, 20)),
    "verify_certificate_arn": proof(fact("certificate")),
    "verify_certificate_days": proof(between(0, 80)),
    "verify_latency_requests": proof(between(1, 30)),
    "verify_latency_p95_ms": proof(between(500_000, 600_000)),
    "verify_wait_timeout": proof(between(60, 900)),
}


def inventory(path: str = "inventories/local") -> dict[str, Any]:
    """The value of each variable on an inventory of this checkout, templates left out."""
    files = [*sorted((ROOT / "roles").glob("*/defaults/main.yml")), ROOT / path / "group_vars" / "mlflow.yml"]
    found = {name: value for file in files for name, value in yaml.safe_load(file.read_text(encoding="utf-8")).items()}
    return {name: value for name, value in found.items() if "{{" not in str(value)}


def generated(number: int, chance: Random, now: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """The new values of a round.

    :param now: the present value of each variable.
    """
    found = {name: row.value(chance, now[name], facts) for name, row in CHANGES.items() if number in row.rounds}
    # An image with MLflow is another image.
    return {**found, **({"ecs_mlflow_image": facts.image} if "ecs_mlflow_image_has_mlflow" in found else {})}
