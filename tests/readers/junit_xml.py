"""JUnit XML: by the schema of Jenkins' xUnit plugin, which pytest holds its own reports to, and by `junitparser`."""

import json
import sys
from pathlib import Path

import xmlschema
from junitparser import JUnitXml


def main(folder: Path) -> None:
    """Writes {file name: [tests, failures, errors, skipped]}."""
    schema = xmlschema.XMLSchema(str(Path(sys.prefix) / "junit-10.xsd"))
    found = {}
    for file in sorted(folder.glob("reports/*/*.xml")):
        schema.validate(str(file))
        report = JUnitXml.fromfile(str(file))
        said = [report.tests, report.failures, report.errors, report.skipped]
        report.update_statistics()
        if said != [report.tests, report.failures, report.errors, report.skipped]:
            sys.exit(f"{file.name}: its totals are not those of its tests")
        found[file.name] = said
    json.dump(found, sys.stdout)


main(Path(sys.argv[1]))
