# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RDS plane: an instance (engine postgres) is a real PostgreSQL server on a loopback port."""

from __future__ import annotations

from emulator.rds.plane import RdsPlane

__all__ = ["RdsPlane"]
