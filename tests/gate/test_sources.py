import os
import sys
import sysconfig
from pathlib import Path

import bench
from bench.gate.sources import extra_entries, tree_entries


def test_what_the_interpreter_has_by_itself_is_no_entry_of_the_users(tmp_path):
    own = [sysconfig.get_path(name) for name in ("stdlib", "purelib", "scripts")]
    own += [f"{sysconfig.get_path('stdlib')}/lib-dynload", f"{sys.base_prefix}/lib/python311.zip"]
    users = [tmp_path / "lib", tmp_path / "other environment" / "site-packages"]
    for folder in users:
        folder.mkdir(parents=True)

    found = extra_entries(["", *own, *map(str, users), str(tmp_path / "nowhere"), "__editable__.x.__path_hook__"])

    assert found == [tmp_path / "lib"]


def test_the_folder_of_the_harness_is_the_users_only_where_pythonpath_names_it(tmp_path, monkeypatch):
    ours = Path(str(bench.__file__)).parents[1]
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert extra_entries([str(ours), str(tmp_path)]) == [tmp_path]

    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ours)]))
    assert extra_entries([str(ours), str(tmp_path)]) == [ours, tmp_path]


def test_an_entry_of_the_tree_becomes_the_same_entry_of_the_other_tree(tmp_path):
    for name in ("here/sub/deep", "there/sub/deep", "here/only", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "here" / "sub" / "deep")
    here, there = tmp_path / "here", tmp_path / "there"

    def mirrored(*entries):
        return tree_entries(there, there, [tmp_path / entry for entry in entries], here)

    assert mirrored("here/sub/deep", "outside") == [there, there / "sub/deep", tmp_path / "outside"]
    assert mirrored("link") == [there, there / "sub/deep"]
    assert mirrored("here/only") == [there]
    assert mirrored("here") == [there]


def test_sources_in_src_are_found_without_an_install(tmp_path):
    (tmp_path / "src").mkdir()

    assert tree_entries(tmp_path, tmp_path, [], Path(os.sep, "elsewhere")) == [tmp_path, tmp_path / "src"]
