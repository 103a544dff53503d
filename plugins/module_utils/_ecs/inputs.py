# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refused options. Without botocore, which takes every worker of Ansible a quarter of a second to import."""

from __future__ import annotations


class InvalidInput(ValueError):
    """An option that AWS would refuse, or that cannot work. Raised before the first call."""
