# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about who may call which route is the table of the test that calls them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.integration.runtime import route_rows
from tests.integration.runtime.route_rows import RIGHTS, rows
from tools.route_table import PAGE, page


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tools.route_table"


def test_the_page_has_every_route_once() -> None:
    shown = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(shown) == sorted(row.route for row in rows())
    assert len(shown) > 250


def test_every_request_but_the_first_is_one_that_somebody_may_not_send() -> None:
    """Or one whose answer must be one's own: of requests that nothing is asked of, the test would say nothing."""
    for row in rows():
        for generation in row.generations:
            assert row.requests(generation), row.route
            assert all(ask.may in RIGHTS for ask in row.requests(generation)), row.route


@pytest.mark.parametrize(
    "slip",
    [
        {"may": "everybody"},
        {"proof": "none"},
        {"whoo": "admin"},
        {"asks": [{"bodyy": {}}]},
    ],
)
def test_a_slip_in_the_table_is_refused(slip: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"route": "GET /x", "may": "READ", "asks": [{}], **slip}
    table = tmp_path / "routes.yml"
    table.write_text(yaml.safe_dump([{"section": "S", "in": [3], "rows": [row]}]), encoding="utf-8")
    monkeypatch.setattr(route_rows, "TABLE", table)
    with pytest.raises(ValueError, match="GET /x"):
        rows()


def test_a_route_that_stands_there_twice_is_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"route": "GET /x", "may": "READ", "asks": [{}]}
    table = tmp_path / "routes.yml"
    table.write_text(yaml.safe_dump([{"section": "S", "in": [3], "rows": [row, row]}]), encoding="utf-8")
    monkeypatch.setattr(route_rows, "TABLE", table)
    with pytest.raises(ValueError, match="twice"):
        rows()
