"""Hugging Face: the card as `huggingface_hub` reads it, and each of its configurations as `load_dataset` loads it."""

import json
import sys
from pathlib import Path

from datasets import get_dataset_config_names, load_dataset
from huggingface_hub import DatasetCard


def main(folder: Path) -> None:
    """Writes {license, tags, configs: {name: {split: {rows, columns, trace_ids}}}}."""
    data = DatasetCard.load(folder / "README.md", ignore_metadata_errors=False).data
    found = {}
    for name in [config["config_name"] for config in data.to_dict().get("configs", [])]:
        assert name in get_dataset_config_names(str(folder))
        loaded = load_dataset(str(folder), name)
        found[name] = {
            split: {
                "rows": table.num_rows,
                "columns": {column: str(feature) for column, feature in table.features.items()},
                "trace_ids": [one for one in table["trace_id"] if one] if "trace_id" in table.column_names else [],
            }
            for split, table in loaded.items()
        }
    viewer = data.to_dict().get("viewer", True)
    json.dump({"license": data.license, "tags": data.tags, "viewer": viewer, "configs": found}, sys.stdout)


main(Path(sys.argv[1]))
