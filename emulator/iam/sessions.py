# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of users (GetSessionToken): moto keeps sessions of roles only."""

from __future__ import annotations

from moto.sts.models import AssumedRole

#: Access key -> session. :mod:`emulator.patches.sts` fills it, :mod:`emulator.identity` reads it.
USER_SESSIONS: dict[str, AssumedRole] = {}
