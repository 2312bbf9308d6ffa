"""Step 6: the checkpoint as others read it. run.pt -> WORK/foretoken-code-28m/ in bf16; in q8 or q4 -> ../foretoken-code-28m/{model.safetensors, config.json}"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import torch
from safetensors.torch import save_file

from common import EXPORT, MODEL, RECIPE, WORK
from model import Config, Llama


def convert(folder: Path, out: Path, dtype: str) -> None:
    """Another type of weights, by the package's own command."""
    subprocess.run(["node", RECIPE.parents[1] / "dist/cli/main.js", "convert", folder, out, "--dtype", dtype], check=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="run")
    parser.add_argument("--dtype", choices=["q8", "q4"], default="q8")
    args = parser.parse_args()
    saved = torch.load(WORK / f"{args.name}.pt", weights_only=True)
    model = Llama.from_state(Config(), saved["model"])
    weights = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in model.state_dict().items()}
    EXPORT.mkdir(exist_ok=True)
    save_file(weights, EXPORT / "model.safetensors")  # the head is the embedding: no tensor of its own
    (EXPORT / "config.json").write_text(json.dumps(Config().to_hf(), indent=2) + "\n")
    generation = {"bos_token_id": 0, "eos_token_id": 0, "do_sample": False}
    (EXPORT / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MODEL / name, EXPORT)
    quantised = WORK / "quantised"
    shutil.rmtree(quantised, ignore_errors=True)
    convert(EXPORT, quantised, args.dtype)
    shutil.copy(EXPORT / "generation_config.json", quantised)
    for name in ("model.safetensors", "config.json", "generation_config.json"):
        shutil.copy(quantised / name, MODEL)
    print(f"{sum(t.numel() for t in weights.values())} parameters after {saved['seen']} tokens")


if __name__ == "__main__":
    main()
