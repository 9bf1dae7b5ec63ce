"""The plan of the house: imports go downwards only, no circles, no neighbours, and nothing is reached in secret.

Deferred imports and those under ``TYPE_CHECKING`` count like all others.
"""

import ast
import tomllib
from pathlib import Path

import pytest

import sorrelsim

HOUSE = Path(sorrelsim.__file__).parent
ROOT = HOUSE.parent
FLOORS = [  # from the ground up; rooms of one floor do not know each other
    {"errors", "locks", "writing"},
    {"yaml_text"},
    {"rules", "settings", "machine_code"},
    {"authoring"},
    {"pictures"},
    {"observations"},
    {"engine", "models"},
    {"library", "outside", "tables"},
    {"experiments", "recordings", "testing"},
    {"play", "launch"},
    {"cli", "interfaces"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
DOORS = {"__init__", "__main__", "moved"}  # of the whole house: they may lead anywhere, and nothing inside imports them
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HOUSE.rglob("*.py"))
}
OPEN = {"_replace", "_fields", "_value_", "_getvalue"}  # public where they come from: named tuples, enums, llvmlite
OUTSIDE = {  # what the files of worlds and agents may import of ours
    "worlds": {"sorrelsim", "sorrelsim.rules"},
    "agents": {"sorrelsim", "sorrelsim.models", "sorrelsim.agents"},
}


def imports(path: Path) -> list[tuple[int, str]]:
    """Line and full name of everything of ours that a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}, line {node.lineno}: imports are absolute"
            full = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(node.lineno, name if name in MODULES else str(node.module)) for name in full]
    return [(line, name) for line, name in found if name.partition(".")[0] == "sorrelsim"]


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def test_every_room_has_a_floor():
    rooms = {room_of(module) for module in MODULES} - DOORS
    assert rooms == set(FLOOR)


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) not in DOORS])
def test_imports_go_downwards_only(module):
    room, wrong = room_of(module), []
    for line, name in imports(MODULES[module]):
        other = room_of(name)
        if other != room and (other in DOORS or FLOOR[other] >= FLOOR[room]):
            wrong.append(f"{MODULES[module].relative_to(ROOT)}, line {line}: {room} imports {name}")
    assert not wrong


def test_no_circle_of_imports():
    graph = {module: {name for _, name in imports(path)} - {module} for module, path in MODULES.items()}
    for module in graph:  # a package's own __init__ is its door: to import a module is to pass through it
        graph[module] &= set(MODULES)
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        assert module not in path, f"a circle: {' -> '.join([*path[path.index(module) :], module])}"
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, [*path, module])
            done.add(module)

    for module in graph:
        visit(module, [])


@pytest.mark.parametrize("folder", sorted(OUTSIDE))
def test_worlds_and_agents_enter_by_the_door(folder):
    wrong = [
        f"{path.relative_to(ROOT)}, line {line}: {name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, name in imports(path)
        if name not in OUTSIDE[folder] and ".".join(name.split(".")[:2]) not in OUTSIDE[folder] - {"sorrelsim"}
    ]
    assert not wrong


def test_no_private_attribute_is_reached_across_packages():
    private: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        names = private.setdefault(room_of(module), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in ("self", "cls")
            ):
                names.add(node.attr)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.AnnAssign | ast.Assign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    wrong = []
    files = {**MODULES, **{str(p): p for folder in OUTSIDE for p in (ROOT / folder).rglob("*.py")}}
    for module, path in files.items():
        own = private.get(room_of(module), set()) if module in MODULES else set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
                continue
            if node.attr.endswith("_"):
                continue  # such as ``_value_``, which are the public names of an enumeration
            base = node.value.id if isinstance(node.value, ast.Name) else ""
            if base in ("self", "cls", "super", "torch", "os", "sys") or node.attr in own | OPEN:
                continue
            wrong.append(f"{path.relative_to(ROOT)}, line {node.lineno}: {ast.unparse(node)}")
    assert not wrong


def test_modules_and_functions_stay_small():
    """No module over 350 lines, no function over 50 lines of code."""
    long = []
    for path in [*MODULES.values(), *(ROOT / "agents").rglob("*.py"), *(ROOT / "worlds").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 350:
            long.append(f"{path.relative_to(ROOT)}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                lines = {line for each in body for line in range(each.lineno, (each.end_lineno or 0) + 1)}
                code = [n for n in lines if text.splitlines()[n - 1].strip() not in ("", ")", "}", "]")]
                if len(code) > 50:
                    long.append(f"{path.relative_to(ROOT)}, {node.name}: {len(code)} lines of code")
                positional = [*node.args.posonlyargs, *node.args.args]
                if len(positional) >= 12 and not path.name.endswith("_kernels.py"):
                    long.append(f"{path.relative_to(ROOT)}, {node.name}: {len(positional)} positional arguments")
    assert not long


def test_every_package_is_installed():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    listed = set(setup["packages"])
    here = {
        ".".join(["sorrelsim", *path.parent.relative_to(base).parts])
        for base in (HOUSE, ROOT)
        for path in base.rglob("__init__.py")
        if base == HOUSE or path.relative_to(ROOT).parts[0] in OUTSIDE
    }
    assert listed == here
    patterns = setup["package-data"]["sorrelsim.worlds"]
    data = {path for pattern in patterns for path in (ROOT / "worlds").glob(pattern)}
    assert data == {path for path in (ROOT / "worlds").rglob("*.*") if path.suffix not in (".py", ".pyc")}
