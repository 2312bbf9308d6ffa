"""Muon: momentum whose update is made orthogonal, for the 2-D matrices between embedding and head.

Source: Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/
"""

from collections import defaultdict

import torch
import torch.distributed as dist
from torch import Tensor


def orthogonalise(g: Tensor, steps: int = 5) -> Tensor:
    """Newton-Schulz iteration: g (N, rows, cols) -> nearly U Vᵀ of each matrix's singular value decomposition."""
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic of the source: steep at 0, bounded on [0, 1]
    tall = g.shape[1] > g.shape[2]
    x = (g.transpose(1, 2) if tall else g).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        s = x @ x.transpose(1, 2)
        x = a * x + (b * s + c * (s @ s)) @ x
    return (x.transpose(1, 2) if tall else x).to(g.dtype)


def orthogonalise_together(stack: Tensor) -> Tensor:
    """orthogonalise(stack), each process doing its share of the N matrices."""
    if not dist.is_initialized():
        return orthogonalise(stack)
    mine = slice(dist.get_rank(), None, dist.get_world_size())
    whole = torch.zeros_like(stack)
    whole[mine] = orthogonalise(stack[mine])
    dist.all_reduce(whole)
    return whole


class Muon(torch.optim.Optimizer):
    """Nesterov momentum, orthogonalised; matrices of one shape are stepped together."""

    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            by_shape = defaultdict(list)
            for p in group["params"]:
                by_shape[p.shape].append(p)
            for (rows, cols), params in by_shape.items():
                updates = []
                for p in params:
                    buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    buffer.lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(buffer, group["momentum"]))
                scale = group["lr"] * max(1, rows / cols) ** 0.5
                for p, u in zip(params, orthogonalise_together(torch.stack(updates))):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-scale)
