"""Step 4: tokens. train.jsonl, pairs.jsonl -> docs.bin, pairs.bin, pairs-ends.bin, pairs-marks.bin, heldout.json"""

import json
from difflib import SequenceMatcher

import numpy as np
from tokenizers import Encoding, Tokenizer

from common import MODEL, WORK, read_jsonl
from edits import END, PROMPT

DOC_BYTES = 130_000_000  # of files in shuffled order: more than a run reads


def encode(tokenizer: Tokenizer, texts: list[str]) -> list[np.ndarray]:
    """Tokens of every text, end-of-text after each."""
    encoded = []
    for i in range(0, len(texts), 500):
        encoded += [np.array(e.ids + [0], np.uint16) for e in tokenizer.encode_batch(texts[i : i + 500])]
    return encoded


def encode_pairs(tokenizer: Tokenizer, edits: list[dict]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Tokens of every pair, end-of-text after it, and their marks (tokens, 4) for copying.py: positions in the pair, -1 where there is none.

    0  of the token that this one copies, or whose place it takes: in the line of the same number
    1  of the token of the instruction that tells this one, where it is new
    2  of the first token of its line's number
    3  and of the last of it (a number has two at most)
    """
    encoded, marks, vocabulary = [], [], tokenizer.get_vocab()
    for i in range(0, len(edits), 500):
        texts = [(PROMPT.format(**e) + e["after"] + END).splitlines(keepends=True) for e in edits[i : i + 500]]
        encodings = iter(tokenizer.encode_batch([line for lines in texts for line in lines]))
        for lines in texts:
            of_lines = [next(encodings) for _ in lines]
            encoded.append(np.array([*(t for line in of_lines for t in line.ids), 0], np.uint16))
            marks.append(marks_of(lines, of_lines, vocabulary))
    return encoded, marks


def marks_of(lines: list[str], encodings: list[Encoding], vocabulary: dict[str, int]) -> np.ndarray:
    """lines and encodings: of one pair, line by line."""
    starts = np.cumsum([0, *(len(e.ids) for e in encodings)])
    marks = np.full((starts[-1] + 1, 4), -1, np.int16)
    first, after = lines.index("### Before\n") + 1, lines.index("### After\n") + 1
    for n in (*range(first, after - 1), *range(after, len(lines) - 1)):
        label = lines[n].split()[0]
        marks[starts[n] : starts[n + 1], 2:] = starts[n]
        if label not in vocabulary:
            marks[starts[n] + 1 : starts[n + 1], 3] = starts[n] + 1
        if n < after:
            continue
        if label == "+":
            changes = [("insert", 0, 0, 1, len(encodings[n].ids))]
        else:
            origin = first + int(label) - 1
            changes = SequenceMatcher(None, encodings[origin].ids, encodings[n].ids, autojunk=False).get_opcodes()
        for tag, i1, i2, j1, j2 in changes:
            at = slice(starts[n] + j1, starts[n] + j2)
            if tag == "equal":
                marks[at, 0] = np.arange(starts[origin] + i1, starts[origin] + i2)
            elif j1 < j2:
                if i1 < i2:
                    marks[starts[n] + j1, 0] = starts[origin] + i1
                marks[at, 1] = told(lines[n], encodings[n].offsets[j1:j2], encodings[1].offsets, lines[1], starts[1])
    return marks


def told(line: str, new: list[tuple[int, int]], offsets: list[tuple[int, int]], instruction: str, start: int) -> list[int]:
    """Positions of the instruction's tokens that hold the new ones' first characters; `new` and `offsets` are of characters in both lines."""
    text = line[new[0][0] : new[-1][1]]
    found = instruction.rfind(text.strip())
    if not text.strip() or found < 0:
        return [-1] * len(new)
    shift = found - new[0][0] - (len(text) - len(text.lstrip()))
    characters = [max(found, a + shift) for a, _ in new]
    return [next((start + t for t, (a, b) in enumerate(offsets) if a <= c < b), -1) for c in characters]


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
    pairs, marks = encode_pairs(tokenizer, read_jsonl(WORK / "pairs.jsonl"))
    np.concatenate(pairs).tofile(WORK / "pairs.bin")
    np.concatenate(marks).tofile(WORK / "pairs-marks.bin")
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
