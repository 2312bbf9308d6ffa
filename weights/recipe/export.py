"""Step 6: the checkpoint as others read it. run.pt -> ../foretoken-code/{model.safetensors, config.json}"""

import argparse
import json

import torch
from safetensors.torch import save_file

from common import MODEL, WORK
from model import Config, Llama


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="run")
    saved = torch.load(WORK / f"{parser.parse_args().name}.pt", weights_only=True)
    model = Llama.from_state(Config(), saved["model"])
    if len(model.model.layers) < model.config.num_hidden_layers:
        model.grow()  # an early checkpoint: the same function in the final shape
    weights = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in model.state_dict().items()}
    MODEL.mkdir(exist_ok=True)
    save_file(weights, MODEL / "model.safetensors")  # the head is the embedding: no tensor of its own
    (MODEL / "config.json").write_text(json.dumps(Config().to_hf(), indent=2) + "\n")
    generation = {"bos_token_id": 0, "eos_token_id": 0, "do_sample": False}
    (MODEL / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    print(f"{sum(t.numel() for t in weights.values())} parameters after {saved['seen']} tokens")


if __name__ == "__main__":
    main()
