# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which experiments the server forgets for good: those of health checks, and no person's."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.mlflow_aws.plugins.module_utils._health import probe
from mlflow_aws import forget

TOKEN = "0123456789abcdef" * 2


def test_the_server_and_the_check_agree_on_the_mark() -> None:
    assert (forget.MARK, forget.PREFIX) == (probe.MARK, probe.PREFIX)


@pytest.mark.parametrize(
    ("name", "tags", "forgotten"),
    [
        (f"{probe.PREFIX}{TOKEN}", {probe.MARK: TOKEN}, True),
        (f"{probe.PREFIX}{TOKEN}", {}, False),
        (f"{probe.PREFIX}{TOKEN}", {probe.MARK: "f" * 32}, False),
        (f"{probe.PREFIX}x", {probe.MARK: "x"}, False),
        (probe.PREFIX, {probe.MARK: ""}, False),
        ("churn", {probe.MARK: TOKEN}, False),
    ],
)
def test_only_what_carries_one_token_in_name_and_tag_is_a_check_s(
    name: str, tags: dict[str, str], forgotten: bool
) -> None:
    assert forget.is_of_a_check(name, tags) is forgotten
