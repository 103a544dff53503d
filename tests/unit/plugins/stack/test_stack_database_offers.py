# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RDS does not offer in the region is one sentence before the first change: variable, value, remedy."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.database_offers import (
    Database,
    database_offers,
)
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._components.rds.parameters import parameter_problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._preflight import problems
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack import discovery
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._stack.names import stack_names
from botocore.exceptions import ClientError

from tests.unit.plugins.run_module import run_module
from tests.unit.plugins.stack import stack_looks
from tests.unit.plugins.stack.stack_inputs import everything

VERSIONS = ["14.9", "15.4", "15.10", "16.3"]
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("network", "secrets", "rds", "storage", "alb")),
    "deleted_secrets": {},
}


def _option(**fields: Any) -> dict[str, Any]:
    return {
        "version": "15.10",
        "storage_type": "gp3",
        "min_storage": 20,
        "max_storage": 16384,
        "storage_grows": True,
        "encrypted": True,
        "multi_az": True,
        "performance_insights": True,
        **fields,
    }


def _offers(*options: dict[str, Any], **fields: Any) -> dict[str, Any]:
    names = ("rds.force_ssl", "log_min_duration_statement")
    return {
        "options": list(options),
        "versions": [],
        "classes": [],
        "parameters": {name: {"type": None, "allowed": None, "modifiable": True} for name in names},
        "parameter_names": [],
        **fields,
    }


def _found(offers: dict[str, Any], now: dict[str, Any] | None = None, **overrides: Any) -> list[str]:
    region = {"region": "eu-west-2", "postgres_versions": VERSIONS, "database": offers}
    return problems.ACCOUNT_CHECKS["rds"](everything(**overrides), region, {**NOTHING, "rds": now})


CLASSES = ["db.m5.large", "db.t3.large", "db.t3.micro", "db.t4g.micro"]
WRONG: list[tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]] = [
    (
        _offers(classes=CLASSES),
        {"rds_instance_class": "db.t9.micro"},
        ("rds_instance_class: region eu-west-2 offers no db.t9.micro for PostgreSQL;", "such as db.t3.micro, db.t4g"),
    ),
    (
        _offers(classes=CLASSES, versions=["9.6.22", "12.8", "12.22"]),
        {"rds_instance_class": "db.t2.micro"},
        ("offers no db.t2.micro with PostgreSQL 15.10, but with 9, 12;", "such as db.t3.micro"),
    ),
    (
        _offers(_option(version="15.4"), versions=["15.4"]),
        {},
        ("offers no db.t3.micro with PostgreSQL 15.10, but with 15.4;", "set rds_engine_version to one of these"),
    ),
    (
        _offers(_option(encrypted=False)),
        {},
        ("rds_instance_class: in region eu-west-2, db.t3.micro cannot encrypt its storage", "choose another class"),
    ),
    (
        _offers(_option(storage_type="gp2")),
        {},
        ("rds_storage_type: region eu-west-2 offers no gp3 for db.t3.micro with PostgreSQL 15.10; use gp2",),
    ),
    (
        _offers(_option(storage_type="standard")),
        {},
        ("rds_storage_type: region eu-west-2 offers no gp3", "choose another rds_instance_class"),
    ),
    (
        _offers(_option(min_storage=40)),
        {},
        ("rds_allocated_storage: 20 GiB;", "offers 40 to 16384 GiB of gp3 for db.t3.micro", "choose a number between"),
    ),
    (
        _offers(_option()),
        {"rds_max_allocated_storage": 20000},
        ("rds_max_allocated_storage: 20000 GiB;", "offers 20 to 16384 GiB"),
    ),
    (
        _offers(_option(storage_grows=False)),
        {},
        ("rds_max_allocated_storage: 100 GiB, but", "cannot grow by itself", "set it to 0"),
    ),
    (
        _offers(_option(multi_az=False)),
        {"rds_multi_az": True},
        ("rds_multi_az: region eu-west-2 offers no Multi-AZ for db.t3.micro with PostgreSQL 15.10; set it to false",),
    ),
    (
        _offers(_option(performance_insights=False)),
        {},
        (
            "rds_performance_insights: region eu-west-2 offers no Performance Insights for",
            "set it to false",
        ),
    ),
]


@pytest.mark.parametrize(("offers", "overrides", "says"), WRONG, ids=[row[2][-1][:40] for row in WRONG])
def test_one_sentence_for_what_the_region_does_not_offer(
    offers: dict[str, Any], overrides: dict[str, Any], says: tuple[str, ...]
) -> None:
    found = _found(offers, **overrides)
    assert len(found) == 1, found
    assert [text for text in says if text not in found[0]] == [], found[0]


def test_what_is_offered_is_no_problem() -> None:
    assert _found(_offers(_option(), _option(version="15.4", storage_type="gp2", multi_az=False))) == []
    assert _found(_offers(_option(multi_az=False, performance_insights=False)), rds_performance_insights=False) == []


OLD = {
    "instance_id": "fraud-db",
    "engine_version": "15.4",
    "instance_class": "db.t3.micro",
    "storage_type": "gp3",
    "allocated_storage": 20,
    "max_allocated_storage": 100,
    "multi_az": False,
    "performance_insights": True,
    "kms_key_arn": None,
    "master_username": "mlflow_master",
}


@pytest.mark.parametrize(
    "offers",
    [
        _offers(),
        _offers(_option(storage_type="gp2")),
        _offers(_option(performance_insights=False, storage_grows=False, min_storage=40)),
    ],
)
def test_a_database_keeps_what_is_not_offered_any_more(offers: dict[str, Any]) -> None:
    assert _found(offers, OLD) == []


@pytest.mark.parametrize(
    ("wanted", "has"),
    [("15.5", "15.5"), ("15.5", "15.10"), ("15.5", "15.5-rds.20240418"), ("11.9", "11.22"), ("11", "11.22")],
)
def test_a_database_keeps_a_version_that_is_not_offered_any_more(wanted: str, has: str) -> None:
    """AWS retires minor releases, and upgrades the databases that have them."""
    assert _found(_offers(_option()), {**OLD, "engine_version": has}, rds_engine_version=wanted) == []


@pytest.mark.parametrize(("wanted", "has"), [("15.11", "15.10"), ("15.5", None)])
def test_a_version_to_go_to_must_be_offered(wanted: str, has: str | None) -> None:
    now = None if has is None else {**OLD, "engine_version": has}
    (message,) = _found(_offers(_option()), now, rds_engine_version=wanted)
    assert message.startswith(f"rds_engine_version: region eu-west-2 offers no PostgreSQL {wanted}; choose one of 15.4")


def test_a_change_of_a_database_must_be_offered() -> None:
    (message,) = _found(_offers(_option(multi_az=False)), OLD, rds_multi_az=True)
    assert message.startswith("rds_multi_az: region eu-west-2 offers no Multi-AZ for db.t3.micro with PostgreSQL 15.10")
    (message,) = _found(_offers(classes=CLASSES), OLD, rds_instance_class="db.t9.huge")
    assert message.startswith("rds_instance_class: region eu-west-2 offers no db.t9.huge")


KNOWN = {
    "max_connections": {"type": "integer", "allowed": "1-262143", "modifiable": True},
    "log_min_duration_statement": {"type": "integer", "allowed": "-1-2147483647", "modifiable": True},
    "random_page_cost": {"type": "float", "allowed": "0-1.79769e+308", "modifiable": True},
    "rds.force_ssl": {"type": "boolean", "allowed": "0,1", "modifiable": True},
    "log_statement": {"type": "string", "allowed": "none,ddl,mod,all", "modifiable": True},
    "search_path": {"type": "string", "allowed": None, "modifiable": True},
    "some_steps": {"type": "integer", "allowed": "0,5-9", "modifiable": True},
    "in_other_words": {"type": "integer", "allowed": "a power of 2", "modifiable": True},
    "fsync": {"type": "boolean", "allowed": "0,1", "modifiable": False},
}
NAMES = [*KNOWN, "work_mem"]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "work_men",
            1,
            "RDS has no such parameter for PostgreSQL 15; rename it to work_mem if that is meant, or remove",
        ),
        ("fsync", 0, "RDS does not let this parameter be changed; remove it"),
        ("max_connections", "lots", "RDS does not take 'lots'; give a whole number (1 to 262143)"),
        ("max_connections", 0, "RDS does not take '0'; give a whole number (1 to 262143)"),
        ("max_connections", "10.5", "RDS does not take '10.5'; give a whole number"),
        ("log_min_duration_statement", -2, "RDS does not take '-2'; give a whole number (-1 to 2147483647)"),
        ("log_min_duration_statement", "5s", "RDS does not take '5s'; give a whole number"),
        ("random_page_cost", "cheap", "RDS does not take 'cheap'; give a number (0 to 1.79769e+308)"),
        ("rds.force_ssl", 2, "RDS does not take '2'; give 1 or 0"),
        ("log_statement", "some", "RDS does not take 'some'; give one of none, ddl, mod, all"),
        ("some_steps", 4, "RDS does not take '4'; give a whole number (0, 5 to 9)"),
    ],
)
def test_one_sentence_for_a_parameter_that_rds_would_not_take(name: str, value: Any, says: str) -> None:
    (message,) = parameter_problems({name: value}, {"parameters": KNOWN, "parameter_names": NAMES}, "PostgreSQL 15")
    assert message.startswith(f"rds_parameters.{name}: {says}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_connections", 100),
        ("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)"),
        ("log_min_duration_statement", -1),
        ("random_page_cost", 1.1),
        *[("rds.force_ssl", value) for value in (True, "on", 1, "0", "false")],
        ("log_statement", "ddl"),
        ("log_statement", "MOD"),
        ("search_path", '"$user", public'),
        ("some_steps", 7),
        ("in_other_words", 8),
    ],
)
def test_a_parameter_that_rds_takes(name: str, value: Any) -> None:
    assert parameter_problems({name: value}, {"parameters": KNOWN, "parameter_names": NAMES}, "PostgreSQL 15") == []


REGION = "eu-west-2"


def _asked(aws: Any, **fields: Any) -> dict[str, Any]:
    asked = Database(**{"instance_class": "db.t3.micro", "engine_version": "15", "parameters": [], **fields})
    account = discovery.account_of(stack_looks.clients(aws.client), stack_names("fraud", REGION), region=REGION)
    found: dict[str, Any] = discovery.region_facts(account, asked)["database"]
    return found


def test_offers_of_the_region_in_all_pages(aws: Any) -> None:
    found = _asked(aws, parameters=["work_mem", "max_connections"])
    assert {row["storage_type"] for row in found["options"]} >= {"gp2", "gp3"}
    assert {row["version"].split(".")[0] for row in found["options"]} == {"15"}
    assert {version.split(".")[0] for version in found["versions"]} >= {"13", "18"}
    assert found["parameters"]["work_mem"] == {"type": "integer", "allowed": "64-2147483647", "modifiable": True}
    # What nobody needs is not carried through every run.
    assert (found["classes"], found["parameter_names"]) == ([], [])


def test_a_class_and_a_parameter_that_do_not_exist(aws: Any) -> None:
    found = _asked(aws, instance_class="db.t9.huge", parameters=["work_men"])
    assert (found["options"], found["versions"]) == ([], [])
    assert "db.t3.micro" in found["classes"]
    assert "work_mem" in found["parameter_names"]
    region = {"region": REGION, "postgres_versions": ["15.17"], "database": found}
    inputs = everything(rds_instance_class="db.t9.huge", rds_parameters={"work_men": 1})
    first, second = problems.ACCOUNT_CHECKS["rds"](inputs, region, NOTHING)
    assert re.search(r"no db\.t9\.huge for PostgreSQL; choose another class, such as (db\.\w+\.\w+(, )?){3}$", first)
    assert "rename it to work_mem" in second


def test_a_version_that_is_not_offered_is_not_asked_about(aws: Any) -> None:
    assert _asked(aws, engine_version="12") is None


class _Refuses:
    """RDS where it calls a class wrong."""

    def __init__(self, aws: Any) -> None:
        self._client = aws.client("rds")

    def get_paginator(self, operation: str) -> Any:
        return self if "orderable" in operation else self._client.get_paginator(operation)

    def paginate(self, **asked: Any) -> Any:
        if "DBInstanceClass" in asked:
            raise ClientError({"Error": {"Code": "InvalidParameterValue", "Message": "Invalid DB Instance class"}}, "x")
        return self._client.get_paginator("describe_orderable_db_instance_options").paginate(**asked)


def test_a_class_that_rds_calls_wrong_is_one_that_it_does_not_offer(aws: Any) -> None:
    found = database_offers(_Refuses(aws), ["15.17"], Database("db.t9.huge", "15", []))
    assert found is not None
    assert found["options"] == []
    assert "db.t3.micro" in found["classes"]


def test_the_module_asks_for_it(aws: Any) -> None:
    database = {"instance_class": "db.t3.micro", "engine_version": "15"}
    args = {"name": "nothing-here", "region": REGION, "region_facts": True, "database": database}
    answer = run_module("stack_info", args, env=aws.env)
    assert answer["region"]["database"]["options"]
    del args["database"]
    assert run_module("stack_info", args, env=aws.env)["region"]["database"] is None
