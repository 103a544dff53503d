# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patches of RDS parameter groups for PostgreSQL.

The parameters are those of ``postgres --describe-config`` (16.14) that RDS lets one see, and RDS's own (``rds.*``),
kept in ``data/postgres_parameters.json``.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from moto.core.responses import ActionResult
from moto.rds.exceptions import DBParameterGroupNotFoundError, RDSClientError
from moto.rds.models import DBParameterGroup, RDSBackend
from moto.rds.responses import RDSResponse

from emulator.patches.patching import add, around, page
from emulator.patches.rds_engines import ENGINE, offered_versions

_DATA = Path(__file__).parent / "data" / "postgres_parameters.json"
_FAMILY = re.compile(r"postgres(\d+)")
_DEFAULT_GROUP = re.compile(r"default\.(postgres\d+)")
MOST_AT_A_TIME = 20


@lru_cache(maxsize=1)
def _rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(_DATA.read_text(encoding="utf-8"))
    return rows


def engine_defaults(family: str) -> dict[str, dict[str, Any]]:
    """The parameters of a new group of ``family`` by name; none for another engine than PostgreSQL."""
    found = _FAMILY.fullmatch(family)
    if found is None:
        return {}
    parameters = {row["name"]: _parameter(row) for row in _rows()}
    # On by default from PostgreSQL 15:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    parameters["rds.force_ssl"]["ParameterValue"] = "1" if int(found.group(1)) >= 15 else "0"
    return parameters


def _parameter(row: dict[str, Any]) -> dict[str, Any]:
    parameter = {
        "ParameterName": row["name"],
        "Description": row["description"],
        "Source": "system" if "value" in row else "engine-default",
        "ApplyType": row["apply"],
        "DataType": row["type"],
        "IsModifiable": not row.get("fixed", False),
        "ApplyMethod": "pending-reboot",
    }
    if "value" in row:
        parameter["ParameterValue"] = row["value"]
    if "allowed" in row:
        parameter["AllowedValues"] = row["allowed"]
    return parameter


def groups_start_with_engine_defaults() -> None:
    """A new parameter group has every parameter of its family, with the engine's or RDS's default.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html
    """

    @around(DBParameterGroup, "__init__")
    def initialise(original: Any, self: DBParameterGroup, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.parameters.update(engine_defaults(self.family or ""))


def unknown_groups_are_not_found() -> None:
    """DescribeDBParameterGroups with an unknown name is DBParameterGroupNotFound; ``default.<family>`` is always there.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBParameterGroups.html
    """

    @around(RDSBackend, "describe_db_parameter_groups")
    def describe(original: Any, self: RDSBackend, wanted: Any) -> Any:
        name = wanted.get("db_parameter_group_name")
        default = _DEFAULT_GROUP.fullmatch(name or "")
        if default and name not in self.db_parameter_groups:
            family = default.group(1)
            self.create_db_parameter_group(
                {
                    "db_parameter_group_name": name,
                    "description": f"Default parameter group for {family}",
                    "db_parameter_group_family": family,
                }
            )
        found = original(self, wanted)
        if name and not found:
            raise DBParameterGroupNotFoundError(name)
        return found


def default_groups_are_fixed() -> None:
    """Default parameter groups can neither be changed nor deleted.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html
    """

    def refuse(name: str, verb: str) -> None:
        if name.startswith("default."):
            raise RDSClientError("InvalidParameterValue", f"Cannot {verb} a default DB parameter group: {name}")

    @around(RDSBackend, "modify_db_parameter_group")
    def modify(original: Any, self: RDSBackend, name: str, parameters: Any) -> Any:
        refuse(name, "modify")
        return original(self, name, parameters)

    @around(RDSBackend, "delete_db_parameter_group")
    def delete(original: Any, self: RDSBackend, name: str) -> Any:
        refuse(name, "delete")
        return original(self, name)


def parameters_are_checked() -> None:
    """ModifyDBParameterGroup refuses unknown and fixed parameters, values out of range, and more than 20 at a time.

    A changed parameter's source becomes ``user``.
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html
    """

    @around(RDSBackend, "modify_db_parameter_group")
    def modify(original: Any, self: RDSBackend, name: str, parameters: Any) -> Any:
        group = self.db_parameter_groups.get(name)
        if group is None or not _FAMILY.fullmatch(group.family or ""):
            return original(self, name, parameters)
        asked = [dict(parameter) for parameter in parameters]
        if len(asked) > MOST_AT_A_TIME:
            raise RDSClientError(
                "InvalidParameterValue", f"A maximum of {MOST_AT_A_TIME} parameters can be modified in a single request"
            )
        for parameter in asked:
            _check(group, parameter)
        return original(self, name, [{**parameter, "Source": "user"} for parameter in asked])


def _check(group: DBParameterGroup, asked: dict[str, Any]) -> None:
    name, value = str(asked.get("ParameterName")), str(asked.get("ParameterValue", ""))
    known = group.parameters.get(name)
    if known is None:
        raise RDSClientError("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if not known["IsModifiable"]:
        raise RDSClientError("InvalidParameterValue", f"The parameter {name} cannot be modified.")
    if known["ApplyType"] == "static" and asked.get("ApplyMethod") == "immediate":
        raise RDSClientError("InvalidParameterCombination", "cannot use immediate apply method for static parameter")
    if not _is_allowed(known, value):
        raise RDSClientError(
            "InvalidParameterValue",
            f"Invalid parameter value: {value} for: {name} allowed values are: {known['AllowedValues']}",
        )


def _is_allowed(known: dict[str, Any], value: str) -> bool:
    allowed = known.get("AllowedValues")
    if allowed is None or "{" in value:  # a formula over the instance class
        return True
    limits = re.fullmatch(r"(-?[\d.e+]+)-(-?[\d.e+]+)", allowed)
    if known["DataType"] in ("integer", "float") and limits:
        try:
            return float(limits.group(1)) <= float(value) <= float(limits.group(2))
        except ValueError:
            return False
    if known["DataType"] == "boolean":
        return value.lower() in ("0", "1", "on", "off", "true", "false")
    # Some parameters take a list of the allowed values.
    return all(part.strip() in allowed.split(",") for part in value.split(","))


def parameters_by_source() -> None:
    """DescribeDBParameters answers pages of 100 and takes Source (``user``, ``system``, ``engine-default``).

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBParameters.html
    """

    @around(RDSResponse, "describe_db_parameters")
    def describe(original: Any, self: RDSResponse) -> ActionResult:
        found = list(original(self).result["Parameters"])
        source = self.params.get("Source")
        return page("Parameters", [p for p in found if source in (None, p.get("Source"))], self.params)


def engine_defaults_are_described() -> None:
    """DescribeEngineDefaultParameters answers the parameters of a family, in pages of 100.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEngineDefaultParameters.html
    """

    @add(RDSResponse, "describe_engine_default_parameters")
    def describe(self: RDSResponse) -> ActionResult:
        family = str(self.params["DBParameterGroupFamily"])
        if family not in {f"{ENGINE}{version.split('.')[0]}" for version in offered_versions()}:
            raise RDSClientError(
                "InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family"
            )
        rows = sorted(engine_defaults(family).values(), key=lambda row: str(row["ParameterName"]))
        # Here everything lies one level deeper than in RDS's other answers, the marker too.
        found: Any = page("Parameters", rows, self.params).result
        return ActionResult({"EngineDefaults": {"DBParameterGroupFamily": family, **found}})


def resetting_restores_the_default() -> None:
    """ResetDBParameterGroup puts the named parameters, or all, back to their defaults.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ResetDBParameterGroup.html
    """

    @add(RDSResponse, "reset_db_parameter_group")
    def reset(self: RDSResponse) -> ActionResult:
        name = self.params["DBParameterGroupName"]
        group = self.backend.describe_db_parameter_groups({"db_parameter_group_name": name})[0]
        defaults = engine_defaults(group.family or "")
        if self.params.get("ResetAllParameters"):
            group.parameters.clear()
            group.parameters.update(defaults)
        for parameter in self.params.get("Parameters") or []:
            key = parameter["ParameterName"]
            if key not in defaults:
                raise RDSClientError("InvalidParameterValue", f"Could not find parameter with name: {key}")
            group.parameters[key] = defaults[key]
        return ActionResult({"DBParameterGroupName": name})


PATCHES = (
    groups_start_with_engine_defaults,
    unknown_groups_are_not_found,
    parameters_are_checked,
    default_groups_are_fixed,
    parameters_by_source,
    engine_defaults_are_described,
    resetting_restores_the_default,
)
