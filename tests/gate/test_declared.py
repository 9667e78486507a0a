import pytest

from bench.errors import SpecError
from bench.gate.declared import declared, differing, tied

PYPROJECT = """
[project]
name = "model"
version = "1"
requires-python = ">=3.11"
dependencies = ["torch>=2"]
[project.optional-dependencies]
data = ["pillow"]
[tool.ruff]
line-length = 100
"""


def changed(project, name, before, after):
    """The files that declare something else after a change."""
    project.put(name, before)
    one = declared(project.path, project.path)
    project.put(name, after)
    return differing(one, declared(project.path, project.path))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"torch>=2"', '"torch>=2.13"'),
        ('">=3.11"', '">=3.12"'),
        ('"pillow"', '"pillow>=12"'),
        ("[tool.ruff]", '[tool.uv]\nindex = [{url = "https://example.org"}]\n[tool.ruff]'),
        ('version = "1"', 'version = "1"\ndynamic = ["optional-dependencies"]'),
    ],
)
def test_a_pyproject_that_wants_other_packages_declares_something_else(project, before, after):
    assert changed(project, "pyproject.toml", PYPROJECT, PYPROJECT.replace(before, after)) == ["pyproject.toml"]


@pytest.mark.parametrize(("before", "after"), [('"1"', '"2"'), ("100", "120"), ("[project]", "# new\n[project]")])
def test_a_pyproject_that_wants_the_same_declares_the_same(project, before, after):
    assert changed(project, "pyproject.toml", PYPROJECT, PYPROJECT.replace(before, after)) == []


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-gpu.txt", "requirements/base.txt", "constraints.txt", "uv.lock"]
)
def test_lists_of_packages_declare_them(project, name):
    assert changed(project, name, "tiny==1\n", "tiny==2\n") == [name]


@pytest.mark.parametrize("name", ["poetry.lock", "setup.py", "Pipfile.lock"])
def test_a_file_that_only_one_tree_has_differs(project, name):
    one = declared(project.path, project.path)
    project.put(name, "anything")

    assert differing(one, declared(project.path, project.path)) == [name]


def test_comments_and_blank_lines_declare_nothing(project):
    before = "# tools\ntiny==1\n"

    assert changed(project, "requirements.txt", before, "\ntiny==1  # the small one\n") == []


def test_a_setup_cfg_declares_by_its_options_alone(project):
    before = "[options]\ninstall_requires = tiny\n[flake8]\nmax-line-length = 80\n"

    assert changed(project, "setup.cfg", before, before.replace("80", "100")) == []
    assert changed(project, "setup.cfg", before, before.replace("tiny", "tiny<2")) == ["setup.cfg"]


def test_the_directory_that_is_used_declares_too(project):
    project.put("packages/one/requirements.txt", "tiny\n")

    assert list(declared(project.path, project.path / "packages" / "one")) == ["packages/one/requirements.txt"]
    assert list(declared(project.path, project.path)) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "setup.cfg"])
def test_a_file_that_cannot_be_read_is_refused_by_its_name(project, name):
    project.put(name, "[project\nname = ")

    with pytest.raises(SpecError, match=name):
        declared(project.path, project.path)


@pytest.mark.parametrize(
    "line",
    [
        *("-e .", "--editable ./libs/tiny", ".", ".[data]", "./libs/tiny", "/opt/tiny", "tiny @ file:///opt/tiny"),
        *("-r more/deep.txt", "--constraint=pins/all.txt"),
    ],
)
def test_what_lies_in_the_tree_ties_an_environment_to_it(project, line):
    project.put("requirements.txt", f"torch\n{line}\n")

    assert tied(declared(project.path, project.path))


@pytest.mark.parametrize(
    "line",
    ["tiny==1", "-r requirements-base.txt", "--index-url https://example.org", "tiny @ https://example.org/t.whl"],
)
def test_what_comes_from_an_index_does_not(project, line):
    project.put("requirements-base.txt", "numpy\n")
    project.put("requirements.txt", f"torch\n{line}\n")

    assert not tied(declared(project.path, project.path))


def test_a_pyproject_with_a_path_and_a_lock_with_one_tie_too(project):
    project.put("pyproject.toml", '[project]\nname = "a"\ndependencies = ["tiny @ file:///opt/tiny"]\n')
    assert tied(declared(project.path, project.path))

    project.put("pyproject.toml", '[project]\nname = "a"\ndependencies = ["tiny"]\n')
    project.put("uv.lock", '[[package]]\nname = "a"\nsource = { editable = "." }\n')
    assert not tied(declared(project.path, project.path))

    project.put("uv.lock", '[[package]]\nname = "tiny"\nsource = { directory = "libs/tiny" }\n')
    assert tied(declared(project.path, project.path))
