# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters of the roles: the payload of a task, the names, what the region lacks."""

from __future__ import annotations

import ast
import base64
import io
import lzma
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.mlops.mlflow_aws.plugins.filter import network as network_module
from ansible_collections.mlops.mlflow_aws.plugins.filter import payload as payload_module
from ansible_collections.mlops.mlflow_aws.plugins.filter import stack as stack_module
from ansible_collections.mlops.mlflow_aws.plugins.filter.payload import packed_code, payload, without_prose

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    (root / "sub" / "__pycache__").mkdir(parents=True)
    (root / "__init__.py").write_text("", encoding="utf-8")
    (root / "main.py").write_text("print('hello')\n", encoding="utf-8")
    (root / "sub" / "data.txt").write_bytes(b"\x00\xff")
    (root / "sub" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"stale")
    (root / ".hidden").write_text("of an editor", encoding="utf-8")
    return root


def _zip(text: str) -> bytes:
    """What the task unpacks (roles/ecs_mlflow/files/install.py): a zip, compressed as a whole."""
    return lzma.decompress(base64.b64decode(text, validate=True))


def _opened(text: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(_zip(text)))


def test_payload_holds_the_files_under_the_folders_name(package: Path) -> None:
    with _opened(payload(str(package))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["app/__init__.py", "app/main.py", "app/sub/data.txt"]
        assert archive.read("app/sub/data.txt") == b"\x00\xff"


def test_payload_is_the_same_for_the_same_files(package: Path, tmp_path: Path) -> None:
    """Another revision of a task definition, and a rollout, would follow from anything else."""
    first = payload(str(package))
    for position, path in enumerate(sorted(package.rglob("*"))):
        os.utime(path, (10**9 + position, 10**9 + position))
    (package / "main.py").chmod(0o755)
    copy = tmp_path / "elsewhere" / "app"
    copy.parent.mkdir()
    package.rename(copy)
    assert payload(str(copy)) == first


def test_payload_changes_with_one_byte(package: Path) -> None:
    first = payload(str(package))
    (package / "main.py").write_text("print('hellO')\n", encoding="utf-8")
    assert payload(str(package)) != first


def test_payload_can_be_imported_from(package: Path, tmp_path: Path) -> None:
    target = tmp_path / "app.zip"
    target.write_bytes(_zip(payload(str(package))))
    done = subprocess.run(
        [sys.executable, "-c", "import app.main"],
        env={**os.environ, "PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "hello\n"


def _without_docstrings(source: bytes) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if ast.get_docstring(node) is not None else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""
    return ast.dump(tree)


def test_packed_code_runs_as_the_code_does() -> None:
    """As ``python -c`` runs it: what stands under ``__main__`` too, and what a module needs of its own names."""
    code = """import sys


def main():
    sys.exit(NAME)  # why


NAME = "é"
if __name__ == "__main__":
    main()
"""
    done = subprocess.run([sys.executable, "-c", packed_code(code)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "é\n")
    assert packed_code(code) == packed_code(code.replace("# why", "# because"))


@pytest.mark.parametrize(
    "path",
    sorted(path.relative_to(ROOT) for part in ("roles", "plugins") for path in (ROOT / part).rglob("*.py")),
    ids=str,
)
def test_code_without_prose_is_the_same_code(path: Path) -> None:
    source = (ROOT / path).read_bytes()
    bare = without_prose(source)
    assert _without_docstrings(bare) == _without_docstrings(source)
    assert bare.count(b"\n") == source.count(b"\n")


def test_prose_is_left_out_and_texts_stay() -> None:
    source = b'''# notice
#
#
"""Module."""  # beside
# alone
x = ("# no comment", f"{1}#")  # about x


class C:
    """Of a class
    of two lines."""

    def f(self):  # about f
        """Of a function."""
        """no docstring, a statement"""
        return """a text
# of two lines"""
'''
    assert (
        without_prose(source).decode()
        == '''# notice
#
#
""

x = ("# no comment", f"{1}#")


class C:
    ""


    def f(self):
        ""
        ""
        return """a text
# of two lines"""
'''
    )


def test_payload_of_the_role_fits_into_a_task_definition() -> None:
    """ECS takes at most 64 KiB for a whole task definition (Amazon ECS service quotas)."""
    assert len(payload(str(ROOT / "roles" / "ecs_mlflow" / "files" / "mlflow_aws"))) < 48 * 1024


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_payload_of_nothing_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnsibleFilterError, match="holds no files to pack"):
        payload(str(tmp_path / name))


def test_newest_postgres_refuses_what_is_not_offered() -> None:
    assert stack_module.newest_postgres("15", ["15.4", "15.10"]) == "15.10"
    with pytest.raises(AnsibleFilterError, match=r"no PostgreSQL 16 among 15\.4, 15\.10"):
        stack_module.newest_postgres("16", ["15.4", "15.10"])


@pytest.mark.parametrize(
    ("wanted", "current", "runs"),
    [
        ("15", "15.4", "15.4"),
        ("15", "15.11", "15.11"),
        ("15.4", "15.4", "15.4"),
        ("15.4", "15.10", "15.10"),
        ("15.5", "15.10", "15.10"),
        ("15.10", "15.4", "15.10"),
        ("15.1", "15.10", "15.10"),
    ],
)
def test_a_database_keeps_its_minor_release_unless_a_newer_one_is_wanted(wanted: str, current: str, runs: str) -> None:
    assert stack_module.newest_postgres(wanted, ["15.4", "15.10"], current) == runs


@pytest.mark.parametrize(
    ("workers", "memory", "fitting"),
    [(0, 512, 1), (0, 1024, 2), (0, 4096, 4), (0, 30720, 4), (1, 1024, 1), (3, 512, 3)],
)
def test_fitting_workers(workers: int, memory: int, fitting: int) -> None:
    """A number that is asked for is kept: the preflight has refused one that does not fit."""
    assert stack_module.fitting_workers(workers, memory) == fitting


def test_stack_names_are_plain() -> None:
    assert stack_module.stack_names("fraud", "eu-west-2")["task_role"] == "fraud-eu-west-2-task"


def test_every_filter_is_documented() -> None:
    folder = Path(stack_module.__file__).parent
    modules = (network_module, payload_module, stack_module)
    offered = {name for module in modules for name in module.FilterModule().filters()}
    assert {path.stem for path in folder.glob("*.yml")} == offered
