"""SWE-bench's harness: instances and predictions as its evaluation loads and pairs them."""

import json
import sys
from pathlib import Path

from swebench.harness.run_evaluation import get_dataset_from_preds
from swebench.harness.utils import get_predictions_from_file, load_swebench_dataset, make_test_spec
from swebench.types import SWEbenchInstance

IMAGE = {
    "image": "calc:latest",
    "log_parser": "parse_log_pytest",
    "eval_type": "pass_and_fail",
    "eval_script": "pytest",
}
"""What a trace does not say and the harness must be told: how to build the repository and run its tests."""


def main(folder: Path) -> None:
    """Writes {instances, fields it lacks, tests of each, predictions, pairs that would be evaluated}."""
    instances, predictions, evaluated, lacking, tests = [], 0, 0, set(), []
    for file in sorted(folder.glob("instances/*.jsonl")):
        loaded = load_swebench_dataset(str(file))
        instances += [one["instance_id"] for one in loaded]
        lacking |= {name for one in loaded for name in SWEbenchInstance.__annotations__.keys() - one.keys()}
        tests += [make_test_spec({**one, **IMAGE}).FAIL_TO_PASS for one in loaded]
        for named in sorted(folder.glob(f"predictions/{file.name.split('-')[0]}-*.jsonl")):
            given = get_predictions_from_file(str(named), str(file), "test")
            by_id = {one["instance_id"]: one for one in given}
            predictions += len(given)
            evaluated += len(get_dataset_from_preds(str(file), "test", [], by_id, "run", False))
    found: dict[str, object] = {"instances": instances, "lacking": sorted(lacking), "tests": tests}
    found |= {"predictions": predictions, "evaluated": evaluated}
    json.dump(found, sys.stdout)


main(Path(sys.argv[1]))
