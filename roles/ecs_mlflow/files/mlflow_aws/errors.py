# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception that a person is meant to read."""

from __future__ import annotations


class Refusal(Exception):
    """Something is wrong that a person can mend; the message is one line and names the remedy."""
