"""Harbor: every trajectory by its own models and validator of ATIF."""

import json
import sys
from pathlib import Path

from harbor.models.trajectories import Trajectory
from harbor.utils.trajectory_validator import TrajectoryValidator


def main(folder: Path) -> None:
    """Writes {trajectory id: steps}."""
    found = {}
    for file in sorted(folder.glob("trajectories/*/*.json")):
        validator = TrajectoryValidator()
        if not validator.validate(file):
            sys.exit(f"{file.name}: {validator.errors}")
        trajectory = Trajectory.model_validate_json(file.read_text())
        if trajectory.to_json_dict() != json.loads(file.read_text()):
            sys.exit(f"{file.name}: Harbor would write it otherwise")
        found[trajectory.trajectory_id] = len(trajectory.steps)
    json.dump(found, sys.stdout)


main(Path(sys.argv[1]))
