"""The house: imports only point down, and heavy or vendor libraries stay where they belong."""

import ast
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# From the bottom up; a module imports only from lines above its own.
LAYERS = (
    ("errors", "metric", "peaks", "distribution", "identity", "counted", "typed"),
    ("case", "statistics", "gating"),
    ("record", "roof"),
    ("reach", "figures", "entry"),
    ("matrix", "store", "rates", "pair", "peak_table", "profile", "labels"),
    ("comparison", "plausible", "force"),
    ("measured_peaks", "caveats", "scaling"),
    ("judge",),
    ("machine", "nvml", "workload", "stopping", "covariates", "idle", "baseline"),
    ("environment", "foreign", "sampler"),
    ("device", "meters", "probe", "operators"),
    ("measuring", "precision", "own_step", "counters", "profiling", "compiling", "waiting"),
    ("split", "joules"),
    ("job",),
    ("building",),
    ("deviation",),
    ("replicate", "engines"),
    ("chunks",),
    ("doctor",),
    ("server", "fit", "book"),
    ("run", "progress", "catalogue"),
    ("measurement", "peaking"),
    ("gate",),
    ("cli", "pytest_plugin"),
)
PURE = {
    *(
        "errors",
        "identity",
        "metric",
        "case",
        "record",
        "statistics",
        "entry",
        "matrix",
        "store",
        "rates",
        "comparison",
    ),
    *("peaks", "plausible", "caveats", "gating", "pair", "judge", "roof", "measured_peaks", "profile", "force"),
    *("labels", "scaling", "counted", "typed"),
}
ONLY_IN = {
    "pynvml": {str(path.relative_to(ROOT)) for path in (ROOT / "bench/nvml").glob("*.py")},
    "amdsmi": {"bench/meters/amd.py"},
    "zeus_apple_silicon": {"bench/meters/apple.py"},
    "msgspec": {"bench/typed.py"},
    "rich": {"bench/progress.py", "reports/terminal.py"},
    "jinja2": {"reports/html.py"},
    "xlsxwriter": {"reports/plan/workbook.py"},
    "typer": {f"bench/cli/{name}.py" for name in ("app", "measure", "gate", "baseline", "plan", "peaks", "profile")},
}


def imports(path):
    """Full names of the modules a file imports, at whatever depth; those for type checkers only are left out."""
    tree = ast.parse(path.read_text())
    skipped = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path):
    """The layer name of a file of bench."""
    relative = path.relative_to(ROOT / "bench")
    return relative.parts[0].removesuffix(".py")


def rank(module):
    return next((number for number, names in enumerate(LAYERS) if module in names), None)


def sources(package):
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", sources("bench"), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_within_bench_only_point_down(path):
    own = module_of(path)
    if own in ("__init__", "__main__"):
        return
    assert rank(own) is not None, f"{own} has no place in LAYERS"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "bench" and len(parts) > 1 and parts[1] != own and (ROOT / "bench" / parts[1]).parent.exists():
            below = rank(parts[1])
            assert below is None or below < rank(own), f"{path.name} imports {name}"
            known = below is not None or not any((ROOT / "bench").glob(f"{parts[1]}*"))
            assert known, f"{name} has no place in LAYERS"


@pytest.mark.parametrize("path", sources("workloads"), ids=lambda path: str(path.relative_to(ROOT)))
def test_workloads_know_nothing_of_the_harness_or_the_reports(path):
    assert not [name for name in imports(path) if name.split(".")[0] in ("bench", "reports")]


@pytest.mark.parametrize("path", sources("reports"), ids=lambda path: str(path.relative_to(ROOT)))
def test_reports_know_only_the_pure_half_of_bench_and_no_torch(path):
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] not in ("torch", "transformers", "workloads"), name
        assert parts[0] != "bench" or len(parts) == 1 or parts[1] in PURE | {"__version__"}, name


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_vendor_library_stays_in_its_file(library):
    found = {
        str(path.relative_to(ROOT))
        for package in ("bench", "workloads", "reports")
        for path in sources(package)
        if any(name.split(".")[0] == library for name in imports(path))
    }

    assert found <= ONLY_IN[library]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["run", "--help"], ["run", "no-such-matrix"], ["doctor", "--record", "."]]
)
def test_the_parent_does_not_import_torch(arguments):
    script = (
        "import sys; sys.argv = ['wattmark', *sys.argv[1:]]\n"
        "from bench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, cwd=ROOT)

    assert done.stderr.splitlines()[-1] == "False"


def test_no_file_has_two_ideas():
    long = {
        str(path.relative_to(ROOT)): count
        for package in ("bench", "workloads", "reports")
        for path in sources(package)
        if (count := len(path.read_text().splitlines())) > 300
    }

    assert long == {}


@pytest.mark.parametrize("package", ["bench", "reports", "workloads"])
def test_no_imports_go_round_in_circles(package):
    names = {str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path for path in sources(package)}
    imported = {name: imports(path) for name, path in names.items()}
    graph = {
        name: {known for known in names if known != name and any(f"{one}.".startswith(f"{known}.") for one in found)}
        for name, found in imported.items()
    }

    TopologicalSorter(graph).prepare()


def test_every_package_is_installed():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent for package in ("bench", "workloads", "reports") for path in sources(package)}

    assert {".".join(folder.relative_to(ROOT).parts) for folder in folders} == set(packages)
