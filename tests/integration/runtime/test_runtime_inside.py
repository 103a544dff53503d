# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules whose effect no request shows, in the task's own Python with the real MLflow (inside_checks.py)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runtime.runtime_parts import Runtime, clean_environment


@pytest.fixture(scope="module")
def inside(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was seen, in one process for all tests: MLflow takes seconds to import."""
    script, python = Path(__file__).with_name("inside_checks.py"), runtime.home / "venv" / "bin" / "python"
    folder = tmp_path_factory.mktemp("inside")
    done = subprocess.run(
        [python, script, folder],
        env={**clean_environment(), "PYTHONPATH": str(runtime.home / "lib"), "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


GATED = {"the last one is for its holder": True, "no connection beyond the pool": True, "given back": True}


def test_one_small_pool_a_database_also_after_a_disposal(inside: dict[str, Any]) -> None:
    """A store that is disposed of disposes of the engine of all stores, and SQLAlchemy then makes another pool."""
    seen = inside["pools"]
    assert seen["one engine a database"]
    assert seen["another for another"]
    assert seen["at first"] == GATED
    assert seen["after a disposal"] == GATED
    assert seen["one from before leaves another's place alone"]


def test_a_pool_without_room_for_a_session_within_a_session_is_refused(inside: dict[str, Any]) -> None:
    assert "needs 2 or more" in inside["pools"]["too small"]


def test_an_error_of_the_database_has_no_statement(inside: dict[str, Any]) -> None:
    assert "no such table: nowhere" in inside["pools"]["said"]
    assert "hash of a password" not in inside["pools"]["said"]


def test_a_store_is_started_by_nobody(inside: dict[str, Any]) -> None:
    """Or MLflow 2 finds no experiment with the eyes of the first sender, and makes its first one again."""
    assert inside["first_search"] == ["nobody"]


#: By method of the stores: what is refused, and with which word. MLflow 2 has the last one only.
REFUSED = {
    "link_traces_to_run": {"their trace": "trace", "their run": "run"},
    "link_prompts_to_trace": {"their prompt": "prompt"},
    "add_items_to_review_queue": {"their trace": "trace"},
    "create_issue": {"their run": "run"},
    "get_dataset": {"their dataset": "dataset", "dataset of no experiment": "dataset"},
    "create_model_version": {"their run": "run", "their run, of which the copied version is not": "run"},
}


@pytest.mark.parametrize("method", REFUSED)
def test_what_is_attached_must_be_the_sender_s_to_read(inside: dict[str, Any], runtime: Runtime, method: str) -> None:
    if runtime.generation == 2 and method != "create_model_version":
        pytest.skip("MLflow 2.18 has no such method")
    for call, answers in inside["attached"][method].items():
        word = REFUSED[method].get(call)
        assert answers["somebody"] == (f"{word}: permission denied" if word else "reached"), call
        assert answers["admin"] == "reached", call
        if word:
            assert answers["nobody"].endswith("permission denied"), call
