"""Which distribution the module pynvml comes from: two others bring one of that name, and are in the way."""

from __future__ import annotations

from importlib import metadata


def wrong_distribution() -> str | None:
    """What to do about a distribution that replaces or shadows nvidia-ml-py's module pynvml; None where all is well."""
    found = [name for name in ("pynvml", "nvidia-ml-py3") if _installed(name)]
    if not found:
        return None
    names = " and ".join(found)
    return (
        f"{names} is installed and stands in the way of nvidia-ml-py, which brings the module pynvml: "
        f"pip uninstall {' '.join(found)}, then pip install --force-reinstall nvidia-ml-py"
    )


def _installed(distribution: str) -> bool:
    try:
        metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
