# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m emulator``: start, status, env, stop."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from emulator.kernel import start_time
from emulator.processes import Part, ProcessTable
from tests.embedded import EmbeddedAws, emulator


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose embedded AWS is ended after the test."""
    folder = tmp_path / "aws"
    yield folder
    emulator("stop", "--state", str(folder))


def status(state: Path) -> tuple[int, dict[str, Any]]:
    shown = emulator("status", "--json", "--state", str(state))
    return shown.returncode, json.loads(shown.stdout)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_start_says_so_and_changes_nothing(aws: EmbeddedAws) -> None:
    before = status(aws.state)
    again = emulator("start", "--state", str(aws.state), "--latency", "0.5")
    assert again.returncode == 0
    assert "runs already" in again.stdout
    assert aws.endpoint in again.stdout
    assert "latency 0," in again.stdout
    assert status(aws.state) == before


def test_status_lists_the_control_plane(aws: EmbeddedAws) -> None:
    code, report = status(aws.state)
    assert code == 0
    assert report["running"] is True
    assert report["endpoint"] == aws.endpoint
    part = report["parts"][0]
    assert (part["kind"], part["port"]) == ("control-plane", int(aws.endpoint.rsplit(":", 1)[1]))
    # The metadata endpoint of tasks is in the daemon, too.
    assert part["ports"][0] == aws.endpoint.removeprefix("http://")
    assert [port.rsplit(":", 1)[0] for port in part["ports"]] == ["127.0.0.1", "127.0.0.1"]
    assert start_time(part["pid"]) == part["started"]
    assert Path(part["log"]).is_file()
    table = emulator("status", "--state", str(aws.state)).stdout.splitlines()
    assert table[0].split() == ["NAME", "KIND", "PID", "PORT", "LOG"]
    assert table[1].split()[:4] == ["aws", "control-plane", str(part["pid"]), ",".join(part["ports"])]


def test_env_is_complete_and_the_region_only_on_demand(aws: EmbeddedAws) -> None:
    names = [line.split("=", 1)[0] for line in emulator("env", "--state", str(aws.state)).stdout.splitlines()]
    assert names == ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]
    assert "AWS_DEFAULT_REGION=eu-west-1" in emulator("env", "--state", str(aws.state), "--region", "eu-west-1").stdout


def test_nobody_else_can_read_the_state(aws: EmbeddedAws) -> None:
    assert permissions(aws.state) == 0o700
    for path in aws.state.rglob("*"):
        assert permissions(path) & 0o077 == 0, path


def test_the_secret_key_is_in_no_argument_and_no_log(aws: EmbeddedAws) -> None:
    secret = aws.env["AWS_SECRET_ACCESS_KEY"]
    daemon = aws.parts()[0]
    assert secret not in Path(daemon["log"]).read_text(encoding="utf-8")
    arguments = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(daemon["pid"])], capture_output=True, text=True)
    assert "emulator.daemon" in arguments.stdout
    assert secret not in arguments.stdout


def test_it_listens_on_loopback_only(aws: EmbeddedAws) -> None:
    with socket.socket() as outside:
        outside.connect(("127.0.0.1", int(aws.endpoint.rsplit(":", 1)[1])))
        assert outside.getpeername()[0] == "127.0.0.1"
    listening = Path("/proc/net/tcp")
    if listening.exists():
        port = f"{int(aws.endpoint.rsplit(':', 1)[1]):04X}"
        rows = [row.split()[1] for row in listening.read_text().splitlines()[1:] if row.split()[3] == "0A"]
        assert [row for row in rows if row.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_not_running_is_exit_code_three(tmp_path: Path) -> None:
    code, report = status(tmp_path / "none")
    assert (code, report["running"], report["parts"]) == (3, False, [])
    assert emulator("env", "--state", str(tmp_path / "none")).returncode == 3
    stopped = emulator("stop", "--state", str(tmp_path / "none"))
    assert (stopped.returncode, "No embedded AWS runs" in stopped.stdout) == (0, True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, verb: str) -> None:
    (tmp_path / "env").write_text("precious")
    done = emulator(verb, "--state", str(tmp_path))
    assert "holds files that are not of an embedded AWS" in done.stderr or verb == "stop"
    assert done.returncode == (1 if verb == "start" else 0)
    assert [path.name for path in tmp_path.iterdir()] == ["env"]
    assert (tmp_path / "env").read_text() == "precious"


@pytest.mark.parametrize(
    "arguments",
    [
        ["start", "--latency", "-1"],
        ["start", "--latency", "nan"],
        ["start", "--consistency", "-1"],
        ["start", "--consistency", "soon"],
        ["start", "--port", "70000"],
        ["start", "--account", "42"],
        ["restart"],
        [],
    ],
)
def test_wrong_usage_is_exit_code_two(tmp_path: Path, arguments: list[str]) -> None:
    state = ["--state", str(tmp_path / "x")] if arguments and arguments[0] == "start" else []
    assert emulator(*arguments, *state).returncode == 2
    assert not (tmp_path / "x").exists()


def test_a_taken_port_is_said(aws: EmbeddedAws, state: Path) -> None:
    done = emulator("start", "--state", str(state), "--port", aws.endpoint.rsplit(":", 1)[1])
    assert done.returncode == 1
    assert "is it in use?" in done.stderr
    assert status(state)[0] == 3


def test_a_start_that_fails_leaves_no_credentials(state: Path) -> None:
    state.mkdir()
    (state / ".embedded-aws").touch()
    (state / "ecs").touch()  # where a plane wants its folder
    done = emulator("start", "--state", str(state))
    assert (done.returncode, "did not start" in done.stderr) == (1, True)
    assert [path.name for path in state.glob("env*")] == []
    assert status(state)[0] == 3


def test_start_and_stop_leave_nothing_but_logs(state: Path) -> None:
    with ThreadPoolExecutor() as pool:  # two at a time: one daemon
        starts = list(pool.map(lambda _: emulator("start", "--state", str(state)), range(2)))
    assert sorted("runs already" in start.stdout for start in starts) == [False, True]
    _, report = status(state)
    (state / "log" / "aws.log").write_text("kept")
    done = emulator("stop", "--state", str(state))
    assert (done.returncode, "has stopped" in done.stdout) == (0, True)
    for part in report["parts"]:
        assert start_time(part["pid"]) != part["started"]
    assert status(state)[0] == 3
    assert not list(state.glob("env*"))
    assert (state / "log" / "aws.log").read_text().startswith("kept")


def test_what_a_killed_daemon_left_is_ended(state: Path) -> None:
    emulator("start", "--state", str(state), "--account", "111122223333")
    daemon = status(state)[1]["parts"][0]
    # Stands for a process of a plane: recorded by the daemon's own kind of table, in a group of its own.
    table = ProcessTable(state / "processes.json")
    left = table.spawn("left", "ecs", [sys.executable, "-c", "import time; time.sleep(600)"], log=state / "log" / "l")
    os.kill(daemon["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while start_time(daemon["pid"]) == daemon["started"] and time.monotonic() < deadline:
        time.sleep(0.02)

    code, report = status(state)
    assert (code, [part["name"] for part in report["parts"]]) == (3, ["left"])
    assert "left over" in emulator("status", "--state", str(state)).stdout
    assert emulator("stop", "--state", str(state)).returncode == 0
    assert left.wait(timeout=30) != 0
    assert status(state)[1]["parts"] == []


def test_a_daemon_does_not_outlive_its_folder(state: Path) -> None:
    emulator("start", "--state", str(state))
    daemon = status(state)[1]["parts"][0]
    shutil.rmtree(state)
    deadline = time.monotonic() + 20
    while start_time(daemon["pid"]) == daemon["started"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert start_time(daemon["pid"]) != daemon["started"]
    assert not state.exists() or not any(path.is_file() for path in state.rglob("*"))


def test_a_stranger_with_a_recorded_pid_is_left_alone(state: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    try:
        state.mkdir()
        (state / ".embedded-aws").touch()
        part = Part("gone", "rds", stranger.pid, "1", None, "log")
        (state / "processes.json").write_text(json.dumps([vars(part)]))
        assert emulator("stop", "--state", str(state)).returncode == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_client_killed_while_starting_leaves_a_daemon_that_stops(state: Path) -> None:
    argv = [sys.executable, "-m", "emulator", "start", "--state", str(state)]
    starting = subprocess.Popen(argv, cwd=Path(__file__).resolve().parents[3], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not (state / "log" / "aws.log").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    starting.kill()
    starting.wait()
    assert emulator("start", "--state", str(state)).returncode == 0
    assert status(state)[0] == 0


def test_the_clients_settings_do_not_reach_the_daemon(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    assert emulator("start", "--state", str(state)).returncode == 0
    env = dict(line.split("=", 1) for line in emulator("env", "--state", str(state)).stdout.splitlines())
    assert env["AWS_ENDPOINT_URL"] != "http://127.0.0.1:1"
    monkeypatch.delenv("AWS_PROFILE")
    aws = EmbeddedAws(state, env["AWS_ENDPOINT_URL"], env)
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"
    environment = Path(f"/proc/{aws.parts()[0]['pid']}/environ")
    if environment.exists():  # Linux
        names = {entry.split(b"=", 1)[0] for entry in environment.read_bytes().split(b"\0")}
        assert not names & {b"AWS_ENDPOINT_URL", b"AWS_PROFILE", b"MOTO_ACCOUNT_ID"}


def test_accounts_are_apart(start_aws: Callable[..., EmbeddedAws]) -> None:
    aws = start_aws(accounts=["111111111111", "222222222222"])
    other = aws.keys("222222222222")
    assert aws.client("sts").get_caller_identity()["Account"] == "111111111111"
    assert aws.client("sts", env=other).get_caller_identity()["Account"] == "222222222222"
    unknown = emulator("env", "--state", str(aws.state), "--account", "333333333333")
    assert (unknown.returncode, "is not one of 111111111111, 222222222222" in unknown.stderr) == (1, True)

    # A bucket of another account: the name is taken, and nothing else is told.
    where = {"LocationConstraint": "eu-west-2"}
    aws.client("s3", env=other).create_bucket(Bucket="bucket-of-two", CreateBucketConfiguration=where)
    mine = aws.client("s3")
    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        mine.create_bucket(Bucket="bucket-of-two", CreateBucketConfiguration=where)
    with pytest.raises(ClientError) as refused:
        mine.head_bucket(Bucket="bucket-of-two")
    answer = refused.value.response["ResponseMetadata"]
    assert answer["HTTPStatusCode"] == 403
    assert answer["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-2"
    with pytest.raises(ClientError, match="AccessDenied"):
        mine.put_object(Bucket="bucket-of-two", Key="k", Body=b"x")
