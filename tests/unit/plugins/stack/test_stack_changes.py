# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot change on a stack that exists is one sentence: the variable, its value, what exists, the remedy."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems

from tests.unit.plugins.stack.stack_inputs import everything

REGION = {
    "region": "eu-west-2",
    "zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
    "zones_without_fargate": {},
    "postgres_versions": ["14.9", "15.8", "15.12", "15.13", "16.4"],
    "bucket": {"name": "models", "state": "here", "region": "eu-west-2"},
}
NETWORK: dict[str, Any] = {
    "vpc_id": "vpc-1",
    "vpc_ids": ["vpc-1"],
    "cidr_block": "10.0.0.0/16",
    "database_port": 5432,
    "subnets": [
        {
            "id": f"subnet-{tier}-{zone}",
            "cidr": cidr,
            "zone": f"eu-west-2{zone}",
            "tier": tier,
            "mine": tier is not None,
        }
        for tier, zone, cidr in (
            ("public", "a", "10.0.1.0/24"),
            ("public", "b", "10.0.2.0/24"),
            ("private", "a", "10.0.11.0/24"),
            ("private", "b", "10.0.12.0/24"),
            # Somebody else's, with other tags.
            (None, "b", "10.0.99.0/24"),
        )
    ],
}
ALB = {"dns_name": "fraud-alb.example", "scheme": "internet-facing", "target_group_port": 5000}
STORAGE = {
    "bucket": "models",
    "shared_with": [{"stack": "credit", "prefix": "credit"}],
    "adopted": False,
    "kms_key_arn": None,
}
KEY = "arn:aws:kms:eu-west-2:123456789012:key/0a1b2c3d"
OTHER_KEY = "arn:aws:kms:eu-west-2:123456789012:key/ffffffff"
ENCRYPTED = {**STORAGE, "kms_key_arn": KEY}
SECRETS = {
    use: {"name": f"fraud/{use}", "username": user, "kms_key_arn": None, "mine": True}
    for use, user in {"master": "mlflow_master", "database": "mlflow", "admin": "admin", "flask": None}.items()
}
#: The master user's is given together with a database, and has its owner's key.
GIVEN_MASTER = {**SECRETS, "master": {**SECRETS["master"], "username": None, "mine": False}}
RDS = {"instance_id": "fraud-db", "engine_version": "15.12", "kms_key_arn": KEY, "master_username": "mlflow_master"}
RESOURCES: dict[str, Any] = {
    "network": NETWORK,
    "alb": ALB,
    "rds": RDS,
    "storage": STORAGE,
    "secrets": SECRETS,
    "deleted_secrets": {},
}
THREE = {
    "network_zones": ["eu-west-2a", "eu-west-2b", "eu-west-2c"],
    "network_public_cidrs": ["10.0.1.0/24", "10.0.2.0/24", "10.0.3.0/24"],
    "network_private_cidrs": ["10.0.11.0/24", "10.0.12.0/24", "10.0.13.0/24"],
}

RIGHT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("rds", {"stack_recreate_database": True}, {"rds": None}),
    ("network", {}, {}),
    ("alb", {}, {}),
    ("network", THREE, {}),
    # Nothing is there yet, or not all of it.
    ("network", {"network_cidr": "10.9.0.0/16"}, {"network": None}),
    ("network", {"stack_database_port": 5433}, {"rds": None}),
    ("network", {}, {"network": {**NETWORK, "database_port": None, "subnets": []}}),
    ("alb", {"alb_scheme": "internal", "stack_service_port": 5001}, {"alb": None}),
    ("alb", {"alb_scheme": "internal"}, {"alb": {**ALB, "scheme": None}}),
    ("rds", {}, {}),
    ("rds", {"rds_engine_version": "15.12", "rds_kms_key_id": KEY}, {}),
    ("rds", {"rds_engine_version": "15.13"}, {}),
    # RDS has upgraded it since, on its own.
    ("rds", {"rds_engine_version": "15.8"}, {}),
    # What is not the storage may change meanwhile.
    (
        "rds",
        {"rds_allocated_storage": 20, "rds_storage_type": "gp3"},
        {"rds": {**RDS, "status": "storage-optimization", "allocated_storage": 20, "storage_type": "gp3"}},
    ),
    ("rds", {"rds_engine_version": "16", "rds_kms_key_id": "other", "secrets_master_username": "x"}, {"rds": None}),
    ("rds", {"rds_engine_version": "16"}, {"rds": {**RDS, "mine": False}}),
    # Numbers in texts are numbers.
    ("network", {"stack_database_port": "5432"}, {}),
    ("alb", {"stack_service_port": "5000"}, {}),
    ("storage", {}, {}),
    ("storage", {"stack_artifact_prefix": "credit"}, {"storage": None}),
    ("storage", {"stack_artifact_prefix": "credit-2"}, {}),
    ("storage", {"storage_kms_key_id": KEY}, {}),
    ("storage", {"storage_kms_key_id": KEY}, {"storage": None}),
    ("storage", {"storage_kms_key_id": KEY}, {"storage": ENCRYPTED}),
    ("storage", {"storage_former_kms_key_ids": [KEY]}, {"storage": ENCRYPTED}),
    ("storage", {"storage_kms_key_id": OTHER_KEY, "storage_former_kms_key_ids": [KEY]}, {"storage": ENCRYPTED}),
    # It keeps its owner's.
    ("storage", {}, {"storage": {**ENCRYPTED, "adopted": True}}),
    ("secrets", {}, {}),
    ("secrets", {"stack_admin_username": "boss"}, {"secrets": None}),
    ("secrets", {"stack_admin_username": "boss"}, {"secrets": {**SECRETS, "admin": None}}),
    # Nobody asks for another key, and nobody has said whose it is.
    ("secrets", {}, {"secrets": {use: {**row, "kms_key_arn": KEY, "username": None} for use, row in SECRETS.items()}}),
    ("secrets", {"secrets_kms_key_id": KEY}, {"secrets": {"master": GIVEN_MASTER["master"]}}),
]

#: RDS optimizes for hours after a change of the storage.
OPTIMIZED = {**RDS, "status": "storage-optimization", "allocated_storage": 20, "storage_type": "gp3"}

WRONG: list[tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    (
        "rds",
        {"rds_allocated_storage": 50, "rds_storage_type": "gp3"},
        {"rds": OPTIMIZED},
        ("rds_allocated_storage: 50", "of fraud-db", "storage-optimization", "set it back to 20"),
    ),
    (
        "rds",
        {"rds_allocated_storage": 20, "rds_storage_type": "gp2"},
        {"rds": OPTIMIZED},
        ("rds_storage_type: gp2", "of fraud-db", "when its status is available", "set it back to gp3"),
    ),
    # It would take the guard away for good.
    ("rds", {"stack_recreate_database": True}, {}, ("stack_recreate_database: true", "fraud-db exists", "take it out")),
    (
        "network",
        {},
        {
            "network": {
                **NETWORK,
                "subnets": [*NETWORK["subnets"][1:], {**NETWORK["subnets"][0], "mine": False, "tier": None}],
            }
        },
        ("subnet-public-a has the block 10.0.1.0/24 without the tag", "choose another block"),
    ),
    (
        "network",
        {},
        {"network": {**NETWORK, "vpc_ids": ["vpc-1", "vpc-2"]}},
        ("stack_name: 'fraud' has 2 VPCs, vpc-1, vpc-2", "delete those that are not in use"),
    ),
    (
        "network",
        {"network_cidr": "10.1.0.0/16"},
        {},
        ("network_cidr: 10.1.0.0/16", "the VPC vpc-1 has 10.0.0.0/16", "set it back to 10.0.0.0/16"),
    ),
    (
        "network",
        {"network_public_cidrs": ["10.0.1.0/24", "10.0.4.0/24"]},
        {},
        ("network_public_cidrs: ['10.0.1.0/24', '10.0.4.0/24'] leaves out 10.0.2.0/24", "subnet-public-b", "again"),
    ),
    (
        "network",
        {"network_private_cidrs": ["10.0.11.0/24"]},
        {},
        ("network_private_cidrs", "leaves out 10.0.12.0/24, the block of subnet-private-b in eu-west-2b"),
    ),
    (
        "network",
        {"stack_database_port": 5433},
        {},
        ("stack_database_port: 5433", "fraud-db was made for 5432", "set it back to 5432"),
    ),
    (
        "alb",
        {"alb_scheme": "internal"},
        {},
        ("alb_scheme: 'internal'", "fraud-alb.example is internet-facing", "set it back to internet-facing"),
    ),
    (
        "alb",
        {"stack_service_port": 5001},
        {},
        ("stack_service_port: 5001", "listen at 5000", "set it back to 5000"),
    ),
    ("rds", {"rds_engine_version": "14"}, {}, ("rds_engine_version: 14", "no way back", "set it to 15")),
    (
        "rds",
        {"rds_engine_version": "16.4"},
        {},
        ("rds_engine_version: 16.4", "fraud-db runs 15.12", "set it back to 15", "--allow-major-version-upgrade"),
    ),
    (
        "rds",
        {"rds_kms_key_id": f"{KEY}ffff"},
        {},
        (f"rds_kms_key_id: {KEY}ffff", f"fraud-db is encrypted with {KEY}, which", "set it back"),
    ),
    (
        "rds",
        {"secrets_master_username": "boss"},
        {},
        ("secrets_master_username: 'boss'", "fraud-db is mlflow_master", "set it back to mlflow_master"),
    ),
    (
        "storage",
        {"stack_artifact_prefix": "credit/fraud"},
        {},
        ("stack_artifact_prefix: 'credit/fraud' of bucket models", "stack credit keeps", "choose another prefix"),
    ),
    (
        "storage",
        {},
        {"storage": ENCRYPTED},
        (
            "storage_kms_key_id: ''",
            f"bucket models encrypts with {KEY} so far",
            "list it in storage_former_kms_key_ids",
        ),
    ),
    (
        "storage",
        {"storage_kms_key_id": OTHER_KEY, "storage_former_kms_key_ids": [OTHER_KEY]},
        {"storage": {**ENCRYPTED, "adopted": True}},
        (f"storage_kms_key_id: '{OTHER_KEY}'", f"encrypts with {KEY} so far", "in storage_former_kms_key_ids"),
    ),
    (
        "secrets",
        {"stack_admin_username": "boss"},
        {},
        (
            "stack_admin_username: 'boss'",
            "fraud/admin holds",
            "back to admin and make",
            "users with is_admin",
            "the tag",
        ),
    ),
    (
        "secrets",
        {"secrets_database_username": "other"},
        {},
        ("secrets_database_username: 'other'", "fraud/database holds", "set it back to mlflow", "MLflow's tables"),
    ),
    (
        "secrets",
        {"secrets_master_username": "boss"},
        {},
        ("secrets_master_username: 'boss'", "fraud/master holds", "set it back to mlflow_master"),
    ),
    (
        "secrets",
        {"stack_admin_username": "boss"},
        # Within its recovery window it comes back as it was.
        {"secrets": None, "deleted_secrets": {"admin": SECRETS["admin"]}},
        ("stack_admin_username: 'boss'", "fraud/admin holds", "set it back to admin"),
    ),
    (
        "secrets",
        {"secrets_kms_key_id": KEY},
        {"secrets": GIVEN_MASTER},
        (f"secrets_kms_key_id: {KEY}, but fraud/admin, fraud/database, fraud/flask are", "--secret-id fraud/admin"),
    ),
    (
        "secrets",
        {"secrets_kms_key_id": KEY},
        {"secrets": {use: {**row, "kms_key_arn": KEY if use != "flask" else None} for use, row in SECRETS.items()}},
        ("but fraud/flask is encrypted", f"--region eu-west-2 --secret-id fraud/flask --kms-key-id {KEY}"),
    ),
]


def found(component: str, inputs: dict[str, Any], resources: dict[str, Any]) -> list[str]:
    own = everything(**{"stack_name": "fraud", "storage_bucket": "models", **inputs})
    return problems.ACCOUNT_CHECKS[component](own, REGION, {**RESOURCES, **resources})


@pytest.mark.parametrize(("component", "inputs", "resources"), RIGHT)
def test_can_change(component: str, inputs: dict[str, Any], resources: dict[str, Any]) -> None:
    assert found(component, inputs, resources) == []


@pytest.mark.parametrize(("component", "inputs", "resources", "says"), WRONG)
def test_cannot_change(
    component: str, inputs: dict[str, Any], resources: dict[str, Any], says: tuple[str, ...]
) -> None:
    (message,) = found(component, inputs, resources)
    assert [text for text in says if text not in message] == [], message
    assert "\n" not in message


def test_zones_that_changed_places_name_each_subnet() -> None:
    told = found("network", {"network_zones": ["eu-west-2b", "eu-west-2a"]}, {})
    assert len(told) == 4
    assert "network_zones: eu-west-2b for 10.0.1.0/24" in told[0]
    assert "lies in eu-west-2a" in told[0]


@pytest.mark.parametrize(
    ("component", "given", "inputs"),
    [
        ("network", {"stack_vpc_id": "vpc-9"}, {"network_cidr": "10.1.0.0/16"}),
        ("alb", {"stack_target_group_arn": "arn"}, {"alb_scheme": "internal"}),
        ("rds", {"stack_db_instance": "team-db"}, {"rds_engine_version": "12"}),
    ],
)
def test_what_is_somebody_elses_is_not_held_to_the_variables(
    component: str, given: dict[str, Any], inputs: dict[str, Any]
) -> None:
    nothing = {"rds": None, "secrets": None}
    assert found(component, {**given, **inputs}, nothing) == []
    assert found(component, inputs, nothing) != []
