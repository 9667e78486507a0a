import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import SpecError
from bench.gate.naming import here, named


def meaning(name):
    return named("--base", name, here())


def refusal(name):
    with pytest.raises(SpecError) as refused:
        meaning(name)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", ["v1", "main~1", "HEAD^"])
def test_what_git_calls_a_commit_is_a_revision(project, name):
    found = meaning(name)

    assert (found.kind, found.revision, found.dirty) == ("revision", project.git("rev-parse", "v1"), False)


def test_a_directory_is_its_sources_whatever_git_calls_so(project):
    (project.path / "old").mkdir()
    project.git("branch", "old")

    found = meaning("old")

    assert (found.kind, found.directory) == ("directory", project.path / "old")


def test_a_directory_may_have_any_name(project, tmp_path):
    for name in ("two words", "-x", "--all"):
        (project.path / name).mkdir()

        assert meaning(name).directory == project.path / name


def test_an_environments_directory_is_its_interpreter(project, interpreter):
    folder = interpreter()

    found = meaning(str(folder))

    assert (found.kind, found.python, found.directory) == ("interpreter", folder / "bin/python", project.path)


def test_a_directory_with_a_program_called_python_is_no_environment_yet(project):
    project.put("tools/bin/python", "#!/bin/sh\n")

    assert meaning("tools").kind == "directory"


def test_an_interpreter_stays_the_link_that_it_is(project, interpreter):
    link = interpreter() / "bin" / "python"

    assert link.is_symlink()
    assert meaning(str(link)).python == link


def test_a_file_that_cannot_be_run_does_not_hide_a_branch(project):
    project.put("feature", "notes\n")
    project.git("branch", "feature")

    assert meaning("feature").kind == "revision"


@pytest.mark.parametrize("name", ["", " "])
def test_an_empty_name_is_refused_though_it_is_a_path(project, name):
    assert Path(name.strip()).is_dir()
    assert "--base is empty" in refusal(name)


@pytest.mark.parametrize("name", ["-x", "--all", "--output=stolen", "--git-dir=/", "-h"])
def test_a_name_with_a_dash_is_no_option_of_gits(project, name):
    assert "dash" in refusal(name)
    assert not (project.path / "stolen").exists()


@pytest.mark.parametrize(
    "name", ["v2", "^HEAD", "v1..main", "HEAD:model.py", "0" * 40, "x" * 5000, "a b", "$(id)", "'"]
)
def test_a_name_that_means_nothing_is_refused_with_what_would_be_right(project, name):
    message = refusal(name)

    assert message.startswith(f"--base {name}: no such commit in this repository;")
    assert message.endswith("or a directory of sources is needed")


def test_a_branch_that_only_the_remote_has_is_pointed_out(project, tmp_path, monkeypatch):
    project.git("branch", "release", "v1")
    subprocess.run(["git", "clone", "--quiet", project.path, tmp_path / "clone"], check=True)
    monkeypatch.chdir(tmp_path / "clone")

    assert "there is origin/release" in refusal("release")
    assert meaning("origin/release").kind == "revision"


def test_a_program_on_the_path_is_pointed_out(project, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")

    assert f"the interpreter of that name is {Path(sys.executable).parent}" in refusal(Path(sys.executable).name)


def test_a_shallow_clone_without_the_commit_says_fetch_depth(project, tmp_path, monkeypatch):
    first = project.git("rev-parse", "v1")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", project.path.as_uri(), clone], check=True)
    monkeypatch.chdir(clone)

    assert "fetch-depth: 0" in refusal(first)
    assert "fetch-depth: 0" in refusal("HEAD~1")
    assert meaning("HEAD").kind == "revision"


def test_outside_of_a_repository_no_name_is_a_revision(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert "not a git repository" in refusal("main")
    assert here().revision is None
    assert here().dirty is None


def test_a_changed_tracked_file_makes_the_directory_dirty(project):
    assert here().dirty is False

    project.put("model.py", "VALUE = 3\n")

    assert here().dirty is True
