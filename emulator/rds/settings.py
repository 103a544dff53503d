# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance's class and parameter group mean for its PostgreSQL server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Never taken from a parameter group: they say where the server is, and who may come in.
OURS = frozenset(
    {
        "allow_alter_system",
        "archive_command",
        "archive_library",
        "archive_mode",
        "config_file",
        "data_directory",
        "dynamic_library_path",
        "event_source",
        "external_pid_file",
        "fsync",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "local_preload_libraries",
        "log_destination",
        "log_directory",
        "log_filename",
        "logging_collector",
        "password_encryption",
        "port",
        "primary_conninfo",
        "restore_command",
        "session_preload_libraries",
        "shared_memory_type",
        "shared_preload_libraries",
        "ssl",
        "ssl_ca_file",
        "ssl_cert_file",
        "ssl_key_file",
        "superuser_reserved_connections",
        "unix_socket_directories",
        "unix_socket_permissions",
        "wal_level",
    }
)

#: GiB of memory of the sizes that all families share; from "large" on the families differ.
_SMALL_SIZES = {"micro": 1.0, "small": 2.0, "medium": 4.0}
_LARGE_GIB = {"r": 16.0, "x": 32.0, "z": 16.0, "m": 8.0, "t": 8.0, "c": 4.0}
#: More connections than a laptop has a use for; each reserves some memory.
_MOST_CONNECTIONS = 400


@dataclass(frozen=True)
class Settings:
    """The configuration of one server.

    :param max_connections: as RDS computes it from the class, unless the group says otherwise.
    :param force_ssl: whether a client without TLS is turned away.
    :param parameters: further parameters of the parameter group, as (name, value).
    """

    max_connections: int
    force_ssl: bool
    parameters: tuple[tuple[str, str], ...] = ()


def memory_of(instance_class: str) -> int:
    """Bytes of memory of a DB instance class, as ``db.t3.micro``; 1 GiB when it is unknown.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
    """
    parts = instance_class.split(".")
    size = parts[2] if len(parts) > 2 else ""
    if size in _SMALL_SIZES:
        gib = _SMALL_SIZES[size]
    elif match := re.fullmatch(r"(\d*)(x?)large", size):
        times = int(match.group(1) or 1) * (2 if match.group(2) else 1)
        gib = _LARGE_GIB.get(parts[1][:1], 8.0) * times
    else:
        gib = 1.0
    return int(gib * 2**30)


def connections_of(instance_class: str) -> int:
    """``LEAST({DBInstanceClassMemory/9531392}, 5000)``, RDS's default of max_connections, at most 400.

    DBInstanceClassMemory is what RDS and the operating system leave of the memory, which AWS does not publish. People
    have read 198 from instances of 2 GiB, 413 of 4, and about 80 of 1
    (https://gist.github.com/guizmaii/1cacffef793c2ba9645083c3e18b3d8c).
    """
    left = memory_of(instance_class) * 96 // 100 - 256 * 2**20
    return min(left // 9531392, _MOST_CONNECTIONS)


def forces_ssl_by_default(engine_version: str) -> bool:
    """The default of ``rds.force_ssl``: on from version 15.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
    """
    return int(engine_version.split(".", 1)[0]) >= 15


def from_parameter_group(
    instance_class: str, engine_version: str, parameters: Iterable[Mapping[str, Any]], known: frozenset[str]
) -> Settings:
    """The settings of an instance.

    :param parameters: rows of DescribeDBParameters; rows that nobody set, and formulas of RDS
        (``{DBInstanceClassMemory/32768}``), leave the value to us.
    :param known: the names that the server knows; others (of extensions) are left out.
    """
    values = {
        str(row["ParameterName"]): str(row["ParameterValue"])
        for row in parameters
        if row.get("ParameterName") and row.get("ParameterValue") not in (None, "")
    }
    asked = {
        str(row["ParameterName"]) for row in parameters if row.get("Source", "user") not in ("system", "engine-default")
    }
    force = values.get("rds.force_ssl", "1" if forces_ssl_by_default(engine_version) else "0")
    connections = connections_of(instance_class)
    if "max_connections" in asked and values.get("max_connections", "").isdigit():
        connections = int(values["max_connections"])
    further = {
        name: value
        for name, value in values.items()
        if name in asked and name in known and name not in OURS and name != "max_connections" and "{" not in value
    }
    return Settings(connections, force == "1", tuple(sorted(further.items())))


def follow(running: Settings, parameters: Iterable[Mapping[str, Any]], wanted: Settings) -> Settings:
    """What of ``wanted`` a running server takes over: parameters that were set to apply immediately.

    :param parameters: rows of DescribeDBParameters, as for :func:`from_parameter_group`.
    """
    dynamic = {str(row.get("ParameterName")) for row in parameters if row.get("ApplyMethod") == "immediate"}
    asked = {name: value for name, value in wanted.parameters if name in dynamic}
    force = wanted.force_ssl if "rds.force_ssl" in dynamic else running.force_ssl
    return Settings(running.max_connections, force, tuple(sorted((dict(running.parameters) | asked).items())))


def configuration(settings: Settings) -> str:
    """The text of postgresql.conf.

    Durability: ``fsync`` is off, because nothing here outlives a crash of the machine anyway (the
    control plane keeps its records in memory, so no instance or snapshot is known afterwards). It
    protects against nothing else: a killed server still recovers all that was committed, from the
    pages that the kernel holds, and ``synchronous_commit`` and ``full_page_writes`` stay on for
    that. Backups are consistent for the same reason.

    Memory: a laptop runs this beside everything else, so little is reserved.
    """
    values = {
        "shared_buffers": "32MB",
        "max_worker_processes": "4",
        "max_wal_senders": "4",
        "max_replication_slots": "4",
        "min_wal_size": "32MB",
        "max_wal_size": "256MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # RDS's own prefix: time, client, user@database, process.
        "log_line_prefix": "%t:%r:%u@%d:[%p]:",
        "log_checkpoints": "off",
        "jit": "off",
        **dict(settings.parameters),
        "max_connections": str(settings.max_connections),
        # 3, and 2 that RDS keeps for its own role (rds.rds_superuser_reserved_connections).
        "superuser_reserved_connections": "5",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "wal_level": "replica",
        "fsync": "off",
        "shared_preload_libraries": "",
    }
    lines = [f"{name} = '{quoted(value)}'" for name, value in values.items()]
    return "# Written by the RDS plane at each start.\n" + "\n".join(lines) + "\n"


def quoted(value: str) -> str:
    """A value as it stands between quotes in postgresql.conf; it never begins a new line."""
    return value.replace("\\", "\\\\").replace("'", "''").replace("\r", " ").replace("\n", " ")


#: Everybody needs a password; only TCP on loopback exists.
HOST_BASED_AUTHENTICATION = """\
# Written by the RDS plane at each start.
host all         all      127.0.0.1/32 scram-sha-256
host replication rdsadmin 127.0.0.1/32 scram-sha-256
"""
