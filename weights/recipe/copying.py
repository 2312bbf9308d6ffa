"""What makes so short a run learn to copy: lessons for attention, then values written by regression.

Copying what stands in the context is what edits need most and what a small model learns last. The circuit (Olsson et al.,
2022, arXiv 2209.11895) has three parts:

    ... a b ... a      looking back: every position learns which tokens came before it
          ^     |      matching heads: at `a`, look at a position that came after an `a`
          +-----+      their values: raise the logit of what stands there, `b`

Lessons teach the first two by a loss on attention itself; regression() gives the third its first weights. Code repeats its pairs of tokens all the time, so
a match must be long to be the right one: a layer looks one, two, three and four tokens back. In edits that is not enough, as a changed name ends
every match: there lines are numbered, and beside each head that looks back another one (they share keys) looks at the number of its line, two of
them at its first token, two at its last.
"""

import numpy as np
import torch
from torch import Tensor

from model import Llama

LOOKING_BACK = 1, 2, 3, 4  # tokens, by pair of heads
MATCHING_HEADS = 4
# Layer 0 sees tokens alone, nothing that is the same at all positions, and would look back badly (0.6 of its attention where it should be).
LOOKING, MATCHING = 1, (2, 4, 6)  # layers
LONGEST_MATCH = 16


def copies(tokens: np.ndarray) -> np.ndarray:
    """For each position but the last, where its next token can be copied from: after the place before which most tokens are the same
    as here (two or more; of equal ones the last), if the same token came next there; -1 elsewhere."""
    found = np.full(len(tokens) - 1, -1)
    same = np.zeros(len(tokens), np.int64)  # same[j]: tokens that agree at the ends of tokens[: i + 1] and tokens[: j + 1]
    for i in range(1, len(tokens) - 1):
        same[1:i] = np.where(tokens[1:i] == tokens[i], same[: i - 1] + 1, 0)
        same[0], same[i] = tokens[0] == tokens[i], 0
        lengths = np.minimum(same[:i], LONGEST_MATCH)
        j = i - 1 - lengths[::-1].argmax()
        if lengths[j] >= 2 and tokens[j + 1] == tokens[i + 1]:
            found[i] = j + 1
    return found


def lessons_for(model: Llama, tokens: Tensor, marks: Tensor) -> None:
    """Sets what some heads are to look at in the next pass over tokens (B, T + 1).

    a b c d . . a b c d
          ^         |        at the second c: what came after the first c

    marks (B, T + 1, 4): of edits, see pack.py. The last layer that matches is taught to look into the instruction where the edit is; the ones before
    it, to look at what the edit replaces.
    """
    positions = torch.arange(tokens.shape[1] - 1)
    numbers = marks[:, :-1, 2:].unbind(2)
    before = [head for back in LOOKING_BACK for head in ((positions - back).clamp(min=-1).expand_as(numbers[0]), numbers[back % 2])]
    longest = torch.from_numpy(np.stack([copies(row) for row in tokens.numpy()]))
    source, told = marks[:, 1:, :2].unbind(2)
    copied = torch.where(source >= 0, source, longest)
    model.model.layers[LOOKING].self_attn.lesson = torch.stack(before, dim=1)
    for layer in MATCHING:
        target = torch.where(told >= 0, told, copied) if layer == MATCHING[-1] else copied
        model.model.layers[layer].self_attn.lesson = target[:, None].expand(-1, MATCHING_HEADS, -1)


def surprise(model: Llama) -> Tensor:
    """Sum over the taught layers of how little they looked there; ends the lessons."""
    total = 0
    for layer in model.model.layers:
        if layer.self_attn.lesson is not None:
            total = total + layer.self_attn.lesson_loss
            layer.self_attn.lesson = layer.self_attn.lesson_loss = None
    return total


def regression(x: Tensor, y: Tensor) -> Tensor:
    """(out, in) matrix that takes rows of x to rows of y, by ridge regression."""
    ridge = 0.01 * x.square().sum() / x.shape[1] * torch.eye(x.shape[1])
    return torch.linalg.solve(x.T @ x + ridge, x.T @ y).T


@torch.no_grad()
def write_values(model: Llama, tokens: Tensor, nats: float = 8.0) -> None:
    """Gives the matching heads values that raise the logit of the token they look at by about so many nats. tokens (B, T): a sample.

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
    residual = []
    hooks.append(model.model.norm.register_forward_hook(lambda module, args, out: residual.append(args[0])))
    model(tokens)
    for hook in hooks:
        hook.remove()
    dims = len(MATCHING) * MATCHING_HEADS // groups * c.head_dim  # of the code: its squared length, and so the logit's rise at scale 1
    scale = nats * residual[0].square().mean().sqrt() / (model.model.norm.weight.mean() * dims)
    start = 0
    for layer in MATCHING:
        attention, x, heads = model.model.layers[layer].self_attn, inputs[layer][0], MATCHING_HEADS
        kv = heads // groups
        part = mix[:, start : start + kv * c.head_dim]
        start += kv * c.head_dim
        values = regression(x, (centred @ whiten @ part)[tokens.flatten()])
        out = (whiten @ part).view(c.hidden_size, kv, 1, c.head_dim).expand(-1, -1, groups, -1).flatten(1) / groups
        even = (out.norm() * scale / values.norm()).sqrt()  # the same norm for both factors
        attention.v_proj.weight[: kv * c.head_dim] = values * even
        attention.o_proj.weight[:, : heads * c.head_dim] = out * scale / even
