"""Training for the types that decoding rounds to: q4 weights, 7-bit activations. Gradients pass straight through (Bengio et al., 2013, arXiv 1308.3432).

The rules are those of `src/formats/q4.ts` (GGUF's Q4_0) and of the q8 kernels: blocks of 32 along the last dimension.
"""

import torch
from torch import Tensor

BLOCK = 32
LEVELS = 63  # of activations, each way


@torch.compile(dynamic=False)
def q4(weight: Tensor) -> Tensor:
    """The value of largest magnitude becomes -8 times the scale, the scale a half; the others the nearest of 16 multiples."""
    blocks = weight.reshape(-1, BLOCK)
    largest = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    scale = (largest / -8).half().float()
    inverse = torch.where(scale == 0, 0.0, 1 / scale)
    return (blocks * inverse).add_(8.5).floor_().clamp_(0, 15).sub_(8).mul_(scale).view_as(weight)


@torch.compile(dynamic=False)
def activations(x: Tensor) -> Tensor:
    """Multiples of a block's largest magnitude / 63."""
    blocks = x.reshape(*x.shape[:-1], -1, BLOCK)
    scale = blocks.abs().amax(-1, keepdim=True).div_(LEVELS).clamp_(min=1e-30)
    return (blocks / scale).round_().mul_(scale).view_as(x)


class Rounded(torch.autograd.Function):
    """rounded(x, rule): rule(x) with the gradient of x."""

    @staticmethod
    def forward(ctx, x: Tensor, rule) -> Tensor:
        return rule(x)

    @staticmethod
    def backward(ctx, gradient: Tensor):
        return gradient, None


rounded = Rounded.apply
