"""The published weights as a checkpoint to go on from. ../foretoken-code/model.safetensors -> run.pt

The optimizer's state is not published: it starts afresh, and the data from the first file.
"""

import torch
from safetensors.torch import load_file

from common import MODEL, WORK


def main() -> None:
    WORK.mkdir(exist_ok=True)
    weights = {name: tensor.float() for name, tensor in load_file(MODEL / "model.safetensors").items()}
    torch.save(dict(model=weights, optimizers=None, data=None, seen=0, spent=float("inf")), WORK / "run.pt")


if __name__ == "__main__":
    main()
