"""The published weights as a checkpoint to go on from. ../foretoken-code-28m/ -> WORK/foretoken-code-28m/ in bf16 -> run.pt

The optimizer's state is not published: it starts afresh, and the data from the first file.
"""

import shutil

import torch
from safetensors.torch import load_file

from common import EXPORT, MODEL, WORK
from export import convert


def main() -> None:
    WORK.mkdir(exist_ok=True)
    shutil.rmtree(EXPORT, ignore_errors=True)
    convert(MODEL, EXPORT, "bf16")
    weights = {name: tensor.float() for name, tensor in load_file(EXPORT / "model.safetensors").items()}
    torch.save(dict(model=weights, optimizers=None, data=None, seen=0, spent=0.0, pointed=True, onwards=True), WORK / "run.pt")


if __name__ == "__main__":
    main()
