"""The model: a Llama-type decoder, small enough to train on two CPU cores.

Names follow Hugging Face's LlamaForCausalLM, so `state_dict()` is the checkpoint.
Shapes: B sequences, T positions, D width, H query heads, K kv heads, V vocab, L layers.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention import causal_attention
from rounding import activations, q4, rounded

# Of the embedding's first values. The final norm undoes it for the logits, so they start small, while tokens stay visible beside what the
# layers add to the residual stream.
EMBEDDING_SCALE = 0.2
LESSON_STRIDE = 4


@dataclass(frozen=True)
class Config:
    """The fields of config.json that shape the network."""

    vocab_size: int = 8192
    hidden_size: int = 512
    intermediate_size: int = 1408
    num_hidden_layers: int = 8
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    head_dim: int = 64
    max_position_embeddings: int = 2048
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5

    def to_hf(self) -> dict:
        """config.json as transformers reads it."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            **asdict(self),
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "attention_dropout": 0.0,
            "rope_scaling": None,
            "tie_word_embeddings": True,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "initializer_range": 0.02,
            "torch_dtype": "bfloat16",
            "use_cache": True,
        }


class Linear(nn.Linear):
    """x @ weightᵀ, and with `rounding` what decoding at q4 makes of it."""

    rounding = False

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(rounded(x, activations), rounded(self.weight, q4)) if self.rounding else F.linear(x, self.weight)


class RMSNorm(nn.Module):
    """weight * x / sqrt(mean(x²) + eps)"""

    def __init__(self, dim: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class HeadLoss(torch.autograd.Function):
    """Weighted mean cross entropy in nats of x (N, D) times embedding (V, D) transposed, and targets (N,), weights (N,).

    The gradient, softmax less one-hot, is known as soon as the loss is: both are made together, some rows at a time.
    """

    ROWS = 512

    @staticmethod
    def forward(ctx, x: Tensor, embedding: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        shares = (weights / weights.sum())[:, None]
        targets = targets[:, None]
        table = embedding.to(x.dtype)
        turned = table.T.contiguous()  # products with a transposed matrix copy it first
        towards_logits, loss = x.new_empty(len(x), len(table)), 0.0
        for start in range(0, len(x), HeadLoss.ROWS):
            rows = slice(start, start + HeadLoss.ROWS)
            p = torch.softmax(x[rows] @ turned, -1, out=towards_logits[rows])
            right = p.gather(1, targets[rows])
            loss = loss - (right.float().clamp(min=1e-30).log() * shares[rows]).sum()
            p.scatter_(1, targets[rows], right - 1).mul_(shares[rows].to(p.dtype))
        ctx.save_for_backward(towards_logits @ table, x.T.contiguous() @ towards_logits)
        return loss

    @staticmethod
    def backward(ctx, gradient: Tensor):
        towards_x, towards_turned = ctx.saved_tensors
        return towards_x * gradient, towards_turned.T.float() * gradient, None, None


def rope_tables(config: Config) -> tuple[Tensor, Tensor]:
    """(T, head_dim / 2) cosines and sines; pair i is (x[i], x[i + head_dim / 2])."""
    half = config.head_dim // 2
    frequency = config.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.outer(torch.arange(config.max_position_embeddings, dtype=torch.float64), frequency)
    return angle.cos().float(), angle.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """RoPE, halves convention. x (B, heads, T, head_dim); cos, sin (T, head_dim / 2)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Attention(nn.Module):
    """Causal grouped-query attention."""

    def __init__(self, c: Config):
        super().__init__()
        self.c = c
        self.lesson = None  # (B, heads, T) positions to look at, while copying is taught; see copying.py
        self.lesson_loss = None
        self.q_proj = Linear(c.hidden_size, c.num_attention_heads * c.head_dim, bias=False)
        self.k_proj = Linear(c.hidden_size, c.num_key_value_heads * c.head_dim, bias=False)
        self.v_proj = Linear(c.hidden_size, c.num_key_value_heads * c.head_dim, bias=False)
        self.o_proj = Linear(c.num_attention_heads * c.head_dim, c.hidden_size, bias=False)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, D) -> q, k, v (B, H, T, head_dim), rotated; keys and values repeated for each query head of their group."""
        B, T, _ = x.shape
        groups = self.c.num_attention_heads // self.c.num_key_value_heads
        q, k, v = (p(x).view(B, T, -1, self.c.head_dim).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate(q, cos, sin).to(v.dtype), rotate(k, cos, sin).to(v.dtype)
        return q, k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, H, T, head_dim) each -> (B, T, H * head_dim)"""
        if self.lesson is not None:
            self.lesson_loss = self.surprise(q, k, self.lesson)
        return causal_attention(q, k, v).transpose(1, 2).flatten(2)

    def surprise(self, q: Tensor, k: Tensor, target: Tensor) -> Tensor:
        """Mean -log of the attention that the first heads pay to positions target (B, heads, T); -1 is left out. Of every LESSON_STRIDE positions
        one is asked, from a random start on."""
        positions = torch.arange(int(torch.randint(LESSON_STRIDE, ())), q.shape[2], LESSON_STRIDE)
        target = target[:, :, positions]
        if not (target >= 0).any():
            return q.new_zeros(())
        heads = target.shape[1]
        future = torch.arange(q.shape[2]) > positions[:, None]
        scores = (q[:, :heads, positions] @ k[:, :heads].transpose(2, 3)).float() * self.c.head_dim**-0.5
        scores = scores.masked_fill(future, -torch.inf)
        wanted = scores.gather(3, target.clamp(min=0)[..., None]).squeeze(3)
        return (scores.logsumexp(3) - wanted)[target >= 0].mean()


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))"""

    def __init__(self, c: Config):
        super().__init__()
        self.gate_proj = Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.up_proj = Linear(c.hidden_size, c.intermediate_size, bias=False)
        self.down_proj = Linear(c.intermediate_size, c.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """One decoder block, norm before each half."""

    def __init__(self, c: Config):
        super().__init__()
        self.input_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.self_attn = Attention(c)
        self.post_attention_layernorm = RMSNorm(c.hidden_size, c.rms_norm_eps)
        self.mlp = MLP(c)

    def before(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x (B, T, D) -> what attention takes, see Attention.project."""
        return self.self_attn.project(self.input_layernorm(x), cos, sin)

    def after(self, x: Tensor, attended: Tensor) -> Tensor:
        """x (B, T, D), attended (B, T, H * head_dim) -> (B, T, D)"""
        x = x + self.self_attn.o_proj(attended)
        return x + self.mlp(self.post_attention_layernorm(x))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        return self.after(x, self.self_attn.attend(*self.before(x, cos, sin)))

    def compile(self) -> None:
        """Fuses what stands before and after attention: most of a step would be spent on moving numbers between its small operations."""
        self.before = torch.compile(self.before, dynamic=False)
        self.after = torch.compile(self.after, dynamic=False)


class Decoder(nn.Module):
    """Embedding, L layers, final norm."""

    def __init__(self, c: Config):
        super().__init__()
        self.embed_tokens = nn.Embedding(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(Layer(c) for _ in range(c.num_hidden_layers))
        self.norm = RMSNorm(c.hidden_size, c.rms_norm_eps)


class Llama(nn.Module):
    """tokens (B, T) -> logits (B, T, V). The head is the embedding, transposed."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        self.rounding = False
        self.model = Decoder(config)
        cos, sin = rope_tables(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.apply(self._init)
        nn.init.constant_(self.model.norm.weight, 0.02 / EMBEDDING_SCALE)

    @staticmethod
    def _init(module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=EMBEDDING_SCALE)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.5 * module.in_features**-0.5)
        elif isinstance(module, (Attention, MLP)):  # visited after its children: every block starts as the identity
            nn.init.zeros_((module.o_proj if isinstance(module, Attention) else module.down_proj).weight)

    @classmethod
    def from_state(cls, config: Config, state: dict[str, Tensor]) -> "Llama":
        """The model of a checkpoint."""
        model = cls(config)
        model.load_state_dict(state)
        return model

    def hidden(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """What the head multiplies: the last norm's output (B, T, D) and the embedding (V, D)."""
        T = tokens.shape[1]
        cos, sin = self.cos[:T], self.sin[:T]
        embedding = self.model.embed_tokens.weight
        if self.rounding:
            embedding = rounded(embedding, q4)
        x = F.embedding(tokens, embedding)
        for layer in self.model.layers:
            x = layer(x, cos, sin)
        x = self.model.norm(x)
        return rounded(x, activations) if self.rounding else x, embedding

    def forward(self, tokens: Tensor) -> Tensor:
        return F.linear(*self.hidden(tokens))

    def round(self, rounding: bool) -> None:
        """Whether matrices and what they multiply are rounded from now on (rounding.py)."""
        for module in self.modules():
            module.rounding = rounding

    def loss(self, tokens: Tensor, weights: Tensor) -> Tensor:
        """Mean cross entropy in nats of tokens[:, 1:] given what comes before, for training. tokens and their weights (B, T + 1)."""
        with torch.autocast("cpu", torch.bfloat16):
            x, embedding = self.hidden(tokens[:, :-1])
        return HeadLoss.apply(x.flatten(0, 1).bfloat16(), embedding, tokens[:, 1:].flatten(), weights[:, 1:].flatten())

    @torch.no_grad()
    def nats(self, tokens: Tensor) -> float:
        """The sum of the same, to the last digit."""
        return F.cross_entropy(self(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten(), reduction="sum").item()
