"""A build backend that builds nothing: it tells pip the name and version that a source distribution states of itself.

pip asks a distribution's own backend for its metadata even when it only downloads. Here it asks this module instead,
whatever backend the distribution names, so that no code of the distribution runs.
"""

from __future__ import annotations

from email.parser import Parser
from pathlib import Path

BACKENDS = ("flit_core.buildapi", "hatchling.build", "setuptools.build_meta")


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    """See PEP 517; called by pip in the folder of the unpacked distribution."""
    stated = Parser().parsestr(Path("PKG-INFO").read_text())
    name, version = stated["Name"], stated["Version"]
    folder = Path(metadata_directory, f"{name}-{version}.dist-info")
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder.name


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: object = None) -> str:
    """Refuses; PEP 517 wants it to be there."""
    raise NotImplementedError("nothing is built here")


def stand_in(folder: Path) -> None:
    """Put modules named like BACKENDS into `folder`, which do what this one does; for the front of PYTHONPATH."""
    for backend in BACKENDS:
        package, _, module = backend.partition(".")
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()
        # a project without a pyproject.toml gets setuptools' backend by this name
        source = f"{Path(__file__).read_text()}\n\n__legacy__ = __import__('sys').modules[__name__]\n"
        (folder / package / f"{module}.py").write_text(source)
