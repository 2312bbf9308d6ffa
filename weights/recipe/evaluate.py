"""Step 7: measure what is shipped, in bfloat16. WORK/foretoken-code-28m -> evaluation.json

    python evaluate.py bytes     bits per byte of every held-out file, beside xz -9 and a 5-gram model
    python evaluate.py edits     held-out edits that greedy decoding gets right to the character, and the share of their tokens that it does
    python evaluate.py samples   a few completions, for people to read
"""

import argparse
import json
import lzma
import math
from collections import defaultdict

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import LlamaForCausalLM

from common import EXPORT, RECIPE, WORK, read_jsonl
from edits import END, PROMPT
from model import Config
from ngram import ORDER, bits as ngram_bits

CONTEXT, STRIDE = 2048, 1024
SAMPLES = [
    "export function clamp(value, min, max) {\n",
    "import { readFile } from 'node:fs/promises';\n\n/**\n * Reads a JSON file.\n",
    "# Getting started\n\nInstall the package with npm:\n",
    "export interface Options {\n",
    "class Queue {\n  constructor() {\n    this.items = [];\n  }\n\n  push(item) {\n",
    "describe('parse', () => {\n  it('returns an empty list for an empty string', () => {\n",
    "const express = require('express');\nconst app = express();\n\napp.get('/users/:id', async (req, res) => {\n",
    "## Options\n\n| Name | Type | Default | Description |\n| --- | --- | --- | --- |\n",
    "/**\n * Returns the sum of all numbers in the array.\n *\n * @param {number[]} values\n * @returns {number}\n */\n",
    "import * as React from 'react';\n\nexport function Button({ children, onClick }: ButtonProps) {\n",
]


@torch.no_grad()
def nats_of(model: LlamaForCausalLM, tokens: list[int]) -> float:
    """Cost of a file and the end-of-text after it; every token sees at least CONTEXT - STRIDE tokens, if there are."""
    ids = torch.tensor([[0, *tokens]])
    total, scored = 0.0, 1
    while scored < ids.shape[1]:
        end = min(ids.shape[1], CONTEXT + 1 if scored == 1 else scored + STRIDE)
        window = ids[:, max(0, end - CONTEXT - 1) : end]
        count = end - scored
        logits = model(window[:, :-1]).logits[0, -count:]
        total += torch.nn.functional.cross_entropy(logits, window[0, -count:], reduction="sum").item()
        scored = end
    return total


def five_gram(files: list[dict]) -> float:
    """Bits of all held-out files by an n-gram model of every file that training may read."""
    held_out = np.concatenate([[0], *(file["tokens"] for file in files)])
    return ngram_bits(np.fromfile(WORK / "docs.bin", np.uint16), held_out, Config().vocab_size)[1:].sum()


def measure_bytes(model: LlamaForCausalLM) -> dict:
    """Bits per byte by package and in all."""
    rows = read_jsonl(WORK / "heldout.jsonl")
    tokens = json.loads((WORK / "heldout.json").read_text())
    bits, size, squeezed = defaultdict(float), defaultdict(int), defaultdict(int)
    for row, encoded in zip(rows, tokens):
        data = row["text"].encode()
        bits[row["package"]] += nats_of(model, encoded["tokens"]) / math.log(2)
        size[row["package"]] += len(data)
        squeezed[row["package"]] += 8 * len(lzma.compress(data, preset=9))
    whole = b"".join(row["text"].encode() for row in rows)
    total = len(whole)
    return {
        "files": len(rows),
        "bytes": total,
        "bitsPerByte": round(sum(bits.values()) / total, 4),
        f"{ORDER}Gram": round(five_gram(tokens) / total, 4),
        "xzPerFile": round(sum(squeezed.values()) / total, 4),
        "xzConcatenated": round(8 * len(lzma.compress(whole, preset=9)) / total, 4),
        "packages": {
            name: {"bytes": size[name], "bitsPerByte": round(bits[name] / size[name], 4), "xzPerFile": round(squeezed[name] / size[name], 4)}
            for name in sorted(size)
        },
    }


@torch.no_grad()
def complete(model: LlamaForCausalLM, tokenizer: Tokenizer, prompts: list[str], most: int) -> list[str]:
    """Greedy completions of prompts of about one length, as one batch."""
    encoded = [tokenizer.encode(p).ids for p in prompts]
    longest = max(map(len, encoded))
    ids = torch.tensor([[0] * (longest - len(e)) + e for e in encoded])
    mask = torch.tensor([[0] * (longest - len(e)) + [1] * len(e) for e in encoded])
    out = model.generate(ids, attention_mask=mask, max_new_tokens=most, do_sample=False, eos_token_id=0, pad_token_id=0)
    return [tokenizer.decode(row[longest:].tolist()) for row in out]


@torch.no_grad()
def measure_edits(model: LlamaForCausalLM, tokenizer: Tokenizer, limit: int) -> dict:
    """By kind and by length: edits that greedy decoding gets right to the character, which are those of whose tokens it chooses every one
    after the right ones before it; and the share of tokens that it chooses so."""
    counts = defaultdict(lambda: [0, 0, 0, 0])
    for edit in read_jsonl(RECIPE / "edits-heldout.jsonl")[:limit]:
        prompt = tokenizer.encode(PROMPT.format(**edit)).ids
        answer = tokenizer.encode(edit["after"] + END).ids
        if len(prompt) + len(answer) > CONTEXT:
            continue
        ids = torch.tensor([prompt + answer])
        chosen = model(ids[:, :-1]).logits[0].argmax(1)[-len(answer) :] == ids[0, -len(answer) :]
        for key in ("all", edit["kind"], f"{20 * (edit['after'].count(chr(10)) // 20)}+ lines"):
            for i, value in enumerate((chosen.all().item(), 1, chosen.sum().item(), len(answer))):
                counts[key][i] += value
    return {
        key: {"right": right, "of": of, "tokens": round(tokens / all_tokens, 4)}
        for key, (right, of, tokens, all_tokens) in sorted(counts.items())
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+", choices=["bytes", "edits", "samples"])
    parser.add_argument("--limit", type=int, default=1000, help="edits")
    args = parser.parse_args()
    model = LlamaForCausalLM.from_pretrained(EXPORT, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(EXPORT / "tokenizer.json"))
    for what in args.what:
        if what == "bytes":
            result = measure_bytes(model)
        elif what == "edits":
            result = measure_edits(model, tokenizer, args.limit)
        else:
            result = [{"prompt": p, "completion": complete(model, tokenizer, [p], 120)[0]} for p in SAMPLES]
        path = RECIPE / "evaluation.json"
        report = json.loads(path.read_text()) if path.exists() else {}
        report[what] = result
        path.write_text(json.dumps(report, indent=1) + "\n")
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
