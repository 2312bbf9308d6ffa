"""Step 4: tokens. train.jsonl, pairs.jsonl -> docs.bin, pairs.bin, pairs-ends.bin, heldout.json"""

import json

import numpy as np
from tokenizers import Tokenizer

from common import MODEL, WORK, read_jsonl

DOC_BYTES = 75_000_000  # of files in shuffled order: more than a run reads


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[np.ndarray]:
    """Tokens of every text, end-of-text after each."""
    encoded = []
    for i in range(0, len(texts), 500):
        encoded += [np.array(e.ids + [0], np.uint16) for e in tokenizer.encode_batch(texts[i : i + 500])]
    return encoded


def main() -> None:
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    texts, size = [], 0
    for row in read_jsonl(WORK / "train.jsonl"):
        texts.append(row["text"])
        size += len(row["text"])
        if size > DOC_BYTES:
            break
    docs = np.concatenate(encode(tokenizer, texts))
    docs.tofile(WORK / "docs.bin")
    pairs = encode(tokenizer, [row["text"] for row in read_jsonl(WORK / "pairs.jsonl")])
    np.concatenate(pairs).tofile(WORK / "pairs.bin")
    np.cumsum([len(p) for p in pairs], dtype=np.int64).tofile(WORK / "pairs-ends.bin")
    held_out = read_jsonl(WORK / "heldout.jsonl")
    tokens = encode(tokenizer, [row["text"] for row in held_out])
    rows = [dict(bytes=len(r["text"].encode()), tokens=t.tolist()) for r, t in zip(held_out, tokens)]
    (WORK / "heldout.json").write_text(json.dumps(rows))
    lengths = [len(p) for p in pairs]
    print(f"docs {len(docs)} tokens, {size / len(docs):.2f} bytes a token; pairs {sum(lengths)} tokens")
    print("pair lengths", np.percentile(lengths, [5, 25, 50, 75, 95, 100]))


if __name__ == "__main__":
    main()
