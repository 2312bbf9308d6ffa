"""Step 5: train. Muon for the matrices, AdamW for the embedding and norms; the clock, not a step count, drives the schedule.

    python train.py --minutes 110            from nothing
    python train.py --minutes 60 --resume    go on from the last checkpoint, with a schedule of its own

One process a core, each with its own half of every batch: on a machine with other work this is about 1.5 times
as fast as one process with two threads, which wait for each other in every operation.
"""

import argparse
import csv
import json
import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from common import WORK
from copying import lessons_for, surprise, write_values
from model import Config, Llama
from muon import Muon


@dataclass(frozen=True)
class Course:
    """The schedule of a run. Everything is a share of the time, so that the run ends when it should."""

    positions: list[tuple[float, int]]
    batches: list[tuple[float, int]]  # tokens
    pair_shares: list[tuple[float, float]]  # of the sequences begin with edit pairs, and hold nothing else while whole ones fit
    repeat_shares: list[tuple[float, float]]  # of the sequences repeat a random segment, to learn to copy
    teach_until: float  # heads are told what to look at (copying.py)
    fall_from: float  # from here on the learning rate falls linearly to 0
    round_from: float  # from here on every other part of a batch is computed as at q4 (rounding.py)


FROM_NOTHING = Course(
    positions=[(0.0, 256), (0.1, 512), (0.75, 1024), (0.92, 2048)],
    batches=[(0.0, 8192), (0.2, 16384)],
    pair_shares=[(0.0, 0.33), (0.34, 0.45)],
    repeat_shares=[(0.0, 0.25), (0.1, 0.1), (0.2, 0.0)],
    teach_until=0.85,
    fall_from=0.4,
    round_from=0.7,
)
ONWARDS = Course(
    positions=[(0.0, 1024), (0.94, 2048)],
    batches=[(0.0, 16384)],
    pair_shares=[(0.0, 0.6)],
    repeat_shares=[(0.0, 0.0)],
    teach_until=0.85,
    fall_from=0.3,
    round_from=0.4,
)
VALUES_AT = 0.1  # of a run from nothing: heads look where they were told to, and their values are written
LESSON_WEIGHT = 0.7
EVAL_BYTES = 60_000


class Data:
    """Sequences in reading order; `state` is all that a checkpoint must keep."""

    def __init__(self, rank: int, ranks: int):
        docs = np.memmap(WORK / "docs.bin", np.uint16, "r")
        self.docs = docs[rank * len(docs) // ranks : (rank + 1) * len(docs) // ranks]
        self.pairs = np.memmap(WORK / "pairs.bin", np.uint16, "r")
        self.marks = np.memmap(WORK / "pairs-marks.bin", np.int16, "r").reshape(-1, 4)
        ends = np.fromfile(WORK / "pairs-ends.bin", np.int64)
        starts = np.concatenate(([0], ends[:-1]))
        length = ends - starts
        bounds = [(0, 257), (257, 513), (513, 1025), (1025, 2049)]  # the pair must fit a sequence whole
        self.pools = [list(zip(starts[m], ends[m]))[rank::ranks] for lo, hi in bounds for m in [(length > lo) & (length <= hi)]]
        self.state = {"doc": 0, "pool": [0, 0, 0, 0], "seed": rank << 32}

    def _docs(self, count: int) -> np.ndarray:
        if self.state["doc"] + count > len(self.docs):
            self.state["doc"] = 0
        at = self.state["doc"]
        self.state["doc"] += int(count)
        return self.docs[at : at + count]

    def repeated(self, positions: int, rng: np.random.Generator) -> np.ndarray:
        """A random segment of distinct tokens, again and again: nothing but copying predicts it."""
        tokens = rng.permutation(np.unique(self._docs(positions + 1)))
        segment = tokens[: rng.integers(8, 128)]
        return np.resize(segment, positions + 1)

    def sequence(self, positions: int, pair_share: float, repeat_share: float) -> tuple[np.ndarray, np.ndarray]:
        """positions + 1 tokens, and their marks (pack.py)."""
        self.state["seed"] += 1
        rng = np.random.default_rng(self.state["seed"])
        marks = np.full((positions + 1, 4), -1, np.int16)
        kind = rng.random()
        if kind < repeat_share:
            return self.repeated(positions, rng), marks
        if kind > repeat_share + pair_share:
            return self._docs(positions + 1), marks
        pieces, room = [], positions + 1
        fitting = [i for i in range(4) if 256 << i <= positions]
        while True:
            pool = int(rng.choice(fitting))
            at = self.state["pool"][pool] % len(self.pools[pool])
            start, end = self.pools[pool][at]
            if end - start > room:
                break
            self.state["pool"][pool] += 1
            at = positions + 1 - room
            pieces.append(self.pairs[start:end])
            marks[at : at + end - start] = np.where(self.marks[start:end] < 0, -1, self.marks[start:end] + at)
            room -= end - start
        return np.concatenate([*pieces, self._docs(room)]), marks

    def batch(self, sequences: int, positions: int, *shares: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (sequences, positions + 1) and their marks (sequences, positions + 1, 4), int64."""
        rows = zip(*(self.sequence(positions, *shares) for _ in range(sequences)))
        tokens, marks = (torch.from_numpy(np.stack(r).astype(np.int64)) for r in rows)
        return tokens, marks


def evaluation_set() -> tuple[list[torch.Tensor], int]:
    """A fixed part of every held-out package: whole files of up to 1024 tokens, and their bytes."""
    rows = json.loads((WORK / "heldout.json").read_text())
    chosen, size = [], 0
    for row in sorted(rows[::3], key=lambda r: len(r["tokens"]) % 97):
        if 200 < len(row["tokens"]) <= 1024 and size < EVAL_BYTES:
            chosen.append(torch.tensor([[0, *row["tokens"]]]))
            size += row["bytes"] + 1
    return chosen, size


@torch.no_grad()
def bits_per_byte(model: Llama, held_out: list[torch.Tensor], size: int) -> float:
    """Bits per byte of the fixed held-out part, of which `held_out` is this process's share.

    The end-of-text after each file counts as a byte.
    """
    nats = torch.tensor(sum(map(model.nats, held_out)), dtype=torch.float64)
    dist.all_reduce(nats)
    return nats.item() / size / np.log(2)


def at(schedule: list[tuple[float, float]], progress: float):
    """The value of the last entry whose start has come."""
    return [value for start, value in schedule if progress >= start][-1]


def rate(progress: float, warm: float, fall_from: float) -> float:
    """Share of the full learning rate."""
    return min(1.0, warm, max(0.0, (1 - progress) / (1 - fall_from)))


def weights_of(marks: torch.Tensor) -> torch.Tensor:
    """What tokens count for: those that an edit copies twice as much as others; seven times those that it changes, and those where the copy leaves off."""
    source, told = marks[..., 0], marks[..., 1]
    before = source.roll(1, dims=-1)
    leaves = (before >= 0) & (source != before + 1)
    return 1.0 + (source >= 0) + 5.0 * ((told >= 0) | leaves)


def average_gradients(parameters: list[torch.Tensor]) -> None:
    """The mean over all processes, in place, by one message."""
    flat = torch.cat([p.grad.flatten() for p in parameters])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, g in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(g.view_as(p))


def optimizers_for(model: Llama, args: argparse.Namespace):
    """The two optimizers; each of their groups keeps its full learning rate as `full`."""
    named = list(model.named_parameters())
    matrices = [p for n, p in named if p.ndim == 2 and "embed" not in n]
    embedding = dict(params=[p for n, p in named if "embed" in n], full=args.embedding_rate)
    norms = dict(params=[p for _, p in named if p.ndim == 1], full=args.norm_rate)
    return [
        Muon([dict(params=matrices, full=args.matrix_rate)], lr=args.matrix_rate),
        torch.optim.AdamW([embedding, norms], lr=args.norm_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def run(rank: int, args: argparse.Namespace) -> None:
    """One of the processes. Their weights stay equal: same start, same gradients."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch._dynamo.config.recompile_limit = 64  # layers, lengths of sequences and rounding each need code of their own; beyond the limit none is used
    torch.set_flush_denormal(True)  # attention is sharp, its small probabilities made a step half as slow again
    dist.init_process_group("gloo", f"file://{WORK}/{args.name}.rendezvous", rank=rank, world_size=args.processes)
    first = rank == 0

    data, config = Data(rank, args.processes), Config()
    path, log = WORK / f"{args.name}.pt", WORK / f"{args.name}.csv"
    saved = torch.load(path, weights_only=True) if args.resume else None
    model = Llama.from_state(config, saved["model"]) if saved else Llama(config)
    for layer in model.model.layers:
        layer.compile()
    optimizers = optimizers_for(model, args)
    seen, spent, pointed, onwards = 0, 0.0, False, False
    if saved:
        for optimizer, state in zip(optimizers, saved["optimizers"] or []):
            optimizer.load_state_dict(state)
        data.state, seen, spent = saved["data"][rank] if saved["data"] else data.state, saved["seen"], saved["spent"]
        pointed, onwards = saved["pointed"], saved["onwards"]
    elif first:
        log.write_text("tokens,minutes,rate,train_loss,heldout_bits_per_byte\n")
    course = ONWARDS if onwards else FROM_NOTHING
    started = seen
    held_out, size = evaluation_set()
    held_out = held_out[rank :: args.processes]
    began = time.monotonic() - spent
    next_eval, next_save, losses, step = spent + 300, spent + 240, [], 0

    def evaluate() -> None:
        bpb = bits_per_byte(model, held_out, size)
        row = [seen, f"{clock / 60:.2f}", f"{share:.3f}", f"{np.mean(losses or [0]):.4f}", f"{bpb:.4f}"]
        if first:
            with open(log, "a") as file:
                csv.writer(file, lineterminator="\n").writerow(row)
            print(f"held out {bpb:.4f} bits per byte", flush=True)
        losses.clear()

    def save(spent: float) -> None:
        """`spent`: seconds of the schedule; of a finished one 0, so that going on begins a new one."""
        states = [None] * args.processes
        dist.all_gather_object(states, data.state)
        if first:
            parts = dict(model=model.state_dict(), optimizers=[o.state_dict() for o in optimizers])
            going = dict(spent=spent, pointed=pointed, onwards=onwards or spent == 0)
            torch.save(dict(**parts, data=states, seen=seen, **going), path.with_suffix(".tmp"))
            path.with_suffix(".tmp").replace(path)

    while True:
        now = torch.tensor(time.monotonic() - began if first else 0.0, dtype=torch.float64)
        dist.broadcast(now, 0)  # one clock, so that all processes take the same decisions
        clock = now.item()
        progress = clock / (60 * args.minutes)
        share = rate(progress, (seen - started + 1) / 120_000, course.fall_from)
        if progress >= 1:
            break
        if not pointed and progress > VALUES_AT:
            pointed = True
            write_values(model, Data(0, 1).batch(12, 512, 0.4, 0.0)[0][:, :-1])
        positions, batch, *shares = (at(s, progress) for s in (course.positions, course.batches, course.pair_shares, course.repeat_shares))
        micro = max(args.micro, positions)
        parts = max(1, batch // (micro * args.processes))
        for part in range(parts):
            tokens, marks = data.batch(micro // positions, positions, *shares)
            teaching = progress < course.teach_until
            if teaching:
                lessons_for(model, tokens, marks)
            model.round(progress >= course.round_from and part % 2 == 1)
            loss = model.loss(tokens, weights_of(marks))
            losses.append(loss.item())
            if teaching:
                loss = loss + LESSON_WEIGHT * surprise(model)
            (loss / parts).backward()
        model.round(False)
        average_gradients(list(model.parameters()))
        torch.nn.utils.clip_grad_norm_(optimizers[1].param_groups[0]["params"], 1.0)
        for group in (g for o in optimizers for g in o.param_groups):
            group["lr"] = group["full"] * share
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        seen += parts * micro * args.processes
        step += 1
        if first and step % 10 == 0:
            print(f"{clock / 60:.2f} min  {seen} tokens  loss {np.mean(losses[-10 * parts :]):.3f}  rate {share:.3f}", flush=True)
        if not args.quick and clock > next_eval:
            next_eval = clock + 600
            evaluate()
        if not args.quick and clock > next_save:
            next_save = clock + 300
            save(clock)
    if not args.quick:
        evaluate()
        save(0)
    if first:
        print("done", seen, "tokens", flush=True)
    dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=110)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--matrix-rate", type=float, default=0.02)
    parser.add_argument("--embedding-rate", type=float, default=0.02)
    parser.add_argument("--norm-rate", type=float, default=0.002)
    parser.add_argument("--micro", type=int, default=4096, help="tokens of one backward pass")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--name", default="run")
    parser.add_argument("--quick", action="store_true", help="no evaluation, no checkpoint")
    args = parser.parse_args()
    (WORK / f"{args.name}.rendezvous").unlink(missing_ok=True)
    processes.spawn(run, (args,), nprocs=args.processes)


if __name__ == "__main__":
    main()
