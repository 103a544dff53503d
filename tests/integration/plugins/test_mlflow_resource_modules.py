# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mlflow_experiment, mlflow_registered_model and mlflow_info against real MLflow servers, checked by raw API calls.

Each is created, modified and deleted, each time in check mode, for real, in check mode again and again for real.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jinja2
import pytest
import yaml

from tests.integration.plugins.mlflow_runs import VERSIONS, at_once, four_times, generation, odd_name, run, strong
from tests.integration.plugins.mlflow_servers import MlflowServer, between, mlflow_server

# Servers of 2.x check two password hashes for each request.
pytestmark = pytest.mark.timeout(900)

API = "/api/2.0/mlflow"
MODULES = "ansible_collections.mlops.mlflow_aws.plugins.modules"
UTILS = "ansible_collections.mlops.mlflow_aws.plugins.module_utils._mlflow"
NOTE = "mlflow.note.content"
SMILE = "\N{GRINNING FACE}"


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One server of each version."""
    with mlflow_server(request.param, tmp_path_factory.mktemp("mlflow")) as running:
        yield running


only_2 = pytest.mark.parametrize("server", VERSIONS[1:], indirect=True)


def ask(server: MlflowServer, method: str, route: str, payload: Any = None) -> dict[str, Any]:
    """A raw call that must succeed."""
    status, said = server.ask(method, f"{API}/{route}", payload)
    assert status == 200, said
    return said


def pairs(item: dict[str, Any], kind: str, key: str, value: str) -> dict[str, str]:
    return {row[key]: row[value] for row in item.get(kind, [])}


def raw_experiment(server: MlflowServer, name: str) -> Any:
    """Stage, tags and id of an experiment, or None."""
    status, said = server.ask("GET", f"{API}/experiments/get-by-name?experiment_name={quote(name)}")
    assert status in (200, 404), said
    if status == 404:
        return None
    found = said["experiment"]
    return found["lifecycle_stage"], pairs(found, "tags", "key", "value"), found["experiment_id"]


def experiments_named(server: MlflowServer, name: str) -> int:
    said = ask(server, "POST", "experiments/search", {"max_results": 10_000, "view_type": "ALL"})
    return sum(one["name"] == name for one in said["experiments"])


def raw_model(server: MlflowServer, name: str) -> Any:
    """Description, tags and aliases of a registered model, or None."""
    status, said = server.ask("GET", f"{API}/registered-models/get?name={quote(name)}")
    assert status in (200, 404), said
    if status == 404:
        return None
    found = said["registered_model"]
    return (
        found.get("description", ""),
        pairs(found, "tags", "key", "value"),
        pairs(found, "aliases", "alias", "version"),
    )


def new_version(server: MlflowServer, model: str) -> int:
    run_info = ask(server, "POST", "runs/create", {"experiment_id": "0"})["run"]["info"]
    payload = {"name": model, "source": f"{run_info['artifact_uri']}/model", "run_id": run_info["run_id"]}
    return int(ask(server, "POST", "model-versions/create", payload)["model_version"]["version"])


# -- mlflow_experiment ----------------------------------------------------------------------------


def test_experiment_from_birth_to_death_and_back(server: MlflowServer) -> None:
    name = odd_name()
    purges = generation(server) >= 3

    def now() -> Any:
        found = raw_experiment(server, name)
        return found and found[:2]

    args: dict[str, Any] = {"name": name, "description": f"Who *leaves* {SMILE}\n", "tags": {"team a": "x%", "n": 1}}
    made = four_times("mlflow_experiment", server, now, [f"create experiment {name}"], **args)
    assert now() == ("active", {NOTE: f"Who *leaves* {SMILE}\n", "team a": "x%", "n": "1"})
    number = raw_experiment(server, name)[2]
    assert made["experiment"] == {
        "id": number,
        "name": name,
        "artifact_location": f"mlflow-artifacts:/{number}",
        "lifecycle_stage": "active",
        "description": f"Who *leaves* {SMILE}\n",
        "tags": {"team a": "x%", "n": "1"},
    }

    ask(server, "POST", "experiments/set-experiment-tag", {"experiment_id": number, "key": "mlflow.own", "value": "1"})
    args = {"name": name, "description": "", "tags": {"n": "2", "new": ""}, "purge_tags": purges}
    expected = [f"describe experiment {name}", f"set tag n of experiment {name}", f"set tag new of experiment {name}"]
    removed = [f"remove tag team a from experiment {name}"] if purges else []
    four_times("mlflow_experiment", server, now, expected + removed, **args)
    kept = {} if purges else {"team a": "x%"}
    assert now() == ("active", {NOTE: "", "n": "2", "new": "", "mlflow.own": "1", **kept})

    four_times("mlflow_experiment", server, now, [f"delete experiment {name}"], name=name, state="absent")
    assert now()[0] == "deleted"
    args = {"name": name, "tags": {"n": "3"}, "purge_tags": False}
    expected = [f"restore experiment {name}", f"set tag n of experiment {name}"]
    back = four_times("mlflow_experiment", server, now, expected, **args)
    assert (now()[0], now()[1]["n"], back["experiment"]["id"]) == ("active", "3", number)
    four_times("mlflow_experiment", server, lambda: None, [], name="never made", state="absent")


def test_restoring_an_experiment_restores_all_its_runs(server: MlflowServer) -> None:
    name = f"runs-{secrets.token_hex(4)}"
    number = run("mlflow_experiment", server, name=name)["experiment"]["id"]
    run_id = ask(server, "POST", "runs/create", {"experiment_id": number})["run"]["info"]["run_id"]
    ask(server, "POST", "runs/delete", {"run_id": run_id})
    run("mlflow_experiment", server, name=name, state="absent")
    run("mlflow_experiment", server, name=name)
    assert ask(server, "GET", f"runs/get?run_id={run_id}")["run"]["info"]["lifecycle_stage"] == "active"


def test_the_default_experiment_can_be_deleted_with_a_warning(server: MlflowServer) -> None:
    gone = run("mlflow_experiment", server, name="Default", state="absent")
    assert gone["actions"] == ["delete experiment Default"]
    assert "runs that name none fail" in str(gone["warnings"])
    assert server.ask("POST", f"{API}/runs/create", {"experiment_id": "0"})[0] == 400
    assert run("mlflow_experiment", server, name="Default")["actions"] == ["restore experiment Default"]


def test_an_experiment_keeps_its_place(server: MlflowServer) -> None:
    name, place = f"placed-{secrets.token_hex(4)}", "s3://bucket/a b%20/"
    made = run("mlflow_experiment", server, name=name, artifact_location=place)
    assert made["experiment"]["artifact_location"] == place
    assert run("mlflow_experiment", server, name=name, artifact_location=place)["changed"] is False
    other = run("mlflow_experiment", server, name=name, artifact_location="s3://bucket/b")
    assert f"keeps its artifacts in {place}, but artifact_location is s3://bucket/b" in other["msg"]
    assert other["remedy"]


@only_2
def test_tags_that_2_cannot_remove_are_named(server: MlflowServer) -> None:
    name = f"tagged-{secrets.token_hex(4)}"
    run("mlflow_experiment", server, name=name, tags={"a": "1", "b": "2", "c": "3"})
    for check in (True, False):
        result = run("mlflow_experiment", server, check=check, name=name, tags={"b": "9"})
        assert f"cannot remove tags of an experiment, and {name} has a, c" in result["msg"]
    assert raw_experiment(server, name)[1] == {"a": "1", "b": "2", "c": "3"}
    long = run("mlflow_experiment", server, name=name, description="x" * 5001)
    assert "5001 characters, and MLflow 2.x keeps 5000" in long["msg"]


@pytest.mark.parametrize("name", [SMILE * 256, " leading / % : é \u2028 trailing "])
def test_names_of_experiments_that_are_taken(server: MlflowServer, name: str) -> None:
    assert run("mlflow_experiment", server, name=name)["actions"] == [f"create experiment {name}"]
    assert run("mlflow_experiment", server, name=name)["changed"] is False
    assert run("mlflow_experiment", server, name=name, state="absent")["changed"] is True
    assert experiments_named(server, name) == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"name": SMILE * 500}, "name has 500 characters, which the server's database does not take"),
        ({"name": "place", "artifact_location": "s3://" + "x" * 252}, "artifact_location has 257 characters"),
        ({"name": "place", "artifact_location": "s3://bucket/#a"}, "fragment"),
        ({"name": "space", "workspace": "another"}, "workspace"),
    ],
)
def test_experiments_that_are_refused(server: MlflowServer, args: dict[str, Any], message: str) -> None:
    result = run("mlflow_experiment", server, **args)
    assert result.get("failed"), result
    assert message in result["msg"]
    assert experiments_named(server, args["name"]) == 0


# -- mlflow_registered_model ----------------------------------------------------------------------


def test_model_from_birth_to_death(server: MlflowServer) -> None:
    name = odd_name()

    def now() -> Any:
        return raw_model(server, name)

    args: dict[str, Any] = {"name": name, "description": f"Who leaves {SMILE}", "tags": {"team a": "x%", "n": 1}}
    made = four_times("mlflow_registered_model", server, now, [f"create registered model {name}"], **args)
    assert now() == (f"Who leaves {SMILE}", {"team a": "x%", "n": "1"}, {})
    assert made["registered_model"]["latest_version"] is None

    assert [new_version(server, name), new_version(server, name)] == [1, 2]
    args = {"name": name, "description": "", "tags": {"n": "2"}, "aliases": {"champion": 1, "old": "1"}}
    expected = [
        f"describe registered model {name}",
        f"set tag n of registered model {name}",
        f"remove tag team a from registered model {name}",
        f"point alias champion of registered model {name} to version 1",
        f"point alias old of registered model {name} to version 1",
    ]
    four_times("mlflow_registered_model", server, now, expected, **args)
    assert now() == ("", {"n": "2"}, {"champion": "1", "old": "1"})

    expected = [
        f"point alias champion of registered model {name} to version 2",
        f"remove alias old from registered model {name}",
    ]
    moved = four_times("mlflow_registered_model", server, now, expected, name=name, aliases={"champion": 2})
    assert moved["registered_model"]["aliases"] == {"champion": 2}
    assert moved["registered_model"]["latest_version"] == 2
    lacking = run("mlflow_registered_model", server, name=name, description="new", aliases={"champion": 9})
    assert f"registered model {name} has no version 9 for the alias champion" in lacking["msg"]
    assert now() == ("", {"n": "2"}, {"champion": "2"})

    refused = run("mlflow_registered_model", server, name=name, state="absent")
    assert f"registered model {name} has versions, up to 2" in refused["msg"]
    args = {"name": name, "state": "absent", "force": True}
    four_times("mlflow_registered_model", server, now, [f"delete registered model {name}"], **args)
    assert now() is None


def test_prompts_are_left_alone(server: MlflowServer) -> None:
    name, tags = f"prompt-{secrets.token_hex(4)}", [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    ask(server, "POST", "registered-models/create", {"name": name, "tags": tags})
    for more in ({"description": "x"}, {"state": "absent", "force": True}):
        assert f"{name} is a prompt" in run("mlflow_registered_model", server, name=name, **more)["msg"]
    assert raw_model(server, name)[0] == ""
    listed = run("mlflow_info", server, gather=["registered_models"])["registered_models"]
    assert name not in [one["name"] for one in listed]


@pytest.mark.parametrize("name", [SMILE * 255, "x" * 240 + "%é \"'\\&?+#"])
def test_names_of_models_that_are_taken(server: MlflowServer, name: str) -> None:
    assert run("mlflow_registered_model", server, name=name)["changed"] is True
    assert run("mlflow_registered_model", server, name=name)["changed"] is False
    assert run("mlflow_registered_model", server, name=name, state="absent")["changed"] is True
    assert raw_model(server, name) is None


def test_a_new_model_has_no_version_for_an_alias(server: MlflowServer) -> None:
    refused = run("mlflow_registered_model", server, name="m", aliases={"champion": 1})
    assert "has no version 1 for the alias champion" in refused["msg"]
    assert "workspace" in run("mlflow_registered_model", server, name="m", workspace="another")["msg"]
    assert raw_model(server, "m") is None


# -- two at once, and answers that are lost -------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "more"),
    [
        # 2.x calls the second one a bad request, not one that exists already.
        ("mlflow_experiment", {"artifact_location": "s3://bucket/a", "tags": {"a": "1"}}),
        ("mlflow_registered_model", {"description": "x", "tags": {"a": "1"}}),
    ],
)
def test_two_runs_at_once_make_and_delete_one(server: MlflowServer, module: str, more: dict[str, Any]) -> None:
    name = f"twice-{secrets.token_hex(4)}"
    results = at_once(*[lambda: run(module, server, name=name, **more)] * 2)
    assert [result.get("failed", False) for result in results] == [False, False], results
    assert sorted(result["changed"] for result in results) == [False, True]
    gone = at_once(*[lambda: run(module, server, name=name, state="absent")] * 2)
    assert [result.get("failed", False) for result in gone] == [False, False], gone
    # The server answers "deleted" to both where both found it: its DELETE does not look at the rows that it matched.
    assert any(result["changed"] for result in gone)
    assert run(module, server, name=name, state="absent")["changed"] is False


def test_two_runs_at_once_set_the_same_tags(server: MlflowServer) -> None:
    name, tags = f"tags-{secrets.token_hex(4)}", {f"tag {number}": "x" for number in range(4)}
    for module in ("mlflow_experiment", "mlflow_registered_model"):
        run(module, server, name=name)
        results = at_once(*[lambda module=module: run(module, server, name=name, tags=tags)] * 2)
        assert [result.get("failed", False) for result in results] == [False, False], results
    assert raw_experiment(server, name)[1] == raw_model(server, name)[1] == tags


def test_a_lost_answer_is_no_failure_and_no_second_write(server: MlflowServer) -> None:
    name = f"lost-{secrets.token_hex(4)}"
    lose = (
        *(f"POST {API}/experiments/{verb}" for verb in ("create", "set-experiment-tag", "delete", "restore")),
        f"POST {API}/registered-models/create",
        f"DELETE {API}/registered-models/delete",
    )
    with between(server, lose=lose) as proxy:

        def actions(module: str, **args: Any) -> Any:
            return run(module, server, url=proxy.url, name=name, **args).get("actions")

        assert actions("mlflow_experiment") == [f"create experiment {name}"]
        assert actions("mlflow_experiment", tags={"a": "1"}) == [f"set tag a of experiment {name}"]
        assert actions("mlflow_experiment", state="absent") == [f"delete experiment {name}"]
        assert actions("mlflow_experiment") == [f"restore experiment {name}"]
        assert actions("mlflow_registered_model") == [f"create registered model {name}"]
        assert actions("mlflow_registered_model", state="absent") == [f"delete registered model {name}"]
        assert sorted(proxy.lost) == sorted(lose)
    assert experiments_named(server, name) == 1
    assert raw_model(server, name) is None


# -- mlflow_info ----------------------------------------------------------------------------------


def test_info_tells_what_the_server_has(server: MlflowServer, request: pytest.FixtureRequest) -> None:
    new = generation(server) >= 3
    user, name = f"user-{secrets.token_hex(4)}", odd_name()
    ask(server, "POST", "users/create", {"username": user, "password": strong()})
    experiment = run("mlflow_experiment", server, name=name, description="d", tags={"a": "1"})["experiment"]
    model = run("mlflow_registered_model", server, name=name, tags={"b": "2"})["registered_model"]
    items = [{"resource_type": "experiment", "id": experiment["id"], "permission": "READ"}]
    granted = run("mlflow_permission", server, user=user, permissions=items)["permissions"]
    asked: dict[str, Any] = {} if new else {"usernames": ["admin", user, "nobody"]}
    if new:
        everything = [{"resource_type": "experiment", "name": "*", "permission": "READ"}]
        role = run("mlflow_role", server, name=name, permissions=everything, members=[user])["role"]
    told = [run("mlflow_info", server, check=check, **asked) for check in (True, False)]
    assert told[0] == told[1]
    info = told[0]
    assert info["changed"] is False
    assert info["version"] == request.node.callspec.params["server"]
    assert info["generation"] == (3 if new else 2)
    assert experiment in info["experiments"]
    assert model in info["registered_models"]
    assert [one["name"] for one in info["users"] if one["is_admin"]] == ["admin"]
    assert {"user": user, "permissions": granted} in info["grants"]
    if new:
        assert [one["name"] for one in info["users"]] == sorted(
            one["username"] for one in ask(server, "GET", "users/list")["users"]
        )
        assert role in info["roles"]
        assert not [one for one in info["roles"] if one["name"].startswith("__user_")]
    one = run("mlflow_info", server, gather=["grants"], usernames=[user])
    assert one["grants"] == [{"user": user, "permissions": granted}]
    assert not {"users", "roles", "experiments", "registered_models"} & set(one)


@only_2
def test_info_says_what_2_cannot_tell(server: MlflowServer) -> None:
    assert "cannot list its users" in run("mlflow_info", server, gather=["users"])["msg"]
    assert "has no roles" in run("mlflow_info", server, gather=["roles"])["msg"]
    assert {"users", "grants", "roles"} & set(run("mlflow_info", server)) == set()


def test_lists_are_read_over_all_their_pages(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> None:
    client, http = (importlib.import_module(f"{UTILS}.{name}") for name in ("client", "http"))
    seen = client.MlflowClient(http.Transport(http.Connection(server.url), http.Login("admin", server.password)))
    for number in range(5):
        ask(server, "POST", "experiments/create", {"name": f"page {number}"})
        ask(server, "POST", "registered-models/create", {"name": f"page {number}"})
    for module, kind in (("experiments", "Experiments"), ("models", "Models")):
        listing = importlib.import_module(f"{UTILS}.{module}")
        whole = getattr(listing, kind)(seen).list()
        monkeypatch.setattr(listing, "PAGE", 2)
        assert getattr(listing, kind)(seen).list() == whole
        assert {f"page {number}" for number in range(5)} <= {one.name for one in whole}


@pytest.mark.parametrize("module", ["mlflow_experiment", "mlflow_registered_model", "mlflow_info"])
def test_the_examples_work(server: MlflowServer, module: str) -> None:
    text = importlib.import_module(f"{MODULES}.{module}").EXAMPLES
    given = {"mlflow_url": server.url, "mlflow_admin_password": server.password}
    for task in yaml.safe_load(text):
        args = yaml.safe_load(jinja2.Template(yaml.safe_dump(task[f"mlops.mlflow_aws.{module}"])).render(given))
        if args.get("aliases"):
            new_version(server, args["name"])
        result = run(module, server, **args)
        assert not result.get("failed"), result
