"""TRL: which shape it takes the rows for, and what they are after its own chat templates."""

import json
import sys
from pathlib import Path

import trl
from datasets import concatenate_datasets, load_dataset
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from trl.data_utils import extract_prompt, is_conversational, maybe_apply_chat_template, maybe_unpair_preference_dataset

TEMPLATES = ("qwen3_training.jinja", "gemma_training.jinja", "llama3_training.jinja")
"""Templates that TRL trains with; Gemma's refuses what does not alternate between user and assistant."""


def main(folder: Path) -> None:
    """Writes {rows, conversational, columns after the template, unpaired rows}."""
    table = concatenate_datasets(list(load_dataset(str(folder)).values()))
    shapes = set()
    for template in TEMPLATES:
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>")
        tokenizer.chat_template = (Path(trl.__file__).parent / "chat_templates" / template).read_text()
        for row in table:
            told = maybe_apply_chat_template(row, tokenizer)
            shapes.add(tuple(sorted(told)))
            for column, text in told.items():
                said = row["messages" if column == "text" else column]
                if any(message["content"].strip() not in text for message in said):
                    sys.exit(f"{template} loses a part of {column}")
    found = {
        "rows": table.num_rows,
        "conversational": all(map(is_conversational, table)),
        "shapes": sorted(shapes),
    }
    if "chosen" in table.column_names:
        found["unpaired"] = maybe_unpair_preference_dataset(table).num_rows
        implicit = {side: table[0]["prompt"] + table[0][side] for side in ("chosen", "rejected")}
        found["prompt_found"] = extract_prompt(implicit)["prompt"] == table[0]["prompt"]
    json.dump(found, sys.stdout)


main(Path(sys.argv[1]))
