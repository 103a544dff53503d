# Copyright: (c) 2026, the mlops.mlflow_aws authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks the plan functions on purpose, one change at a time: what no test notices is not tested.

    python -m tools.mutants [--jobs N] [--mutant TEXT ...] [--again LOG] [MODULE ...]

A mutant is one change of a function's syntax tree. It lives in memory only: a process is forked for each, in which the
function is so changed and the unit tests that call it run to the first failure. A mutant that all pass has survived.
Those that mean the same as the original are listed in ``tools/equivalent_mutants.yml``, each with its reason; any other
survivor, and an entry of that file that fits no survivor, makes the exit code 1.

While tests are written, ``--again`` tries only the survivors that the output of an earlier run lists, and ``--mutant``
only those of which the name has a text in it.

mutmut 3 was tried first: it mutates a copy of the sources under another name than the tests import them by.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import os
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "ansible_collections.mlops.mlflow_aws.plugins"
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yml")

#: Seconds that a mutant may take: a multiple of what the unchanged tests take, and some for a busy machine.
PATIENCE, LEAST = 10.0, 20.0


@dataclass(frozen=True)
class Target:
    """A module with plan functions.

    :param name: below ``plugins``.
    :param tests: its quick unit tests, below ``tests/unit/plugins``.
    :param leave: classes and functions that plan nothing: they talk to a server, or word a failure.
    """

    name: str
    tests: tuple[str, ...]
    leave: frozenset[str] = frozenset()

    @property
    def path(self) -> Path:
        """The file of the module."""
        return ROOT / "plugins" / f"{self.name.replace('.', '/')}.py"


def _target(name: str, *tests: str, leave: Iterable[str] = ()) -> Target:
    return Target(name, tests, frozenset(leave))


UTILS = "module_utils."
IN_A_MODULE = ("describe", "apply", "main")
TARGETS = (
    _target(f"{UTILS}_stack.comparison", "stack/test_stack_plan.py"),
    _target(f"{UTILS}_components.registry", "stack/test_stack_prerequisites.py"),
    _target(f"{UTILS}_components.network.desired", "stack/test_stack_wanted.py", "stack/test_stack_surplus.py"),
    _target(f"{UTILS}_components.network.rules", "stack/test_stack_wanted.py"),
    _target(f"{UTILS}_components.rds.desired", "stack/test_stack_wanted.py", "stack/test_stack_surplus.py"),
    _target(f"{UTILS}_components.ecs_mlflow.known", "stack/test_stack_wanted.py"),
    _target(f"{UTILS}_components.ecs_mlflow.leaves", "stack/test_stack_wanted.py"),
    _target(f"{UTILS}_components.ecs_mlflow.roles", "stack/test_stack_roles.py"),
    _target(f"{UTILS}_components.network.egress", "stack/test_stack_egress.py"),
    _target(f"{UTILS}_components.network.zones", "stack/test_stack_zones.py"),
    _target(f"{UTILS}_stack.rotation", "stack/test_stack_secret_rotation.py"),
    _target(f"{UTILS}_mlflow.reconcile", "mlflow/test_mlflow_reconcile.py"),
    _target(f"{UTILS}_mlflow.grants", "mlflow/test_mlflow_grants.py", leave=["Grants"]),
    _target(f"{UTILS}_mlflow.secret", "mlflow/test_mlflow_options.py"),
    _target(f"{UTILS}_mlflow.users", "mlflow/test_mlflow_users.py", leave=["Users"]),
    _target(f"{UTILS}_mlflow.roles", "mlflow/test_mlflow_grants.py", leave=["Roles"]),
    _target(f"{UTILS}_mlflow.experiments", "mlflow/test_mlflow_experiments.py", leave=["Experiments"]),
    _target(f"{UTILS}_mlflow.models", "mlflow/test_mlflow_models.py", leave=["Models"]),
    _target(f"{UTILS}_ecs.task_definition", "ecs/test_ecs_task_definition.py", "ecs/test_ecs_canonical.py"),
    _target(f"{UTILS}_ecs.shapes", "ecs/test_ecs_shapes.py"),
    _target(
        f"{UTILS}_ecs.service", "ecs/test_ecs_service.py", "ecs/test_ecs_service_exact.py", "ecs/test_ecs_rollout.py"
    ),
    _target(f"{UTILS}_ecs.scaling", "ecs/test_ecs_scaling.py", leave=["ScalingClient"]),
    _target(f"{UTILS}_ecs.tags", "ecs/test_ecs_tags.py"),
    _target(f"{UTILS}_ecs.task_run", "ecs/test_ecs_task_run.py", leave=["TaskRunner", "_failure_text", "_with_tails"]),
    _target("modules.ecs_cluster_settings", "stack/test_stack_cluster_settings.py", leave=IN_A_MODULE),
    _target("modules.rds_parameters", "stack/test_stack_rds_parameters.py", leave=IN_A_MODULE),
)

# -- the changes -------------------------------------------------------------------------------------

_OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
}
#: At the border.
_NEAR: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
_OTHER: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_CALLS = {"sorted": "list", "any": "all", "all": "any", "min": "max", "max": "min"}


def _nothing(statement: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Pass(), statement)


def _not(test: ast.expr) -> ast.expr:
    return test.operand if _is_not(test) else ast.UnaryOp(ast.Not(), test)  # type: ignore[attr-defined]


def _is_not(node: ast.AST) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of ``node``: each is one mutant. ``node`` itself stays as it is."""
    match node:
        case ast.Compare(left, [operator], right):
            for table in (_OPPOSITE, _NEAR):
                if type(operator) in table:
                    yield ast.Compare(left, [table[type(operator)]()], right)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.And() if isinstance(operator, ast.Or) else ast.Or(), values)
            for index in range(len(values)):
                rest = values[:index] + values[index + 1 :]
                yield rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in _OTHER:
            yield ast.BinOp(left, _OTHER[type(operator)](), right)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(str(value)):
            yield ast.Constant(f"{value}~")
        case ast.Call(ast.Name(name), arguments, keywords):
            if name in _CALLS:
                keywords = [one for one in keywords if name != "sorted"]
                yield ast.Call(ast.Name(_CALLS[name], ast.Load()), arguments, keywords)
        case ast.If(test, body, orelse) if not isinstance(test, ast.Compare | ast.BoolOp) and not _is_not(test):
            yield ast.If(_not(test), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield body
            yield orelse
        case ast.comprehension(target, iterated, tests):
            for index in range(len(tests)):
                yield ast.comprehension(target, iterated, tests[:index] + tests[index + 1 :], node.is_async)
        case ast.Return(ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(ast.Yield() | ast.YieldFrom() | ast.Call()) | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield _nothing(node)
        case ast.Assign([ast.Subscript() | ast.Attribute()]):
            yield _nothing(node)
        case ast.Continue():
            yield ast.Break()
        case ast.Dict(keys, values) if None in keys and len(keys) > 1:
            # One of the dictionaries that are merged is left out.
            for index in (index for index, key in enumerate(keys) if key is None):
                yield ast.Dict(keys[:index] + keys[index + 1 :], values[:index] + values[index + 1 :])


@dataclass(frozen=True)
class Mutant:
    """One change.

    :param function: the outermost function that it is in, with its class.
    :param name: where and what, without the line, so that it stays when other lines change.
    :param line: where it is.
    """

    function: str
    name: str
    line: int
    _tree: ast.Module = field(repr=False)
    _place: tuple[ast.AST, str, int | None] = field(repr=False)
    _nodes: tuple[ast.AST, ast.AST] = field(repr=False)

    def code(self, file: str) -> CodeType:
        """The module with this change."""
        before, after = self._nodes
        _put(*self._place, after)
        try:
            return compile(ast.fix_missing_locations(self._tree), file, "exec")
        finally:
            _put(*self._place, before)


def _places(
    node: ast.AST, leave: frozenset[str], where: str = "", function: bool = False
) -> Iterator[tuple[str, ast.AST, str, int | None]]:
    """Each place in a function that holds a node: the function, the owner, its field, the position in a list.

    :param where: the function or class that ``node`` is in.
    :param function: whether that is a function.
    """
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "args", "exc", "msg") and not isinstance(node, ast.Call):
            continue
        for position, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_text(child):
                continue
            inside = where
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                if child.name in leave:
                    continue
                if not function:
                    inside = f"{where}.{child.name}" if where else child.name
            elif function:
                yield where, node, name, position
            yield from _places(child, leave, inside, function or isinstance(child, ast.FunctionDef))


def _is_text(child: ast.AST) -> bool:
    """A docstring."""
    return isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)


def mutants(text: str, leave: Iterable[str] = ()) -> list[Mutant]:
    """All mutants of a module's functions. Texts of errors are left as they are."""
    tree = ast.parse(text)
    found: list[Mutant] = []
    names: Counter[str] = Counter()
    for where, owner, name, position in list(_places(tree, frozenset(leave))):
        holder = getattr(owner, name)
        node = holder if position is None else holder[position]
        for changed in changes(node):
            said = f"{where}: {_short(node)} -> {_short(changed)}"
            names[said] += 1
            said += f" #{names[said]}" if names[said] > 1 else ""
            line = int(getattr(node, "lineno", 0) or getattr(owner, "lineno", 0))
            found.append(Mutant(where, said, line, tree, (owner, name, position), (node, changed)))
    return found


def _put(owner: ast.AST, name: str, position: int | None, node: ast.AST) -> None:
    if position is None:
        setattr(owner, name, node)
    else:
        getattr(owner, name)[position] = node


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).strip().splitlines()[0]
    return text if len(text) <= 90 else f"{text[:60]}...{text[-25:]}"


# -- the runs ----------------------------------------------------------------------------------------


class Runs:
    """A plugin of pytest that runs the collected tests once as they are, and then against each mutant.

    Modules and tests are imported once. A process is forked for each mutant, in which the function has the changed
    code; it runs the tests that call the function, to the first failure.

    :param chosen: whether to try the mutant of this name.
    :ivar found: the mutants by what became of them: killed, hung, or survived.
    :ivar failed: a test that fails without any change.
    """

    def __init__(self, target: Target, jobs: int, chosen: Callable[[str], bool]) -> None:
        self.target, self.jobs, self._chosen = target, jobs, chosen
        self.found: dict[str, list[Mutant]] = defaultdict(list)
        self.failed = ""
        self._callers: dict[str, list[pytest.Item]] = defaultdict(list)
        self._patience = LEAST

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of pytest's own loop."""
        # Generated tests take long to fail, as they look for a simple example: the others first.
        items = sorted(
            (item for item in session.items if _is_quick(item)),
            key=lambda item: hasattr(getattr(item, "obj", None), "hypothesis"),
        )
        began = time.monotonic()
        for item in items:
            for name in self._called_by(item):
                self._callers[name].append(item)
            if session.testsfailed:
                self.failed = item.nodeid
                return True
        self._patience += PATIENCE * (time.monotonic() - began)
        every = mutants(self.target.path.read_text("utf-8"), self.target.leave)
        left = [mutant for mutant in reversed(every) if self._chosen(mutant.name)]
        running: dict[int, tuple[Mutant, float]] = {}
        while left or running:
            while left and len(running) < self.jobs:
                mutant = left.pop()
                running[self._fork(session, mutant)] = (mutant, time.monotonic() + self._patience)
            for process, (mutant, until) in list(running.items()):
                verdict = _verdict(process, until)
                if verdict:
                    del running[process]
                    self.found[verdict].append(mutant)
            time.sleep(0.002)
        return True

    def _called_by(self, item: pytest.Item) -> set[str]:
        """Run a test; the functions of the module that it calls."""
        file, called = _module(self.target).__file__, set()

        def note(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and frame.f_code.co_filename == file:
                called.add(frame.f_code.co_qualname.split(".<locals>")[0])

        threading.setprofile(note)
        sys.setprofile(note)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        return called

    def _fork(self, session: pytest.Session, mutant: Mutant) -> int:
        child = os.fork()
        if child:
            return child
        code = 70
        try:
            silence = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(silence, number)
            code = 0
            break_function(_module(self.target), mutant)
            for item in self._callers[mutant.function]:
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
                if session.testsfailed:
                    code = 1
                    break
        finally:
            os._exit(code)


def _is_quick(item: pytest.Item) -> bool:
    """Needs no AWS: those that do run modules, in processes of their own."""
    return not {"aws", "start_aws"} & set(getattr(item, "fixturenames", ()))


def _module(target: Target) -> ModuleType:
    return sys.modules[f"{PACKAGE}.{target.name}"]


def break_function(module: ModuleType, mutant: Mutant) -> None:
    """Give a function the code of a mutant: whoever has imported it has it so."""
    path = mutant.function.split(".")
    code = mutant.code(str(module.__file__))
    for name in path:
        code = next(one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name)
    holder: Any = module
    for name in path[:-1]:
        holder = getattr(holder, name)
    function = inspect.getattr_static(holder, path[-1])
    function = getattr(function, "fget", None) or getattr(function, "__func__", function)
    inspect.unwrap(function).__code__ = code


def _verdict(process: int, until: float) -> str | None:
    """What became of a mutant; None while its tests run."""
    ended, status = os.waitpid(process, os.WNOHANG)
    if ended:
        return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
    if time.monotonic() < until:
        return None
    os.kill(process, 9)
    os.waitpid(process, 0)
    return "hung"


def examine(target: Target, jobs: int, chosen: Callable[[str], bool]) -> dict[str, list[Mutant]]:
    """The mutants of a module by what became of them.

    :param chosen: whether to try the mutant of this name.
    :raises SystemExit: its tests fail without any change.
    """
    importlib.import_module(f"{PACKAGE}.{target.name}")
    runs = Runs(target, jobs, chosen)
    tests = [str(ROOT / "tests" / "unit" / "plugins" / one) for one in target.tests]
    quiet = ["-qq", "--no-header", "--no-summary", "--tb=no", "--timeout=0", "-p", "no:cacheprovider", "-p", "no:xdist"]
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        pytest.main([*tests, *quiet, "-s", "--hypothesis-seed=0"], plugins=[runs])
    if runs.failed or not runs.found:
        why = runs.failed or "its tests are not collected, or none is chosen"
        raise SystemExit(f"{target.name}: no mutant can be tried: {why}")
    return runs.found


def choice(texts: Sequence[str], log: str) -> Callable[[str], bool]:
    """Which mutants to try, by their names: all, unless something is given.

    :param texts: one of these is in the name.
    :param log: what an earlier run printed; the mutant is one of its survivors.
    """
    survivors = set(re.findall(r"^  survived, line \d+: (.*)$", log, re.MULTILINE))
    return lambda name: (not log or name in survivors) and (not texts or any(text in name for text in texts))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("module", nargs="*", help="a part of a module's name; without one, all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutant", action="append", default=[], help="a part of a mutant's name; may be repeated")
    parser.add_argument("--again", type=Path, help="what an earlier run printed: its survivors only")
    options = parser.parse_args()
    chosen = choice(options.mutant, options.again.read_text("utf-8") if options.again else "")
    partly = bool(options.mutant or options.again)
    # The order of a set is the same in each run, so that the verdicts are.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    # The tests' own settings of the path, and the tests themselves, are those of the checkout.
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT / "collections"))
    equivalent: dict[str, dict[str, str]] = yaml.safe_load(EQUIVALENT.read_text("utf-8")) or {}
    total: Counter[str] = Counter()
    wrong = 0
    for target in TARGETS:
        if options.module and not any(word in target.name for word in options.module):
            continue
        found = examine(target, options.jobs, chosen)
        known = equivalent.get(target.name, {})
        same = [mutant for mutant in found["survived"] if mutant.name in known]
        alive = [mutant for mutant in found["survived"] if mutant.name not in known]
        stale = [] if partly else sorted(set(known) - {mutant.name for mutant in same})
        count = {"mutants": sum(map(len, found.values())), "killed": len(found["killed"]), "hung": len(found["hung"])}
        count |= {"equivalent": len(same), "survived": len(alive)}
        total.update(count)
        print(f"{target.name}: {', '.join(f'{number} {what}' for what, number in count.items())}", flush=True)
        for mutant in alive:
            print(f"  survived, line {mutant.line}: {mutant.name}", flush=True)
        for name in stale:
            print(f"  in {EQUIVALENT.name}, but killed or gone: {name}", flush=True)
        wrong += len(alive) + len(stale)
    caught, real = total["killed"] + total["hung"], total["mutants"] - total["equivalent"]
    print(f"all: {', '.join(f'{number} {what}' for what, number in total.items())}")
    print(f"score: {100 * caught / real:.1f} %" if real else "no mutant")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
