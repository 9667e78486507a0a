import contextlib
import hashlib
import signal
import subprocess
import sys

import pytest

from bench.errors import SpecError
from bench.gate import worktree
from bench.gate.worktree import Repository

HOLD = """
import sys
from pathlib import Path
from bench.gate.worktree import Repository
with Repository(Path(sys.argv[1])).temporary(sys.argv[2], Path(sys.argv[3])) as tree:
    print(tree, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path):
    return tmp_path / "cache" / "worktrees"


@contextlib.contextmanager
def held_elsewhere(project, home):
    """The worktree of another process."""
    arguments = [project.path, project.git("rev-parse", "v1"), home]
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield other, type(home)(other.stdout.readline().strip())
    finally:
        other.kill()
        other.communicate()


def worktrees(project):
    return project.git("worktree", "list", "--porcelain").count("worktree ")


def everything(project):
    """All that belongs to the user: files, index, refs, reflog, stash and state."""
    told = project.git("status", "--porcelain"), project.git("stash", "list"), project.git("for-each-ref")
    files = {  # the index too, which the status just refreshed
        str(file.relative_to(project.path)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(project.path.rglob("*"))
        if file.is_file() and "objects" not in file.parts
    }
    return files, told


def test_a_revision_is_there_for_as_long_as_it_is_needed(project, home):
    repository = Repository.around(project.path)

    with repository.temporary(repository.commit("v1"), home) as tree:
        assert (tree / "model.py").read_text() == "VALUE = 1\n"
        assert worktree.state(tree) == (project.git("rev-parse", "v1"), False)

    assert not tree.exists()
    assert list(home.iterdir()) == []
    assert worktrees(project) == 1


def test_it_goes_whatever_happens_in_it(project, home):
    repository = Repository.around(project.path)

    def disaster():
        with repository.temporary(repository.commit("v1"), home) as tree:
            (tree / "model.py").write_text("VALUE = 7\n")
            (tree / "left.py").write_text("")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        disaster()

    assert list(home.iterdir()) == []
    assert worktrees(project) == 1


def test_nothing_of_the_users_is_touched(project, home):
    project.put("model.py", "VALUE = 3\n")
    project.git("stash")
    project.put("model.py", "VALUE = 4\n")
    project.git("add", "model.py")
    project.put("model.py", "VALUE = 5\n")
    project.put("untracked.py", "")
    before = everything(project)
    repository = Repository.around(project.path)

    with repository.temporary(repository.commit("v1"), home):
        pass

    assert everything(project) == before


def test_no_hook_of_the_users_runs(project, home):
    hook = project.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {project.path}/hooked\n")
    hook.chmod(0o755)
    repository = Repository.around(project.path)

    with repository.temporary(repository.commit("v1"), home):
        pass
    assert not (project.path / "hooked").exists()

    project.git("checkout", "--quiet", "v1")
    assert (project.path / "hooked").exists()  # it would have


def test_a_hook_of_gits_may_start_it(project, home, monkeypatch):
    repository = Repository.around(project.path)
    index = project.path / ".git" / "index"
    before = index.read_bytes()
    monkeypatch.setenv("GIT_DIR", str(project.path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(index))
    monkeypatch.setenv("GIT_WORK_TREE", str(project.path))

    with repository.temporary(repository.commit("v1"), home) as tree:
        assert Repository.around(tree).top == tree.resolve()
        assert worktree.state(tree)[1] is False

    assert index.read_bytes() == before
    assert (project.path / "model.py").read_text() == "VALUE = 2\n"


def test_what_a_killed_process_left_is_cleared_away(project, home):
    with held_elsewhere(project, home) as (other, tree):
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert tree.exists()
        assert worktrees(project) == 2

    repository = Repository.around(project.path)
    with repository.temporary(repository.commit("v1"), home):
        assert not tree.exists()
        assert worktrees(project) == 2


def test_what_another_process_uses_is_left_alone(project, home):
    repository = Repository.around(project.path)
    with held_elsewhere(project, home) as (_, theirs):
        with repository.temporary(repository.commit("v1"), home) as tree:
            assert tree != theirs

        assert (theirs / "model.py").exists()
        assert worktrees(project) == 2


def test_a_worktree_that_somebody_deleted_is_no_error(project, home):
    repository = Repository.around(project.path)

    with repository.temporary(repository.commit("v1"), home) as tree:
        worktree.remove(tree)

    assert list(home.iterdir()) == []


def test_a_worktree_of_the_users_own_stays(project, home, tmp_path):
    project.git("worktree", "add", "--quiet", str(tmp_path / "theirs"), "v1")
    (tmp_path / "theirs").rename(tmp_path / "unplugged")  # on a disk that is not there now
    repository = Repository.around(project.path)

    with repository.temporary(repository.commit("v1"), home):
        pass

    assert "theirs" in project.git("worktree", "list")


def test_git_is_heard_when_it_cannot(project):
    with pytest.raises(SpecError, match=r"^git: .* already exists$"):
        Repository.around(project.path).add("v1", project.path)


def test_submodules_are_named(project, tmp_path, home):
    project.git("submodule", "--quiet", "add", project.path.as_uri(), "parts/inner")
    revision = project.commit()
    repository = Repository.around(project.path)

    with repository.temporary(revision, home) as tree:
        assert worktree.submodules(tree) == ["parts/inner"]
        assert list((tree / "parts" / "inner").iterdir()) == []
