"""What makes so short a run learn to copy: lessons for attention, then values written by regression.

Copying what stands in the context is what edits need most and what a small model learns last. The circuit (Olsson et al.,
2022, arXiv 2209.11895) has three parts:

    ... a b ... a      previous-token heads: every position learns which token came before it
          ^     |      matching heads: at `a`, look at a position that came after an `a`
          +-----+      their values: raise the logit of what stands there, `b`

Lessons teach the first two by a loss on attention itself; regression() gives the third its first weights.
"""

import torch
from torch import Tensor

from model import Llama

TEACHING_HEADS = 2, 4, 4  # of the first three layers: previous token, matching, matching


def copies(tokens: list[int], length: int = 3) -> list[int]:
    """For each position, where its next token can be copied from: after the last place where the same `length`
    tokens stood, if the same token came next there; -1 elsewhere."""
    last, found = {}, [-1] * (len(tokens) - 1)
    for i in range(length - 1, len(tokens) - 1):
        run = tuple(tokens[i - length + 1 : i + 1])
        if tokens[last.get(run, i) + 1] == tokens[i + 1]:
            found[i] = last.get(run, -2) + 1
        last[run] = i
    return found


def lessons_for(model: Llama, tokens: Tensor) -> None:
    """Sets what some heads are to look at in the next pass over tokens (B, T + 1).

    a b c d . . a b c d
          ^         |        at the second c: what came after the first c
    """
    before = (torch.arange(tokens.shape[1] - 1) - 1).expand(len(tokens), -1)
    copied = torch.tensor([copies(row) for row in tokens.tolist()])
    for layer, heads, target in zip(model.model.layers, TEACHING_HEADS, (before, copied, copied)):
        layer.self_attn.lesson = heads, target


def surprise(model: Llama) -> Tensor:
    """Sum over the taught layers of how little they looked there; ends the lessons."""
    total = 0
    for layer in model.model.layers[: len(TEACHING_HEADS)]:
        total = total + layer.self_attn.lesson_loss
        layer.self_attn.lesson = layer.self_attn.lesson_loss = None
    return total


def regression(x: Tensor, y: Tensor) -> Tensor:
    """(out, in) matrix that takes rows of x to rows of y, by ridge regression."""
    ridge = 0.01 * x.square().sum() / x.shape[1] * torch.eye(x.shape[1])
    return torch.linalg.solve(x.T @ x + ridge, x.T @ y).T


@torch.no_grad()
def write_values(model: Llama, tokens: Tensor, scale: float = 4.0) -> None:
    """Gives the matching heads values that raise the logit of the token they look at. tokens (B, T): a sample.

    The values are a code of the token, read off the layer's input by regression; what the heads write is the
    direction that raises this token's logit and, the embedding being whitened, as few others as can be.
    """
    c, table = model.config, model.model.embed_tokens.weight
    groups = c.num_attention_heads // c.num_key_value_heads
    weight = torch.bincount(tokens.flatten(), minlength=len(table)).sqrt()[:, None]
    centred = table - table.mean(0)
    variance, basis = torch.linalg.eigh((weight * centred).T @ (weight * centred) / weight.square().sum())
    whiten = basis @ torch.diag((variance + 0.1 * variance.mean()).rsqrt()) @ basis.T
    mix = torch.linalg.qr(torch.randn(c.hidden_size, c.hidden_size, generator=torch.Generator().manual_seed(5)))[0]
    inputs = [[] for _ in model.model.layers]
    hooks = [
        layer.input_layernorm.register_forward_hook(lambda module, args, out, seen=seen: seen.append(out.flatten(0, 1)))
        for layer, seen in zip(model.model.layers, inputs)
    ]
    model(tokens)
    for hook in hooks:
        hook.remove()
    start = 0
    for layer, heads, (x,) in list(zip(model.model.layers, TEACHING_HEADS, inputs))[1:]:
        kv = heads // groups
        part = mix[:, start : start + kv * c.head_dim]
        start += kv * c.head_dim
        values = regression(x, (centred @ whiten @ part)[tokens.flatten()])
        out = (whiten @ part).view(c.hidden_size, kv, 1, c.head_dim).expand(-1, -1, groups, -1).flatten(1) / groups
        even = (out.norm() * scale / values.norm()).sqrt()  # the same norm for both factors
        layer.self_attn.v_proj.weight[: kv * c.head_dim] = values * even
        layer.self_attn.o_proj.weight[:, : heads * c.head_dim] = out * scale / even
