# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RDS for PostgreSQL accepts from a caller. Pure: values in, an error of AWS out, or nothing.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from emulator.rds.errors import InvalidParameterCombination, InvalidParameterValue

#: Words that the engine keeps for itself.
RESERVED_USERS = frozenset(
    {"admin", "administrator", "postgres_superuser", "rdsadmin", "rdsrepladmin", "rdstopmgr", "rds_superuser"}
)
#: Smallest and largest GiB by storage type.
STORAGE_SIZES = {
    "gp2": (20, 65536),
    "gp3": (20, 65536),
    "io1": (100, 65536),
    "io2": (100, 65536),
    "standard": (5, 3072),
}
#: From this size on gp3 takes other than its basic performance.
GP3_THRESHOLD = 400
GP3_IOPS = 3000
GP3_THROUGHPUT = 125
GP3_LARGE_IOPS = 12000
GP3_LARGE_THROUGHPUT = 500


def check_password(password: str) -> None:
    """8 to 128 printable ASCII characters, but ``/``, ``@``, ``"`` and blanks.

    :raises InvalidParameterValue: else; the text does not hold the password.
    """
    if len(password) < 8:
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters."
        )
    if len(password) > 128:
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password because it is longer than 128 characters."
        )
    if not re.fullmatch(r"[!-~]+", password) or any(each in password for each in '/@"'):
        raise InvalidParameterValue(
            "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters "
            "besides '/', '@', '\"', ' ' may be used."
        )


def check_master(name: str) -> None:
    """1 to 63 letters, digits and underscores, a letter first, and no word of the engine's own.

    :raises InvalidParameterValue: else.
    """
    if name.lower() in RESERVED_USERS or name.lower().startswith("pg_"):
        raise InvalidParameterValue(f"MasterUsername {name} cannot be used as it is a reserved word used by the engine")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise InvalidParameterValue(
            "The parameter MasterUsername is not a valid identifier. Identifiers must begin with a letter; "
            "must contain only ASCII letters, digits, and underscores"
        )


def check_database(name: str) -> None:
    """1 to 63 letters, digits and underscores, a letter first.

    :raises InvalidParameterValue: else.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
        raise InvalidParameterValue("DBName must begin with a letter and contain only alphanumeric characters.")


def resolve_version(asked: str, offered: Sequence[str]) -> str:
    """The version that a caller gets: the one asked for, or the newest of a major version asked for.

    :param offered: the versions of DescribeDBEngineVersions.
    :raises InvalidParameterCombination: when it is not offered.
    """
    matching = [each for each in offered if each == asked or each.startswith(f"{asked}.")]
    if not matching:
        raise InvalidParameterCombination(f"Cannot find version {asked} for postgres")
    return asked if asked in matching else max(matching, key=numbers)


def check_upgrade(current: str, wanted: str, major_allowed: bool, same_programs: bool) -> None:
    """Whether an instance may go from one engine version to another.

    :param same_programs: whether one PostgreSQL stands for both.
    :raises InvalidParameterCombination: for a way back, and for a major step that was not allowed
        or that the data cannot take.
    """
    if numbers(wanted) < numbers(current):
        raise InvalidParameterCombination(f"Cannot upgrade postgres from {current} to {wanted}")
    if numbers(wanted)[0] != numbers(current)[0]:
        if not major_allowed:
            raise InvalidParameterCombination(
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
            )
        if not same_programs:
            raise InvalidParameterCombination(f"Cannot upgrade postgres from {current} to {wanted}")


def check_parameter_group(current: str, wanted: str, used: str, asked: str | None, family: str | None) -> None:
    """Whether the instance can have this parameter group with this engine version.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html (EngineVersion); the texts are
    those of aws-cli#5939 and terraform-aws-rds#94.

    :param current: the version that the instance has; ``wanted`` is the one that it is to have.
    :param used: the parameter group that it has; ``asked`` is the one that it is to have, None for the same.
    :param family: that of ``asked``.
    :raises InvalidParameterCombination: it cannot.
    """
    major = numbers(wanted)[0]
    if asked is not None and family != f"postgres{major}":
        raise InvalidParameterCombination(
            f"The parameter group {asked} with DBParameterGroupFamily {family} can't be used for this instance. Use a "
            f"parameter group with DBParameterGroupFamily postgres{major}."
        )
    if asked is None and major != numbers(current)[0] and not used.startswith("default."):
        raise InvalidParameterCombination(
            f"The current DB instance parameter group {used} is custom. You must explicitly specify a new DB instance "
            "parameter group, either default or custom, for the engine version upgrade."
        )


def check_storage(storage_type: str, size: int, iops: int | None, throughput: int | None) -> None:
    """Size and performance of the volume.

    :param size: GiB.
    :raises InvalidParameterCombination: when they do not go together.
    """
    least, most = STORAGE_SIZES.get(storage_type, (5, 65536))
    if not least <= size <= most:
        raise InvalidParameterCombination(
            f"Invalid storage size for engine name postgres and storage type {storage_type}: {size}"
        )
    tuned = iops not in (None, GP3_IOPS) or throughput not in (None, GP3_THROUGHPUT)
    if storage_type == "gp3" and size < GP3_THRESHOLD and tuned:
        raise InvalidParameterCombination(
            "You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400."
        )


def numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, for comparing."""
    return tuple(int(part) for part in re.findall(r"\d+", version))
