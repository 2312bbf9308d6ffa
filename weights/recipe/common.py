"""Paths and small helpers that every step of the recipe shares."""

import json
import os
from pathlib import Path

RECIPE = Path(__file__).resolve().parent
MODEL = RECIPE.parent / "foretoken-code-28m"
WORK = Path(os.environ.get("FORETOKEN_TRAIN", RECIPE / "work"))  # corpus, tokens, checkpoints: never committed
EXPORT = WORK / MODEL.name  # in bfloat16, for transformers
END_OF_TEXT = "<|endoftext|>"  # id 0


def read_jsonl(path: Path) -> list[dict]:
    """One JSON object per line."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_jsonl(path: Path, rows) -> None:
    """One JSON object per line."""
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
