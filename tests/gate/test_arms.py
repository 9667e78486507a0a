import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import bench
from bench.errors import SpecError
from bench.gate.arms import arms

ROOT = Path(__file__).parents[2]
WHERE = "import {0}; print({0}.__file__)"

# Builds the arms in an interpreter of its own, whose editable installs are then the running ones.
ELSEWHERE = f"""
import json, os, subprocess, sys
sys.path.append({str(ROOT)!r})
from pathlib import Path
from bench.gate.arms import arms
base, cache, *codes = sys.argv[1:]
with arms(base, cache=Path(cache)) as both:
    for place in (both.base, both.head):
        for path in (place.path, place.path[1:]):
            settings = {{**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}}
            for code in codes:
                done = subprocess.run([place.python, "-P", "-c", code], env=settings, cwd=place.directory,
                    capture_output=True, text=True)
                print(json.dumps(done.stdout.strip() or done.stderr.strip().splitlines()[-1]))
"""


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def value(module="model"):
    return f"import {module}; print({module}.VALUE)"


def refusal(*names, **options):
    with pytest.raises(SpecError) as refused, arms(*names, **options):
        pass
    message = str(refused.value)
    assert "\n" not in message
    return message


def in_an_interpreter(folder, base, cache, *codes):
    """What each code prints in base, in base without the guard, in head, and in head without it."""
    done = subprocess.run(
        [folder / "bin" / "python", "-c", ELSEWHERE, base, cache, *codes], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return [said[i : i + len(codes)] for i in range(0, len(said), len(codes))]


def test_base_runs_its_own_sources_and_head_those_here(project, cache, run):
    with arms("v1", cache=cache) as both:
        assert run(both.base, value()) == "1"
        assert run(both.head, value()) == "2"
        assert run(both.base, "import os; print(os.getcwd())") == str(both.base.directory)
        assert both.base.to_json() == {
            "name": "v1",
            "kind": "revision",
            "revision": project.git("rev-parse", "v1"),
            "dirty": False,
        }
        assert both.head.to_json()["kind"] == "here"
        assert both.head.to_json()["revision"] == project.git("rev-parse", "HEAD")
        assert both.head.python == both.base.python == Path(sys.executable)
        assert both.notes == ("v1 declares the dependencies of the tree here and runs on this interpreter.",)
        left = both.base.directory

    assert not left.exists()
    assert not both.base.path[0].exists()


def test_both_arms_may_be_revisions(project, cache, run):
    project.put("model.py", "VALUE = 3\n")

    with arms("v1", "main", cache=cache) as both:
        assert (run(both.base, value()), run(both.head, value())) == ("1", "2")


def test_a_directory_that_is_dirty_is_measured_as_it_lies_and_said(project, cache, run):
    project.put("model.py", "VALUE = 3\n")

    with arms("HEAD", cache=cache) as both:
        assert (run(both.base, value()), run(both.head, value())) == ("2", "3")
        assert both.head.dirty is True
        assert "The current directory has changes that are not committed." in both.notes
        assert not [note for note in both.notes if "same sources" in note]


def test_the_same_thing_twice_is_said(project, cache):
    for names in (("HEAD",), (".",), ("v1", "main~1"), (sys.executable,)):
        with arms(*names, cache=cache) as both:
            assert "Base and head are the same sources on the same interpreter." in both.notes


def test_another_directory_takes_the_place_of_this_one(project, cache, run, tmp_path):
    other = tmp_path / "an other"
    other.mkdir()
    (other / "model.py").write_text("VALUE = 7\n")
    (other / "requirements.txt").write_text("tiny\n")

    with arms("../an other", cache=cache) as both:
        assert (run(both.base, value()), run(both.head, value())) == ("7", "2")
        assert (both.base.revision, both.base.dirty) == (None, None)
        assert any("declares other dependencies" in note and "requirements.txt" in note for note in both.notes)

    assert other.exists()


def test_another_interpreter_runs_these_sources(project, cache, run, interpreter):
    folder = interpreter()

    with arms(str(folder), cache=cache) as both:
        assert run(both.base, "import sys; print(sys.prefix)") == str(folder)
        assert run(both.head, "import sys; print(sys.prefix)") == sys.prefix
        assert run(both.base, value()) == run(both.head, value()) == "2"
        assert both.base.revision == both.head.revision


def test_the_harness_is_the_running_one_in_both_arms(project, cache, run):
    project.put("bench/__init__.py", "")
    project.put("bench/server.py", "raise SystemExit('an old harness')\n")
    project.commit()
    files = sorted(str(file.relative_to(ROOT)) for file in Path(bench.__file__).parent.rglob("*.py"))

    with arms("HEAD", cache=cache) as both:
        for place in (both.base, both.head):
            harness = Path(run(place, WHERE.format("bench.server"))).parents[1]
            assert not harness.is_relative_to(ROOT)
            assert sorted(str(file.relative_to(harness)) for file in harness.rglob("*.py")) == files


def test_an_edit_of_the_harness_while_it_runs_reaches_no_arm(project, cache):
    with arms("HEAD", cache=cache) as both:
        assert not [path for path in both.base.path[1].rglob("*") if path.is_symlink()]
        assert both.base.path[1] == both.head.path[1]


def test_a_users_project_borrows_the_workloads_that_are_here(project, cache, run):
    project.put("workloads/__init__.py", "# the user's own, which has nothing to do with Wattmark's\n")
    project.commit()

    with arms("HEAD", cache=cache) as both:
        for place in (both.base, both.head):
            for module, name in (("workloads", "__init__.py"), ("workloads.bert", "bert.py")):
                file = Path(run(place, WHERE.format(module)))
                assert file.read_bytes() == (ROOT / "workloads" / name).read_bytes()


def test_a_revision_of_wattmark_uses_its_own_workloads(project, cache, run):
    shutil.copytree(ROOT / "workloads", project.path / "workloads")
    project.put("workloads/extra.py", "VALUE = 1\n")
    project.commit()
    project.put("workloads/extra.py", "VALUE = 2\n")

    with arms("HEAD", cache=cache) as both:
        assert run(both.base, value("workloads.extra")) == "1"
        assert run(both.head, value("workloads.extra")) == "2"
        assert Path(run(both.base, WHERE.format("workloads"))).is_relative_to(both.base.directory)


@pytest.mark.parametrize("how", ["path", "finder"])
def test_an_editable_install_of_head_is_not_what_base_measures(project, cache, interpreter, how):
    project.put("src/mine/__init__.py", "VALUE = 1\n")
    project.put("src/spread/one.py", "VALUE = 1\n")  # a namespace: no __init__.py
    project.commit()
    project.git("tag", "base")
    project.put("src/mine/__init__.py", "VALUE = 2\n")
    project.put("src/mine/new.py", "VALUE = 2\n")
    project.put("src/spread/new.py", "VALUE = 2\n")
    project.put("src/later.py", "VALUE = 2\n")
    project.put("src/apart/deep/one.py", "VALUE = 2\n")
    project.commit()
    (project.path / "src" / "__init__.py").touch()  # anything that the user has not committed
    lines = [str(project.path / "src")]
    if (
        how == "finder"
    ):  # as setuptools has it for a layout that no path can say: even in base's package it offers head's parts
        project.put("../finder/found.py", FINDER.format(str(project.path / "src")))
        lines = [str(project.path.parent / "finder"), "import found"]
    folder = interpreter(lines=lines)

    codes = [value("mine"), value("mine.new"), value("spread.new"), value("later"), "import apart.deep; print(2)"]
    base, leaking, head, _ = in_an_interpreter(folder, "base", cache, *codes)

    assert base[0] == leaking[0] == "1"
    assert head == ["2"] * 5
    assert leaking[3] == leaking[4] == "2"  # what would have been measured as base
    assert how == "path" or leaking[1] == "2"  # a part of head's package in base's
    for said in base[1:]:
        assert said.startswith("ModuleNotFoundError: No module named"), said
    assert base[3].endswith(f"{project.path}/src/later.py is the other arm's")


FINDER = """
import sys
from importlib.machinery import PathFinder


class Editable:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return PathFinder.find_spec(name, ["/".join([{0!r}, *name.split(".")[:-1]])], target)


sys.meta_path.append(Editable)
"""


def test_a_link_from_the_packages_into_heads_tree_is_not_what_base_measures(project, cache, interpreter):
    project.put("lib/linked/__init__.py", "VALUE = 2\n")
    project.commit()
    folder = interpreter()
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "linked").symlink_to(project.path / "lib" / "linked")

    base, leaking, head, _ = in_an_interpreter(folder, "v1", cache, value("linked"))

    assert base[0].startswith("ModuleNotFoundError")
    assert (leaking, head) == (["2"], ["2"])


def test_packages_are_open_to_both_arms_even_inside_of_heads_tree(project, cache, interpreter):
    folder = interpreter("project/.venv")
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependency.py").write_text("VALUE = 5\n")

    torch = "from importlib.util import find_spec; print(find_spec('torch').name)"
    base, _, head, _ = in_an_interpreter(folder, "v1", cache, value("dependency"), value(), torch)

    assert base == ["5", "1", "torch"]
    assert head == ["5", "2", "torch"]


def test_a_path_of_the_users_outside_of_the_tree_is_shared(project, cache, run, tmp_path, monkeypatch):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "shared.py").write_text("VALUE = 4\n")
    monkeypatch.syspath_prepend(tmp_path / "common")
    monkeypatch.syspath_prepend(tmp_path / "no such directory")

    with arms("v1", cache=cache) as both:
        assert run(both.base, value("shared")) == run(both.head, value("shared")) == "4"


def test_no_package_of_this_interpreter_reaches_another_one(project, cache, interpreter):
    with arms(str(interpreter()), cache=cache) as both:
        assert not [entry for entry in both.base.path if entry.is_relative_to(sys.prefix)]
        assert sysconfig.get_path("purelib") not in map(str, both.base.path)


def test_a_sitecustomize_of_the_users_still_runs(project, cache, run):
    project.put("sitecustomize.py", "import sys\nsys.customized = 'yes'\n")
    project.commit()

    with arms("HEAD", cache=cache) as both:
        for place in (both.base, both.head):
            assert run(place, "import sys; print(sys.customized, type(sys.meta_path[0]).__name__)") == "yes Closed"


def test_a_directory_within_the_repository_has_its_like_in_base(project, cache, run, monkeypatch):
    project.put("packages/one/model.py", "VALUE = 5\n")
    project.commit()
    project.put("packages/one/model.py", "VALUE = 6\n")
    monkeypatch.chdir(project.path / "packages" / "one")

    with arms("HEAD", cache=cache) as both:
        assert (run(both.base, value()), run(both.head, value())) == ("5", "6")
        assert both.base.directory.parts[-2:] == ("packages", "one")

    assert "--base v1: it has no directory packages/one" in refusal("v1", cache=cache)
    assert list((cache / "worktrees").iterdir()) == []


def test_two_directories_of_one_tree_may_share_what_lies_beside_them(project, cache, run, monkeypatch):
    project.put("old/model.py", "VALUE = 8\n")
    project.put("new/model.py", "VALUE = 9\n")
    project.put("common/beside.py", "VALUE = 3\n")
    monkeypatch.chdir(project.path / "new")
    monkeypatch.syspath_prepend(project.path / "common")

    with arms("../old", cache=cache) as both:
        assert (run(both.base, value()), run(both.head, value())) == ("8", "9")
        assert run(both.base, value("beside")) == run(both.head, value("beside")) == "3"


def test_submodules_that_base_lacks_are_said(project, cache):
    project.git("submodule", "--quiet", "add", project.path.as_uri(), "inner")
    project.commit()

    with arms("HEAD", cache=cache) as both:
        assert "The submodules of HEAD are not checked out: inner." in both.notes


def test_a_revision_with_other_dependencies_gets_an_environment_of_its_own(project, cache, wheels, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    monkeypatch.setattr("bench.gate.environments.harness_needs", lambda: ["tiny"])
    project.put("requirements.txt", "tiny==1\n")
    project.commit()
    project.put("requirements.txt", "tiny==2\n")

    message = refusal("HEAD", cache=cache)

    assert message.startswith(f"--base HEAD: {cache}/environments/")
    assert "has no torch and no psutil" in message
    assert "--install" in message


def test_a_revision_may_be_installed_by_a_command(project, cache, run):
    borrow = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"
    script = f"import sysconfig; open(sysconfig.get_path('purelib') + '/a.pth', 'w').write({borrow!r})"
    install = f"python -c {shlex.quote(script)}"

    said = []
    for _ in range(2):
        with arms("v1", install=install, cache=cache, say=said.append) as both:
            assert run(both.base, value()) == "1"
            assert both.base.environment is not None
            assert run(both.base, "import sys; print(sys.prefix)") == f"{both.base.environment}/venv"
            assert both.head.python == Path(sys.executable)
            assert any("v1 has --install: its environment is" in note for note in both.notes)

    assert len([text for text in said if text.startswith("making")]) == 1

    (both.base.directory / "model.py").write_text("VALUE = 9\n")
    message = refusal("v1", install=install, cache=cache)
    assert message.startswith(f"--base v1: {both.base.environment} is not what it was")
    assert "model.py" in message


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo hello", "is not a Python: asked for its version, it said 'nothing'"),
        ("echo 5", "is not a Python"),
        ("echo no >&2; exit 1", "is not a Python: asked for its version, it said 'no'"),
        ("""echo '{"version": [3, 8, 10]}'""", "is Python 3.8.10; 3.11 or newer is needed"),
        (f'exec {sys.executable} -E "$@"', "does not heed PYTHONPATH"),
    ],
)
def test_an_interpreter_that_cannot_measure_is_refused(project, cache, tmp_path, script, reason):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)

    message = refusal(str(program), cache=cache)

    assert message.startswith(f"--base {program}: {program} ")
    assert reason in message


def test_a_program_that_does_not_start_is_refused(project, cache, tmp_path):
    program = tmp_path / "program"
    program.write_bytes(b"\x00\x01")
    program.chmod(0o755)

    assert "cannot be run" in refusal(str(program), cache=cache)


def test_an_interpreter_without_torch_is_refused_before_anything_is_checked_out(project, cache, interpreter):
    folder = interpreter(borrow=False)

    message = refusal("v1", str(folder), cache=cache)

    assert message.startswith(f"--head {folder}: {folder}/bin/python has no torch and no psutil")
    assert not cache.exists()


def test_a_path_that_pythonpath_cannot_carry_is_refused(project, cache, tmp_path):
    other = tmp_path / f"one{os.pathsep}two"
    other.mkdir()

    assert "cannot be an entry of PYTHONPATH" in refusal(str(other), cache=cache)


def test_a_cache_that_cannot_be_written_is_refused(project, tmp_path):
    (tmp_path / "file").write_text("")

    assert refusal("v1", cache=tmp_path / "file").startswith(f"--base v1: {tmp_path}/file")


def test_no_path_in_a_judgement_names_the_user(project, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "other").mkdir()

    with arms(str(tmp_path / "other"), cache=cache) as both:
        assert both.base.to_json()["name"] == "~/other"
