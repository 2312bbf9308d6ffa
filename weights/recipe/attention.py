"""Causal attention for training on a processor with matrix units: all products in bfloat16, by them.

PyTorch's own for CPUs takes twice as long, as most of its backward pass is not done by those units.
"""

from functools import cache

import torch
from torch import Tensor


@cache
def ahead(positions: int) -> Tensor:
    """(T, T): which keys are ahead of a query."""
    return torch.ones(positions, positions, dtype=torch.bool).triu(1)


class CausalAttention(torch.autograd.Function):
    """q, k, v (B, H, T, d) of one dtype -> (B, H, T, d)."""

    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (q * q.shape[-1] ** -0.5).contiguous(), k.contiguous(), v.contiguous()
        p = (q @ k.transpose(2, 3)).masked_fill_(ahead(q.shape[2]), -torch.inf).softmax(-1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    @staticmethod
    def backward(ctx, g: Tensor):
        q, k, v, p = ctx.saved_tensors
        g = g.contiguous()
        scores = torch._softmax_backward_data(g @ v.transpose(2, 3), p, -1, p.dtype)
        return (scores @ k) * q.shape[-1] ** -0.5, scores.transpose(2, 3) @ q, p.transpose(2, 3) @ g


causal_attention = CausalAttention.apply
