# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which password the first admin may have."""

from __future__ import annotations

import secrets

import pytest
from mlflow_aws.errors import Refusal
from mlflow_aws.migrate import check_admin_password


@pytest.mark.parametrize("word", ["password", "password1234", "PASSWORD1234", "changeme1234"])
def test_known(word: str) -> None:
    with pytest.raises(Refusal, match="publicly known"):
        check_admin_password(word)


@pytest.mark.parametrize("length", [0, 1, 11])
def test_short(length: int) -> None:
    with pytest.raises(Refusal, match="12 characters") as error:
        check_admin_password(secrets.token_hex(16)[:length])
    assert "store a longer one" in str(error.value)


@pytest.mark.parametrize("length", [12, 64])
def test_good(length: int) -> None:
    check_admin_password(secrets.token_hex(64)[:length])
