import json
import re
import shutil
import subprocess
import threading
from importlib import metadata

import pytest

from bench.errors import SpecError
from bench.gate.declared import declared
from bench.gate.environments import Wanted, environment, harness_needs
from bench.gate.interpreter import packages
from bench.gate.worktree import Repository


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """Where environments go; pip looks for packages on this disk only."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return tmp_path / "environments"


@pytest.fixture
def wanted(project, tmp_path):
    """What a revision wants; its checkout is there as long as a gate's would be."""
    repository = Repository.around(project.path)
    kept = []

    def want(revision="HEAD", install=None, within="."):
        commit = repository.commit(revision)
        tree = tmp_path / f"checkout-{len(kept)}"
        repository.add(commit, tree)
        kept.append(tree)
        return Wanted(repository, commit, tree, tree / within, declared(tree, tree / within), install)

    return want


def tiny(python):
    """The version of the package tiny that an interpreter has."""
    done = subprocess.run([python, "-c", "import tiny; print(tiny.VERSION)"], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def refusal(wanted, homes):
    with pytest.raises(SpecError) as refused:
        environment(wanted, homes, needs=())
    return str(refused.value)


def require(project, text, name="requirements.txt"):
    project.put(name, text)
    return project.commit()


def test_it_has_what_the_revision_declares_and_not_what_is_here(project, wanted, homes, wheels):
    require(project, f"--find-links {wheels}\ntiny\n")
    require(project, "tiny==1\n", "constraints.txt")

    made = environment(wanted(), homes, needs=())

    assert tiny(made.python) == "1"
    assert made.folder.parent == homes
    assert "delete that directory" in made.note


def test_dependencies_of_a_pyproject_are_installed_without_the_project(project, wanted, homes, wheels, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    project.put("pyproject.toml", '[project]\nname = "model"\nversion = "1"\ndependencies = ["tiny<2"]\n')
    project.commit()

    made = environment(wanted(), homes, needs=())

    assert tiny(made.python) == "1"
    assert packages(made.python).keys() - {"pip", "setuptools"} == {"tiny"}


def test_the_harness_gets_what_it_needs_beside(project, wanted, homes, wheels, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))

    assert tiny(environment(wanted(), homes, needs=["tiny<2"]).python) == "1"


def test_the_harness_needs_what_its_distribution_demands():
    demanded = metadata.requires("wattmark")

    assert [re.split("[^a-z-]", line)[0] for line in harness_needs()] == ["nvidia-ml-py", "psutil"]
    assert set(harness_needs()) <= set(demanded)


def test_it_is_made_once_for_all_revisions_that_declare_the_same_and_for_no_other(project, wanted, homes, wheels):
    require(project, f"--find-links {wheels}\ntiny==1\n")
    first = environment(wanted(), homes, needs=())
    said = []
    require(project, f"# another comment\n--find-links {wheels}\n\ntiny==1  # and one more\n")

    again = environment(wanted(), homes, needs=(), say=said.append)

    assert (again.folder, again.note, said) == (first.folder, first.note, [])
    assert again.tree != first.tree

    require(project, f"--find-links {wheels}\ntiny==2\n")
    assert tiny(environment(wanted(), homes, needs=()).python) == "2"
    assert tiny(first.python) == "1"


def test_a_stale_environment_is_refused_by_the_names_of_the_packages(project, wanted, homes, wheels):
    require(project, f"--find-links {wheels}\ntiny==1\n")
    want = wanted()
    made = environment(want, homes, needs=())
    (packages,) = made.folder.glob("venv/lib/python*/site-packages")
    record = packages / "tiny-1.dist-info" / "RECORD"
    built = record.read_text()

    record.write_text(built + "tiny_more.py,,\n")
    assert "tiny 1 is another build" in refusal(want, homes)

    record.write_text(built)
    assert environment(want, homes, needs=()) == made

    pip = [made.python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--find-links", wheels, "tiny==2"], check=True)
    message = refusal(want, homes)
    assert "tiny was 1 and is 2" in message
    assert f"{made.folder} is not what it was" in message
    assert message.endswith("delete that directory and it is made anew")

    subprocess.run([*pip, "uninstall", "--yes", "tiny"], check=True)
    assert "tiny is gone" in refusal(want, homes)

    (packages / "extra-7.dist-info").mkdir()
    (packages / "extra-7.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 7\n")
    assert "extra 7 was added, tiny is gone" in refusal(want, homes)


def test_an_environment_whose_interpreter_is_gone_is_refused(project, wanted, homes):
    want = wanted()
    made = environment(want, homes, needs=())
    made.python.unlink()

    assert f"delete {made.folder}" in refusal(want, homes)


def test_one_that_was_never_finished_is_made_anew(project, wanted, homes, wheels, monkeypatch):
    require(project, "tiny==1\n")
    want = wanted()
    message = refusal(want, homes)
    assert "pip install" in message
    assert "No matching distribution found for tiny==1" in message
    assert len(list(homes.glob("*/install.log"))) == 1
    half = next(homes.glob("*/venv"))

    (wheels / "tiny-1-py3-none-any.whl").rename(want.tree / "tiny-1-py3-none-any.whl")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(want.tree / "pip.conf"))
    (want.tree / "pip.conf").write_text(f"[global]\nfind-links = {want.tree}\n")
    made = environment(want, homes, needs=())

    assert tiny(made.python) == "1"
    assert made.folder == half.parent


def test_two_gates_at_once_make_one_environment(project, wanted, homes):
    want = wanted()
    said, made = [], []
    gates = [
        threading.Thread(target=lambda: made.append(environment(want, homes, needs=(), say=said.append)))
        for _ in range(2)
    ]
    for one in gates:
        one.start()
    for one in gates:
        one.join()

    assert made[0] == made[1]
    assert len([text for text in said if text.startswith("making")]) == 1
    assert len([text for text in said if text.startswith("waiting")]) == 1


def test_a_lock_that_is_not_followed_is_said(project, wanted, homes, monkeypatch):
    project.put("pyproject.toml", '[project]\nname = "model"\nversion = "1"\n')
    require(project, 'version = 1\nrequires-python = ">=3.11"\n', "uv.lock")
    (homes.parent / "programs").mkdir()
    (homes.parent / "programs" / "git").symlink_to(shutil.which("git"))
    monkeypatch.setenv("PATH", str(homes.parent / "programs"))

    with pytest.raises(SpecError, match="--install"):
        environment(wanted(), homes, needs=())

    project.put("requirements.txt", "--no-index\n")
    project.commit()
    assert "follow its uv.lock" in environment(wanted(), homes, needs=()).note


def test_what_only_a_build_can_tell_is_asked_of_the_user(project, wanted, homes):
    require(project, "from setuptools import setup\nsetup(install_requires=['tiny'])\n", "setup.py")

    message = refusal(wanted(), homes)

    assert "the dependencies in setup.py cannot" in message
    assert "--install" in message
    assert list(homes.glob("*/venv")) == []


def test_a_command_installs_with_the_environments_own_python_in_its_own_checkout(project, wanted, homes):
    want = wanted("v1", install='python -c \'import sys; open("who", "w").write(sys.prefix)\'; cp model.py copied.py')

    made = environment(want, homes, needs=())

    assert (made.tree / "who").read_text() == str(made.folder / "venv")
    assert (made.tree / "copied.py").read_text() == "VALUE = 1\n"
    assert made.tree == made.folder / "tree"
    assert not (want.tree / "who").exists()


def test_a_command_that_fails_says_how(project, wanted, homes):
    message = refusal(wanted(install="echo ERROR: no compiler; exit 3"), homes)

    assert "ended with code 3: ERROR: no compiler" in message
    assert "install.log has all of it" in message


def test_what_may_link_into_a_checkout_belongs_to_one_revision(project, wanted, homes):
    first = environment(wanted("v1", install="true"), homes, needs=())
    second = environment(wanted("main", install="true"), homes, needs=())

    assert first.folder != second.folder
    assert (first.tree / "model.py").read_text() == "VALUE = 1\n"


def test_a_checkout_that_was_edited_is_refused_by_the_names_of_its_files(project, wanted, homes):
    want = wanted("v1", install="true")
    made = environment(want, homes, needs=())
    (made.tree / "model.py").write_text("VALUE = 9\n")

    assert "not what it was" in refusal(want, homes)
    assert "model.py" in refusal(want, homes)

    project.git("worktree", "remove", "--force", str(made.tree))
    assert "its checkout is gone" in refusal(want, homes)


def test_another_index_makes_another_environment_and_its_password_is_not_kept(project, wanted, homes, monkeypatch):
    first = environment(wanted(), homes, needs=())
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://me:secret@example.org/simple")

    made = environment(wanted(), homes, needs=())

    assert made.folder != first.folder
    stamp = (made.folder / "made.json").read_text()
    assert "secret" not in stamp
    assert json.loads(stamp)["revision"] == project.git("rev-parse", "HEAD")
