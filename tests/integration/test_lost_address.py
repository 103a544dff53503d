# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AllocateAddress has no client token: where its answer is lost, the request is sent again and makes a second one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.embedded import EmbeddedAws
from tests.integration.control_plane import play
from tests.unit.plugins.lost_answers import lossy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def test_the_run_itself_releases_the_address_that_nothing_uses(
    start_aws: Callable[..., EmbeddedAws], tmp_path: Path
) -> None:
    aws = start_aws()

    def addresses() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = aws.client("ec2").describe_addresses()["Addresses"]
        return rows

    with lossy(aws.endpoint, "Action=AllocateAddress") as way:
        through = dataclasses.replace(aws, env={**aws.env, "AWS_ENDPOINT_URL": way.url})
        play(through, tmp_path, "--tags", "network").assert_good()
        assert way.lost == 1
    (address,) = addresses()
    assert "AssociationId" in address
    play(aws, tmp_path, "--tags", "network").assert_nothing_changed()
    assert addresses() == [address]
