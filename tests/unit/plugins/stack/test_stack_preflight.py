# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A wrong variable is one sentence: the variable, its value, the remedy. A right one is none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow import workers as ecs_mlflow
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.ecs_mlflow.definitions import definitions
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.versions import newest_offered
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import mlflow_access, problems, warnings
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.plugins.stack.stack_inputs import ROLES, everything, input_problems, inputs, options, stack

ALL_ROLES = sorted(path.name for path in ROLES.iterdir() if path.is_dir())

#: What the message must hold: variable, value, remedy.
Says = tuple[str, ...]
OTHER = "10.0.11.0/24"
GIVEN = {"stack_vpc_id": "vpc-1", "stack_private_subnet_ids": ["subnet-1", "subnet-2"]}
SECRET = "arn:aws:secretsmanager:eu-west-2:123456789012:secret:rds!db-1"

WRONG: list[tuple[str, dict[str, Any], Says]] = [
    # stack
    ("stack", {"stack_name": "x" * 41}, ("stack_name: 'xxx", "has 41 characters", "at most 40")),
    ("stack", {"stack_name": "Fraud"}, ("stack_name: 'Fraud'", "use lower-case letters")),
    ("stack", {"stack_name": "1fraud"}, ("stack_name: '1fraud'", "starting with a letter")),
    ("stack", {"stack_name": "fraud--ml"}, ("stack_name: 'fraud--ml'", "single hyphens")),
    ("stack", {"stack_name": "fraud-"}, ("stack_name: 'fraud-'", "not ending in a hyphen")),
    ("stack", {"stack_name": ""}, ("stack_name: ''", "use lower-case letters")),
    ("stack", {"stack_name": "fraud_ml"}, ("stack_name: 'fraud_ml'", "use lower-case letters")),
    ("stack", {"stack_name": "internal-ml"}, ("stack_name: 'internal-ml'", "choose another beginning")),
    ("stack", {"stack_name": "sg-ml"}, ("stack_name: 'sg-ml'", "choose another beginning")),
    ("stack", {"stack_name": None}, ("stack_name: has no value", "set it in the inventory")),
    ("stack", {"stack_region": "london"}, ("stack_region: 'london'", "such as eu-west-2")),
    ("stack", {"stack_tags": {"mlflow:stack": "x"}}, ("stack_tags", "'mlflow:stack'", "remove it")),
    ("stack", {"stack_tags": ["a"]}, ("stack_tags: '['a']'", "a mapping", "correct it")),
    ("stack", {"stack_http_port": 0}, ("stack_http_port: 0", "from 1 to 65535")),
    ("stack", {"stack_service_port": 65536}, ("stack_service_port: 65536", "from 1 to 65535")),
    ("stack", {"stack_database_port": 1149}, ("stack_database_port: 1149", "use 5432")),
    ("stack", {"stack_http_port": "http"}, ("stack_http_port: 'http'", "a whole number")),
    ("stack", {**GIVEN, "stack_vpc_id": "10.0.0.0/16"}, ("stack_vpc_id: '10.0.0.0/16'", "one such as vpc-")),
    ("stack", {"stack_vpc_id": "vpc-1"}, ("stack_private_subnet_ids: is empty", "name the subnets")),
    ("stack", {"stack_private_subnet_ids": ["subnet-1"]}, ("stack_private_subnet_ids", "give the VPC too")),
    ("stack", {**GIVEN, "stack_private_subnet_ids": ["x"]}, ("stack_private_subnet_ids: 'x'", "such as subnet-")),
    ("stack", {**GIVEN, "stack_security_group_ids": {"web": "sg-1"}}, ("'web' is not a use", "alb, ecs, rds")),
    ("stack", {**GIVEN, "stack_security_group_ids": {"alb": "web"}}, ("stack_security_group_ids: 'web'", "sg-")),
    ("stack", {**GIVEN, "stack_db_instance": "team-db"}, ("stack_db_master_secret_arn", "give both")),
    ("stack", {**GIVEN, "stack_db_master_secret_arn": SECRET}, ("stack_db_instance", "give both")),
    ("stack", {**GIVEN, "stack_target_group_arn": "mlflow"}, ("stack_target_group_arn: 'mlflow'", "targetgroup/")),
    ("stack", {"stack_tags": {"a*": "x"}}, ("stack_tags: the key 'a*' contains '*'", "use letters, digits")),
    ("stack", {"stack_tags": {"a": "50%"}}, ("stack_tags: the value of 'a', '50%', contains '%'", "use letters")),
    ("stack", {"stack_tags": {"a": "x\ty"}}, ("stack_tags: the value of 'a'", r"contains '\t'")),
    ("stack", {"stack_tags": {"AWS:team": "x"}}, ("stack_tags: the key 'AWS:team' begins with aws:", "another")),
    ("stack", {"stack_tags": {"Rds:owner": "x"}}, ("the key 'Rds:owner' begins with rds:, which RDS keeps", "another")),
    ("stack", {"stack_tags": {"a": "aws:cdk"}}, ("the value of 'a', 'aws:cdk', begins with aws:, which AWS", "choose")),
    ("stack", {"stack_tags": {"a": "RDS:x"}}, ("the value of 'a', 'RDS:x', begins with rds:, which RDS", "choose")),
    ("stack", {"stack_tags": {"MLflow:Stack": "x"}}, ("'MLflow:Stack' is set by", "as mlflow:stack, and to IAM", "re")),
    ("stack", {"stack_tags": {"name": "x"}}, ("'name' is set by the collection itself as Name", "remove it")),
    ("stack", {"stack_tags": {"MLflow:Tags2": "x"}}, ("'MLflow:Tags2' is set by the collection itself", "remove it")),
    ("stack", {"stack_tags": {"": "x"}}, ("stack_tags: the key '' has 0 characters", "1 to 128")),
    ("stack", {"stack_tags": {"k" * 129: "x"}}, ("stack_tags: the key 'kkk", "has 129 characters", "1 to 128")),
    ("stack", {"stack_tags": {"a": "v" * 257}}, ("stack_tags: the value of 'a' has 257 characters", "at most 256")),
    ("stack", {"stack_tags": {"a": None}}, ("stack_tags: the tag 'a' has no value", "or '' for an empty one")),
    ("stack", {"stack_tags": {1: "x"}}, ("stack_tags: the key 1 is not a text", "quote it: '1'")),
    ("stack", {"stack_tags": {"Release": 1.1}}, ("the value of 'Release', 1.1, is a number", "quote it: '1.1'")),
    ("stack", {"stack_tags": {"a": ["x"]}}, ("stack_tags: the value of 'a' is ['x']", "a tag takes a text")),
    ("stack", {"stack_tags": {"Team": "a", "team": "b"}}, ("['Team', 'team'] differ in their case", "keep one")),
    ("stack", {"stack_tags": {f"k{n}": "v" for n in range(46)}}, ("stack_tags: has 46 tags", "at most 45")),
    ("stack", {"stack_http_port": 443}, ("stack_http_port: 443 is the port of HTTPS", "use 80")),
    ("stack", {"stack_account_id": "12345"}, ("stack_account_id: '12345'", "12 digits in quotes")),
    ("stack", {"stack_name": True}, ("stack_name: is true to YAML", "quote it")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_permissions_boundary": "mlflow-boundary"},
        ("ecs_mlflow_permissions_boundary: 'mlflow-boundary' is not the ARN", "or leave it empty"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_keep_revisions": 1}, ("ecs_mlflow_keep_revisions: 1 leaves no", "at least 2")),
    # mlflow_access
    ("mlflow_access", {"mlflow_access_users": ["alice"]}, ("[0]: 'alice' is not a mapping", "as {name: alice}")),
    ("mlflow_access", {"mlflow_access_users": [{"name": False}]}, ("[0].name: is false to YAML", "quote it")),
    (
        "mlflow_access",
        {"mlflow_access_users": [{"name": "a", "state": "gone"}]},
        ("mlflow_access_users[0].state: 'gone' is not one of present, absent",),
    ),
    (
        "mlflow_access",
        {"mlflow_access_users": [{"name": "alice"}], "mlflow_access_roles": [{"name": "r", "members": ["alcie"]}]},
        ("mlflow_access_roles[0].members: 'alcie' is not in mlflow_access_users", "correct the name, or add"),
    ),
    (
        "mlflow_access",
        {
            "mlflow_access_users": [{"name": "alice", "state": "absent"}],
            "mlflow_access_permissions": [{"user": "alice", "permissions": []}],
        },
        ("mlflow_access_permissions[0].user: 'alice' is not in mlflow_access_users", "add the user there"),
    ),
    (
        "mlflow_access",
        {"mlflow_access_users": [{"is_admin": True}]},
        ("mlflow_access_users[0].name: has no value", "give it one"),
    ),
    (
        "mlflow_access",
        {
            "mlflow_access_users": [{"name": "bob"}, {"name": "al", "state": "absent"}],
            "mlflow_access_env_users": ["al"],
        },
        ("mlflow_access_env_users: 'al' is not in mlflow_access_users", "leave the name out"),
    ),
    *(
        (
            "mlflow_access",
            {"mlflow_access_users": [{"name": "alice"}, {"name": "root", **more}], "stack_admin_username": "root"},
            ("mlflow_access_users[1].name: 'root' is the admin (stack_admin_username)", "/mlflow/admin", "take it out"),
        )
        for more in ({}, {"is_admin": False}, {"state": "absent"})
    ),
    (
        "mlflow_access",
        {"mlflow_access_env_users": ["admin"]},
        ("mlflow_access_env_users: 'admin' is the admin", "mlflow.env", "leave the name out"),
    ),
    (
        "mlflow_access",
        {"mlflow_access_users": [{"nam": "x"}]},
        ("mlflow_access_users[0]: 'nam' is not a key", "use name, is"),
    ),
    ("mlflow_access", {"mlflow_access_users": [{"name": "a:b"}]}, ("mlflow_access_users[0].name contains a colon",)),
    (
        "mlflow_access",
        {"mlflow_access_users": [{"name": "alice"}, {"name": "bob"}, {"name": "alice"}]},
        ("mlflow_access_users: alice is listed twice", "keep one"),
    ),
    (
        "mlflow_access",
        {"mlflow_access_registered_models": [{"name": "a/b"}]},
        ("mlflow_access_registered_models[0].name contains / or :",),
    ),
    (
        "mlflow_access",
        {"mlflow_access_roles": [{"name": "__user_7__"}]},
        ("role __user_7__", "give another name"),
    ),
    (
        "mlflow_access",
        {"mlflow_access_roles": [{"name": "r", "permissions": [{"resource_type": "table", "permission": "READ"}]}]},
        ("mlflow_access_roles[0].permissions[0].resource_type: 'table'", "use one"),
    ),
    (
        "mlflow_access",
        {
            "mlflow_access_permissions": [
                {"user": "admin", "permissions": [{"resource_type": "run", "permission": "OWN"}]}
            ]
        },
        ("mlflow_access_permissions[0].permissions[0].permission: 'OWN'", "use one"),
    ),
    (
        "mlflow_access",
        {"mlflow_access_permissions": [{"user": "admin", "permissions": [{"type": "run"}]}]},
        ("mlflow_access_permissions[0].permissions[0]: type is not known", "use resource_type"),
    ),
    (
        "mlflow_access",
        {
            "mlflow_access_permissions": [
                {"user": "admin", "permissions": [{"resource_type": "experiment", "permission": "READ"}]}
            ]
        },
        ("mlflow_access_permissions[0].permissions[0]: a permission on experiment needs one of name and id",),
    ),
    # network
    (
        "network",
        {"network_ingress_cidrs": ["203.0.113.7"]},
        ("network_ingress_cidrs: '203.0.113.7'", "is written as 203.0.113.7/32"),
    ),
    ("network", {"network_cidr": "10.0.0.0"}, ("network_cidr: 10.0.0.0 is a /32", "/16 to /28")),
    ("network", {"network_cidr": "10.0.0.0/33"}, ("network_cidr: '10.0.0.0/33'", "such as 10.0.0.0/16")),
    ("network", {"network_cidr": "10.0.0.1/16"}, ("network_cidr: '10.0.0.1/16'", "host bits", "such as")),
    ("network", {"network_cidr": "fd00::/56"}, ("network_cidr: 'fd00::/56'", "IPv4")),
    ("network", {"network_cidr": "10.0.0.0/8"}, ("network_cidr: 10.0.0.0/8 is a /8", "/16 to /28")),
    (
        "network",
        {"network_private_cidrs": [OTHER, "10.0.1.128/25"]},
        ("network_public_cidrs[0] and network_private_cidrs[1]", "10.0.1.128/25 overlap", "a block of its own"),
    ),
    (
        "network",
        {"network_public_cidrs": ["10.0.1.0/24", "10.1.0.0/24"]},
        ("network_public_cidrs[1]: 10.1.0.0/24", "outside network_cidr 10.0.0.0/16", "within it"),
    ),
    (
        "network",
        {"network_public_cidrs": ["10.0.1.0/24", "10.0.2.0/29"]},
        ("network_public_cidrs[1]: 10.0.2.0/29", "/28"),
    ),
    (
        "network",
        {"network_public_cidrs": ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"]},
        ("network_public_cidrs and network_private_cidrs", "(3 and 2)", "one of both"),
    ),
    (
        "network",
        {"network_zones": ["eu-west-2a", "eu-west-2a"]},
        ("network_zones", "['eu-west-2a', 'eu-west-2a']", "name each once"),
    ),
    ("network", {"network_ingress_cidrs": ["everyone"]}, ("network_ingress_cidrs: 'everyone'", "use 0.0.0.0/0")),
    ("network", {"network_ingress_cidrs": []}, ("network_ingress_cidrs: is empty", "or [0.0.0.0/0] for the whole")),
    ("network", {"network_ingress_cidrs": ["2001:db8::/32"]}, ("'2001:db8::/32' is IPv6", "remove it")),
    (
        "network",
        {
            "network_cidr": "127.0.0.0/16",
            "network_public_cidrs": ["127.0.1.0/24", "127.0.2.0/24"],
            "network_private_cidrs": ["127.0.3.0/24", "127.0.4.0/24"],
        },
        ("network_cidr: 127.0.0.0/16 lies in 127.0.0.0/8", "use a private block"),
    ),
    (
        "network",
        {"network_public_cidrs": ["10.0.1.0/28", "10.0.2.0/24"]},
        ("network_public_cidrs[0]: 10.0.1.0/28 is too small for a load balancer", "/27 or larger"),
    ),
    ("network", {"network_nat": "two"}, ("network_nat: 'two'", "one of single, per_zone")),
    ("network", {"network_zones": {"a": 1}}, ("network_zones: '{'a': 1}'", "a list")),
    # secrets
    ("stack", {"stack_admin_username": "1"}, ("stack_admin_username: '1'", "start with a letter")),
    ("stack", {"stack_admin_username": "a" * 129}, ("stack_admin_username: 'aaa", "at most 128")),
    ("secrets", {"secrets_database_username": "ml flow"}, ("secrets_database_username: 'ml flow'", "use only letters")),
    ("secrets", {"secrets_master_username": "rdsadmin"}, ("secrets_master_username: 'rdsadmin'", "RDS keeps")),
    ("secrets", {"secrets_master_username": "admin"}, ("secrets_master_username: 'admin'", "and not admin")),
    ("secrets", {"secrets_master_username": "User"}, ("secrets_master_username: 'User' is a key word", "choose")),
    ("secrets", {"secrets_master_username": "rds_superuser"}, ("'rds_superuser' is a name that", "choose another")),
    *(
        ("secrets", {"secrets_database_username": name}, (f"secrets_database_username: '{name}' is a name", "choose"))
        for name in ("pg_x", "rdsadmin", "rds_superuser", "public", "None", "postgres")
    ),
    (
        "ecs_mlflow",
        {"ecs_mlflow_environment": {"LONG": "x" * 8000, "A": "b"}},
        ("ecs_mlflow_environment: names and values have 8006 characters", "keep to 8000", "as long as LONG"),
    ),
    ("secrets", {"secrets_master_username": "a-b"}, ("secrets_master_username: 'a-b'", "use 1 to 63")),
    ("secrets", {"secrets_master_username": "mlflow"}, ("secrets_database_username: 'mlflow'", "choose another")),
    ("secrets", {"secrets_kms_key_id": "alias/mlflow"}, ("secrets_kms_key_id: 'alias/mlflow'", "use one such as arn:")),
    ("secrets", {"secrets_recovery_window": 3}, ("secrets_recovery_window: 3", "use 7 to 30, or 0")),
    # rds
    ("rds", {"rds_engine_version": "fifteen"}, ("rds_engine_version: 'fifteen'", "use one such as 15")),
    ("rds", {"rds_engine_version": "15.4.1"}, ("rds_engine_version: '15.4.1'", "use one such as 15")),
    # 15.10 without quotes.
    ("rds", {"rds_engine_version": 15.1}, ("rds_engine_version: 15.1 is a number to YAML", "'15.10' if that is")),
    ("rds", {"rds_parameters": {"work_mem": None}}, ("rds_parameters.work_mem: None", "give a number or a text")),
    (
        "rds",
        {"rds_kms_key_id": "arn:aws:kms:us-east-1:123456789012:key/0a1b"},
        ("rds_kms_key_id: arn:aws:kms:us-east-1:", "is a key of us-east-1, and the stack lies in eu-west-2"),
    ),
    ("rds", {"rds_instance_class": "t3.micro"}, ("rds_instance_class: 't3.micro'", "use one such as db.t3.micro")),
    ("rds", {"rds_allocated_storage": 5}, ("rds_allocated_storage: 5", "20 to 65536")),
    ("rds", {"rds_max_allocated_storage": 21}, ("rds_max_allocated_storage: 21", "raise it", "0")),
    ("rds", {"rds_backup_retention_days": 36}, ("rds_backup_retention_days: 36", "0 to 35")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_tracking_database": "postgres"},
        ("ecs_mlflow_tracking_database: 'postgres'", "no name that"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_auth_database": "ml-auth"}, ("ecs_mlflow_auth_database: 'ml-auth'", "underscores")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_auth_database": "mlflow_db"},
        ("ecs_mlflow_auth_database: 'mlflow_db'", "give each its own"),
    ),
    (
        "rds",
        {"rds_kms_key_id": "0a1b2c3d"},
        ("rds_kms_key_id: '0a1b2c3d'", "use one such as arn:", "or leave it empty"),
    ),
    ("rds", {"rds_storage_type": "io9"}, ("rds_storage_type: 'io9'", "one of gp2, gp3")),
    ("rds", {"rds_multi_az": "maybe"}, ("rds_multi_az: 'maybe'", "true or false")),
    # storage
    ("storage", {"storage_bucket": "My_Bucket"}, ("storage_bucket: 'My_Bucket'", "lower-case letters")),
    ("storage", {"storage_bucket": "a.b.c"}, ("storage_bucket: 'a.b.c'", "hyphens")),
    ("storage", {"storage_bucket": "xn--models"}, ("storage_bucket: 'xn--models' begins or ends", "choose another")),
    ("storage", {"storage_bucket": "models-s3alias"}, ("'models-s3alias' begins or ends", "choose another")),
    ("storage", {"storage_bucket": "ab"}, ("storage_bucket: 'ab'", "3 to 63")),
    (
        "storage",
        {"storage_kms_key_id": "arn:aws:kms:eu-west-2:123456789012:alias/mlflow"},
        ("storage_kms_key_id: 'arn:aws:kms:eu-west-2:123456789012:alias/mlflow'", "use one such as arn:"),
    ),
    ("stack", {"stack_artifact_prefix": "/mlflow"}, ("stack_artifact_prefix: '/mlflow'", "without a leading")),
    ("stack", {"stack_artifact_prefix": "*"}, ("stack_artifact_prefix: '*'", "use one such as")),
    ("stack", {"stack_artifact_prefix": "a" * 257}, ("stack_artifact_prefix: has 257 characters", "at most 256")),
    ("stack", {"stack_artifact_prefix": "a/../b"}, ("stack_artifact_prefix: 'a/../b'", "use one such as")),
    (
        "storage",
        {"storage_former_kms_key_ids": ["alias/mlflow"]},
        ("storage_former_kms_key_ids[0]: 'alias/mlflow'", "use one such as arn:"),
    ),
    ("storage", {"storage_noncurrent_days": 0}, ("storage_noncurrent_days: 0", "use 1 or more")),
    # alb
    ("alb", {"alb_health_interval": 4, "alb_health_timeout": 2}, ("alb_health_interval: 4", "5 to 300", "choose")),
    ("alb", {"alb_health_timeout": 10}, ("alb_health_timeout: 10", "alb_health_interval (10 s)", "lower it")),
    ("alb", {"alb_deregistration_delay": 3601}, ("alb_deregistration_delay: 3601", "0 to 3600")),
    ("alb", {"alb_scheme": "private"}, ("alb_scheme: 'private'", "one of internet-facing, internal")),
    # ecs_mlflow
    ("ecs_mlflow", {"ecs_mlflow_desired_count": "two"}, ("ecs_mlflow_desired_count: 'two'", "a whole number")),
    ("ecs_mlflow", {"ecs_mlflow_desired_count": 0}, ("ecs_mlflow_desired_count: 0", "use 1 or more")),
    ("ecs_mlflow", {"ecs_mlflow_desired_count": 7}, ("ecs_mlflow_desired_count: 7", "ecs_mlflow_max_count (3)")),
    ("ecs_mlflow", {"ecs_mlflow_min_count": 9}, ("ecs_mlflow_min_count and", "9 to 3", "set 1 <=")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_memory": 8192},
        ("ecs_mlflow_cpu 512 and ecs_mlflow_memory 8192", "Fargate offers 1024 to 4096"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_cpu": 500}, ("ecs_mlflow_cpu 500", "Fargate offers 256, 512")),
    ("ecs_mlflow", {"ecs_mlflow_cpu": 0.5}, ("ecs_mlflow_cpu: '0.5'", "a whole number")),
    ("ecs_mlflow", {"ecs_mlflow_version": "latest"}, ("ecs_mlflow_version: 'latest'", "such as 3.17.2")),
    ("ecs_mlflow", {"ecs_mlflow_version": "2.9.2"}, ("ecs_mlflow_version: 2.9.2", "use 3.17.2")),
    ("ecs_mlflow", {"ecs_mlflow_workers": 4}, ("ecs_mlflow_workers: 4", "1024 MiB", "lower ecs_mlflow_workers")),
    ("ecs_mlflow", {"ecs_mlflow_workers": -1}, ("ecs_mlflow_workers: -1", "use 1 or more workers, or 0")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_autoscaling_memory": 79},
        ("ecs_mlflow_autoscaling_memory: 79 percent", "2 workers holds 71 percent", "set it to 80 or more, to 0"),
    ),
    (
        "ecs_mlflow",
        {"ecs_mlflow_autoscaling_memory": 100, "ecs_mlflow_memory": 512, "ecs_mlflow_cpu": 256},
        ("ecs_mlflow_autoscaling_memory: 100 percent", "holds 91 percent", "; set it to 0", "raise ecs_mlflow_memory"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_stop_timeout": 121}, ("ecs_mlflow_stop_timeout: 121", "2 to 120")),
    ("ecs_mlflow", {"ecs_mlflow_start_period": 301}, ("ecs_mlflow_start_period: 301", "0 to 300")),
    ("ecs_mlflow", {"ecs_mlflow_rollout_timeout": 0}, ("ecs_mlflow_rollout_timeout: 0", "use 1 or more")),
    ("ecs_mlflow", {"ecs_mlflow_sslmode": "verify-full"}, ("ecs_mlflow_sslmode: 'verify-full'", "of prefer, require")),
    ("ecs_mlflow", {"ecs_mlflow_image": None}, ("ecs_mlflow_image: has no value", "remove it to have")),
    ("ecs_mlflow", {"ecs_mlflow_image": ["python"]}, ("ecs_mlflow_image: '['python']'", "a text")),
    ("ecs_mlflow", {"ecs_mlflow_allowed_hosts": {"a": 1}}, ("ecs_mlflow_allowed_hosts: ", "a list")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_image": "python: 3.11"},
        ("ecs_mlflow_image: 'python: 3.11' is not an image", "such as"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_image": "Python:3.11"}, ("'Python:3.11' is not an image reference", "lower case")),
    ("ecs_mlflow", {"ecs_mlflow_image": "https://a.b/c:1"}, ("'https://a.b/c:1' is a URL", "leave out the scheme")),
    ("ecs_mlflow", {"ecs_mlflow_image": "a.b/library/python:3.10-slim"}, ("has Python 3.10", "3.11 or newer; use")),
    ("ecs_mlflow", {"ecs_mlflow_image": "python:2"}, ("has Python 2,", "3.11 or newer; use public")),
    ("ecs_mlflow", {"ecs_mlflow_version": 3.17}, ("ecs_mlflow_version: 3.17 is a number to YAML", "quote it: '3.17'")),
    ("ecs_mlflow", {"ecs_mlflow_index_url": "pypi.example.org"}, ("'pypi.example.org' is not a URL", "such as https:")),
    ("ecs_mlflow", {"ecs_mlflow_index_url": "https://a:b@c.org"}, ("ecs_mlflow_index_url: contains a login", "remove")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_allowed_hosts": ["https://mlflow.example.org/"]},
        ("ecs_mlflow_allowed_hosts[0]: 'https://mlflow.example.org/' is a URL", "alone: mlflow.example.org"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_allowed_hosts": ["a.org,b.org"]}, ("'a.org,b.org' is not a host name", "use one such")),
    ("ecs_mlflow", {"ecs_mlflow_cors_origins": ["a.org"]}, ("ecs_mlflow_cors_origins[0]: 'a.org' is not an origin",)),
    ("ecs_mlflow", {"ecs_mlflow_cors_origins": ["https://a.org/"]}, ("'https://a.org/' is not an origin", "path")),
    ("ecs_mlflow", {"ecs_mlflow_cors_origins": ["*"]}, ("'*' would let every web page", "list the origins")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_environment": {"MLFLOW_BACKEND_STORE_URI": "x"}},
        ("ecs_mlflow_environment.MLFLOW_BACKEND_STORE_URI: is set by the collection", "ecs_mlflow_tracking_database"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"HOME": "/x"}}, ("environment.HOME: is set by", "remove it")),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"MLFLOW_AWS_DB_HOST": "x"}}, ("MLFLOW_AWS_DB_HOST: is set by",)),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"MLFLOW_AWS_NEW": "x"}}, ("MLFLOW_AWS_NEW: is set by", "remove it")),
    (
        "ecs_mlflow",
        {"ecs_mlflow_environment": {"MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool"}},
        ("POOLCLASS: is set by the collection itself", "set ecs_mlflow_pool_size instead"),
    ),
    ("ecs_mlflow", {"ecs_mlflow_pool_size": 1}, ("ecs_mlflow_pool_size: 1;", "2 to 100 connections", "choose")),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"AWS_PROFILE": "x"}}, ("AWS_PROFILE: would take", "remove it")),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"A-B": "x"}}, ("'A-B' is not the name of an environment", "use")),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"A": None}}, ("ecs_mlflow_environment.A: has no value", "give it")),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"A": True}}, ("environment.A: True is not a text to YAML", "quote it")),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"A": {"b": 1}}}, ("environment.A: is not a text", "JSON in quotes")),
    # mlflow_access, verify
    ("mlflow_access", {"mlflow_access_url": "mlflow"}, ("mlflow_access_url: 'mlflow'", "use one such as https://")),
    ("mlflow_access", {"mlflow_access_url": "http://x:1:2"}, ("mlflow_access_url: 'http://x:1:2'", "use one such")),
    ("mlflow_access", {"mlflow_access_wait_timeout": -1}, ("mlflow_access_wait_timeout: -1", "use 0 or more")),
    ("verify", {"verify_logins": 1}, ("verify_logins: 1", "use 2 to 100")),
    ("verify", {"verify_logins": 101}, ("verify_logins: 101", "use 2 to 100")),
    ("verify", {"verify_certificate_days": -1}, ("verify_certificate_days: -1", "use 0 to 3650")),
    ("verify", {"verify_latency_requests": 1001}, ("verify_latency_requests: 1001", "use 0 to 1000")),
    ("verify", {"verify_latency_p95_ms": -1}, ("verify_latency_p95_ms: -1", "use 0 to 600000")),
    ("verify", {"verify_certificate_arn": "mine"}, ("verify_certificate_arn: 'mine'", "use one such as arn:aws:acm")),
    ("verify", {"verify_stages": ["helth"]}, ("verify_stages[0]: 'helth' is not one of", "health")),
    ("verify", {"verify_wait_timeout": -5}, ("verify_wait_timeout: -5", "use 0 or more")),
]


@pytest.mark.parametrize("role", ALL_ROLES)
def test_defaults_are_right(role: str) -> None:
    assert input_problems(role) == []


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
@pytest.mark.parametrize("role", ["rds", "secrets", "storage"])
def test_the_arn_of_a_key_is_right(role: str, partition: str) -> None:
    arn = f"arn:{partition}:kms:eu-west-2:123456789012:key/mrk-0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    assert input_problems(role, **{f"{role}_kms_key_id": arn}) == []


def test_every_role_is_checked() -> None:
    assert sorted(problems.INPUT_CHECKS) == ALL_ROLES
    assert {role for role, _overrides, _says in WRONG} == set(ALL_ROLES)


@pytest.mark.parametrize(
    ("role", "overrides", "says"), WRONG, ids=[f"{next(iter(row[1]))}={next(iter(row[1].values()))}" for row in WRONG]
)
def test_one_message_with_variable_value_and_remedy(role: str, overrides: dict[str, Any], says: Says) -> None:
    found = input_problems(role, **overrides)

    assert len(found) == 1, found
    assert [text for text in says if text not in found[0]] == [], found[0]
    assert "\n" not in found[0]


@pytest.mark.parametrize(
    "given_by",
    [
        {"stack_vpc_id": "vpc-1", "stack_security_group_ids": {"alb": "sg-1"}},
        {"stack_vpc_id": "vpc-1", "stack_target_group_arn": "arn"},
    ],
)
def test_who_may_reach_a_load_balancer_of_others_is_theirs_to_say(given_by: dict[str, Any]) -> None:
    assert input_problems("network", network_ingress_cidrs=[], **given_by) == []


def test_the_admin_is_no_user_whose_secret_can_be_rotated() -> None:
    own = everything(stack_admin_username="root")
    (found,) = mlflow_access.rotation_problems(["alice", "root"], own)
    assert "rotate_users: 'root' is the admin" in found
    assert "fraud-scoring-mlflow/mlflow/admin" in found
    assert "rotate.yml --tags admin" in found
    assert mlflow_access.rotation_problems(["Root", "admin"], own) == []


def test_a_user_whose_name_differs_from_the_admins_in_case_is_another_one() -> None:
    assert input_problems("mlflow_access", mlflow_access_users=[{"name": "Admin"}]) == []


WORLD = {"network_ingress_cidrs": ["0.0.0.0/0"]}
TEAM = {"name": "team", "permissions": [{"resource_type": "workspace", "permission": "USE"}]}


@pytest.mark.parametrize(
    ("role", "overrides", "says"),
    [
        (
            "stack",
            {"stack_adopt": ["IAM role", "x"]},
            ("stack_adopt: IAM role, x", "needed for one run", "take it out"),
        ),
        ("network", WORLD, ("0.0.0.0/0", "plain HTTP", "restrict network_ingress_cidrs", "stack_target_group_arn")),
        ("network", {"network_ingress_cidrs": ["10.0.0.0/8", "128.0.0.0/1", "0.0.0.0/1"]}, ("whole internet",)),
        ("network", {"network_cidr": "172.17.0.0/16"}, ("172.17.0.0/16, which Docker", "use another private block")),
        ("network", {"network_cidr": "8.8.0.0/16"}, ("network_cidr 8.8.0.0/16 is not private", "such as 10.0.0.0/16")),
        ("ecs_mlflow", {"ecs_mlflow_version": "2.18.0"}, ("MLflow 2.18.0", "is end-of-life", "to 3.17.2")),
        (
            "mlflow_access",
            {"mlflow_access_roles": [TEAM]},
            ("mlflow_access_roles[0] (team)", "USE on workspace", "all experiments", "what they work on instead"),
        ),
    ],
)
def test_an_insecure_setting_is_one_sentence(role: str, overrides: dict[str, Any], says: Says) -> None:
    (message,) = warnings.WARNINGS[role](everything(**overrides))
    assert [text for text in says if text not in message] == [], message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("role", "overrides"),
    [
        ("network", {}),
        ("network", {"network_ingress_cidrs": ["0.0.0.0/1"]}),
        ("network", {**WORLD, "alb_scheme": "internal"}),
        ("network", {**WORLD, "stack_target_group_arn": "arn"}),
        ("network", {**WORLD, "stack_security_group_ids": {"alb": "sg-1"}}),
        ("network", {"network_ingress_cidrs": ["everybody"]}),
        ("network", {"network_cidr": "172.18.0.0/16"}),
        ("network", {"network_cidr": "8.8.0.0/16", "stack_vpc_id": "vpc-1"}),
        ("ecs_mlflow", {}),
        ("ecs_mlflow", {"ecs_mlflow_version": "3.16.1"}),
        ("ecs_mlflow", {"ecs_mlflow_version": "latest"}),
        ("mlflow_access", {}),
        ("mlflow_access", {"mlflow_access_roles": [{**TEAM, "state": "absent"}]}),
        (
            "mlflow_access",
            {
                "mlflow_access_roles": [
                    {"name": "r", "permissions": [{"resource_type": "experiment", "name": "x", "permission": "READ"}]}
                ]
            },
        ),
    ],
)
def test_no_warning_of_what_is_safe(role: str, overrides: dict[str, Any]) -> None:
    assert warnings.WARNINGS[role](everything(**overrides)) == []


RIGHT: list[tuple[str, dict[str, Any]]] = [
    (
        "stack",
        {
            "stack_tags": {
                "Cost Center": "a-b_c.d:e/f=g+h@i",
                "Empty": "",
                "Number": 7,
                "rds": "x",
                "awsome": "a aws:",
                "Größe": "é",
            }
        },
    ),
    ("stack", {"stack_account_id": "012345678901"}),
    ("ecs_mlflow", {"ecs_mlflow_image": "123456789012.dkr.ecr.eu-west-2.amazonaws.com/team/mlflow:2026.11-1"}),
    ("ecs_mlflow", {"ecs_mlflow_image": f"localhost:5000/mlflow@sha256:{'0a' * 32}"}),
    ("ecs_mlflow", {"ecs_mlflow_image": "python:3-slim"}),
    ("ecs_mlflow", {"ecs_mlflow_autoscaling_memory": 80}),
    ("ecs_mlflow", {"ecs_mlflow_autoscaling_memory": 1, "ecs_mlflow_autoscaling": False}),
    ("ecs_mlflow", {"ecs_mlflow_image": "python:slim"}),
    ("ecs_mlflow", {"ecs_mlflow_image": "python:3.13.1"}),
    ("ecs_mlflow", {"ecs_mlflow_index_url": "https://pypi.example.org/simple/"}),
    ("ecs_mlflow", {"ecs_mlflow_allowed_hosts": ["mlflow.example.org", "*.example.org", "10.0.0.7:8080", "a:*"]}),
    ("ecs_mlflow", {"ecs_mlflow_cors_origins": ["https://notebooks.example.org", "http://localhost:3000"]}),
    ("ecs_mlflow", {"ecs_mlflow_environment": {"MLFLOW_LOGGING_LEVEL": "DEBUG", "OTEL_PORT": 4317, "E": ""}}),
    ("mlflow_access", {"mlflow_access_roles": [{"name": "r", "members": ["admin"]}]}),
    (
        "mlflow_access",
        {"mlflow_access_permissions": [{"user": "gone", "permissions": [], "state": "absent"}]},
    ),
    ("storage", {"storage_bucket": "my--models"}),
]


@pytest.mark.parametrize(("role", "overrides"), RIGHT, ids=[str(next(iter(row[1].values()))) for row in RIGHT])
def test_what_is_right_is_not_refused(role: str, overrides: dict[str, Any]) -> None:
    assert input_problems(role, **overrides) == []


def test_all_that_the_server_is_given_in_place_of_other_values_is_refused() -> None:
    """By ``ours`` of the program in the task: another value would be lost without a word."""
    source = (ROLES / "ecs_mlflow" / "files" / "mlflow_aws" / "serve.py").read_text(encoding="utf-8")
    names = re.findall(r'^ {8}"(\w+)":', source.partition("    ours = {")[2].partition("\n    }")[0], re.MULTILINE)
    assert "MLFLOW_BACKEND_STORE_URI" in names
    for name in names:
        (message,) = input_problems("ecs_mlflow", ecs_mlflow_environment={name: "x"})
        assert message.startswith(f"ecs_mlflow_environment.{name}: is set by the collection itself")


def test_all_that_the_role_gives_the_task_is_refused_in_the_added_environment() -> None:
    """It is combined with the added one, which would win."""
    found = definitions(stack(ecs_mlflow_environment={})).values()
    containers = [one for definition in found for one in definition.containers]
    names = {name for one in containers for key in ("environment", "secrets") for name in one.get(key, {})}
    names -= {"PIP_INDEX_URL", "UV_INDEX_URL"}
    assert len(names) > 20
    assert [one for one in names if not input_problems("ecs_mlflow", ecs_mlflow_environment={one: "x"})] == []


def test_a_login_in_a_url_is_not_repeated() -> None:
    hidden = "".join(["s", "3", "cr", "et"])
    (message,) = input_problems("mlflow_access", mlflow_access_url=f"https://admin:{hidden}@mlflow.example.org")
    assert hidden not in message
    assert message.startswith("mlflow_access_url: contains a login")


def test_a_wrong_type_does_not_hide_wrong_values_of_the_same_role() -> None:
    found = input_problems("rds", rds_multi_az="maybe", rds_backup_retention_days=99)
    assert [message.split(":")[0] for message in found] == ["rds_multi_az", "rds_backup_retention_days"]


def test_a_wrong_type_has_no_consequences_of_its_own() -> None:
    """With the default in its place, ecs_mlflow_max_count would be said to be too low."""
    (message,) = input_problems(
        "ecs_mlflow", ecs_mlflow_desired_count="two", ecs_mlflow_min_count=1, ecs_mlflow_max_count=1
    )
    assert message.startswith("ecs_mlflow_desired_count: 'two' is not a whole number")


@pytest.mark.parametrize("role", ALL_ROLES)
def test_descriptions_in_sentences_have_no_markup(role: str) -> None:
    # The default of stack_output_dir cannot be worked out here (see REQUIRED).
    for name in set(options(role)) - {"stack_output_dir"}:
        told = [text for text in input_problems(role, **{name: None}) if text.startswith(f"{name}: has no value")]
        assert len(told) == 1
        assert not re.findall(r"\b[A-Z]{1,2}\(", told[0]), told


def test_several_wrong_variables_are_all_named() -> None:
    found = input_problems("rds", rds_instance_class="big", rds_backup_retention_days=99)
    assert [message.split(":")[0] for message in found] == ["rds_instance_class", "rds_backup_retention_days"]


def test_numbers_in_texts_are_numbers() -> None:
    """``-e ecs_mlflow_desired_count=3`` is a text to Ansible."""
    assert input_problems("ecs_mlflow", ecs_mlflow_desired_count="3") == []
    assert inputs("ecs_mlflow", ecs_mlflow_desired_count="3")["ecs_mlflow_desired_count"] == 3


@pytest.mark.parametrize("role", ALL_ROLES)
def test_what_a_survey_gives_is_what_the_inventory_says(role: str) -> None:
    """A survey of AWX and ``-e variable=value`` give texts: numbers and booleans in them are as good."""
    own = inputs(role)
    texts = {name: str(value).lower() for name, value in own.items() if isinstance(value, (bool, int))}
    assert input_problems(role, **texts) == []
    assert inputs(role, **texts) == own


@pytest.mark.parametrize(
    ("role", "variable", "text"),
    [
        ("network", "network_ingress_cidrs", "10.0.0.0/8"),
        ("network", "network_public_cidrs", "10.0.1.0/24,10.0.2.0/24"),
        ("network", "network_zones", '["eu-west-2a", "eu-west-2b"]'),
        ("network", "network_zones", ""),
        ("ecs_mlflow", "ecs_mlflow_environment", '{"A": "1"}'),
        ("ecs_mlflow", "ecs_mlflow_environment", "A=1"),
        ("stack", "stack_tags", "Team=red"),
        ("rds", "rds_parameters", "rds.force_ssl=1"),
    ],
)
def test_a_list_or_a_mapping_in_a_text_is_refused(role: str, variable: str, text: str) -> None:
    (message,) = input_problems(role, **{variable: text})
    kind = options(role)[variable]["type"]
    assert message.startswith(f"{variable}: '{text}' is not a {'list' if kind == 'list' else 'mapping'}")
    assert f"give it as JSON: -e '{{\"{variable}\": ...}}'" in message


REGION = {
    "account_id": "123456789012",
    "region": "eu-west-2",
    "zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
    "zones_without_fargate": {},
    "postgres_versions": ["14.9", "15.4", "15.10", "16.3"],
    "bucket": {"name": "fraud-models-test", "state": "absent", "region": None},
}
#: Nothing of the stack exists.
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("network", "secrets", "rds", "storage", "alb")),
    "deleted_secrets": {},
}


def _bucket(state: str, region: str | None) -> dict[str, Any]:
    return {"bucket": {"name": "fraud-models-test", "state": state, "region": region}}


WRONG_HERE: list[tuple[str, dict[str, Any], dict[str, Any], Says]] = [
    (
        "network",
        {"network_zones": ["eu-west-2a", "us-east-1a"]},
        {},
        ("network_zones", "no zone 'us-east-1a'", "it has eu-west-2a, eu-west-2b, eu-west-2c"),
    ),
    (
        "network",
        {"network_zones": ["eu-west-2a", "eu-west-2d"]},
        {"zones_without_fargate": {"eu-west-2d": "euw2-az9"}},
        ("network_zones: Fargate does not run in zone 'eu-west-2d' (euw2-az9)", "choose of eu-west-2a, eu-west-2b"),
    ),
    ("network", {}, {"zones": ["eu-west-2a"]}, ("network_public_cidrs", "2 zones", "offers 1", "list fewer")),
    ("rds", {"rds_engine_version": "15.5"}, {}, ("rds_engine_version", "15.5", "choose one of 15.4, 15.10")),
    ("rds", {"rds_engine_version": "12"}, {}, ("rds_engine_version", "12", "a major version of 14, 15, 16")),
    # "1" is no beginning of "15".
    ("rds", {"rds_engine_version": "1"}, {}, ("rds_engine_version", "PostgreSQL 1;", "a major version of")),
    (
        "storage",
        {},
        _bucket("elsewhere", "us-east-1"),
        ("storage_bucket: 'fraud-models-test' lies in region us-east-1", "choose a bucket in eu-west-2"),
    ),
    (
        "storage",
        {},
        _bucket("foreign", None),
        ("storage_bucket: 'fraud-models-test' exists", "choose another name"),
    ),
    (
        "stack",
        {"stack_account_id": "210987654321"},
        {},
        ("stack_account_id", "account 123456789012, not to 210987654321", "AWS_PROFILE"),
    ),
]


@pytest.mark.parametrize(
    ("role", "overrides", "facts", "says"), WRONG_HERE, ids=[f"{row[0]}-{row[3][0][:30]}" for row in WRONG_HERE]
)
def test_one_message_for_what_the_region_lacks(
    role: str, overrides: dict[str, Any], facts: dict[str, Any], says: Says
) -> None:
    found = problems.ACCOUNT_CHECKS[role](everything(**overrides), {**REGION, **facts}, NOTHING)

    assert len(found) == 1, found
    assert [text for text in says if text not in found[0]] == [], found[0]


@pytest.mark.parametrize("role", sorted(problems.ACCOUNT_CHECKS))
@pytest.mark.parametrize("state", ["absent", "here"])
def test_defaults_fit_the_region(role: str, state: str) -> None:
    assert problems.ACCOUNT_CHECKS[role](everything(), {**REGION, **_bucket(state, "eu-west-2")}, NOTHING) == []


@pytest.mark.parametrize(
    ("wanted", "newest"), [("15", "15.10"), ("15.4", "15.4"), ("16", "16.3"), ("1", None), ("15.1", None)]
)
def test_newest_minor_release_that_is_offered(wanted: str, newest: str | None) -> None:
    assert newest_offered(wanted, REGION["postgres_versions"]) == newest


@pytest.mark.parametrize(("memory", "workers"), [(512, 1), (1024, 2), (2048, 6)])
def test_workers_that_fit(memory: int, workers: int) -> None:
    assert ecs_mlflow.largest_workers(memory) == workers


@given(st.integers(512, 122880))
def test_workers_leave_a_tenth_of_the_memory_free(memory: int) -> None:
    workers = ecs_mlflow.largest_workers(memory)
    assert workers == 1 or 200 + 266 * workers <= memory * 0.9
