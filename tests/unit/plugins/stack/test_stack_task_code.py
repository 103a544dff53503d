# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that runs in the tasks, packed into texts."""

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
from ansible.errors import AnsibleError
from ansible_collections.mlops.mlflow_aws.plugins.plugin_utils.task_code import (
    packed_code,
    payload,
    texts,
    without_prose,
)

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
    with pytest.raises(AnsibleError, match="holds no files to pack"):
        payload(str(tmp_path / name))


def test_the_texts_of_the_role() -> None:
    found = texts()
    assert found["payload"] == payload(str(ROOT / "roles" / "ecs_mlflow" / "files" / "mlflow_aws"))
    assert compile(found["install"], "install", "exec")
