"""Step 3: synthetic edits. train.jsonl -> pairs.jsonl; heldout.jsonl -> edits-heldout.jsonl

An edit is a snippet, an instruction and the edited snippet, all made by rules: no model wrote any of them.
Lines carry their number in the snippet, before the edit as after it. To copy is then to follow the numbers, which are unique where code is not.
"""

import random
import re
from collections import Counter
from difflib import SequenceMatcher

from common import RECIPE, WORK, read_jsonl, write_jsonl

PAIR_BYTES = 48_000_000  # stop here: more than a run reads
HELD_OUT_PAIRS = 300
PROMPT = "### Instruction\n{instruction}\n### Before\n{before}\n### After\n"
END = "\n### End\n"
START = re.compile(
    r"^(export |default |async |static |private |public |protected |function\b|class |const \w+ = |interface |type \w+|"
    r"[\w$.]+\s*[=:] (async )?(function|\()|(get |set )?[\w$]+\([^;]*\{$)"
)
NOT_START = re.compile(r"^(if|for|while|switch|else|return|catch|do|try|with)\b")
RESERVED = set(
    "abstract any as async await boolean break case catch class const continue debugger declare default delete do else "
    "enum export extends false finally for from function get if implements import in instanceof interface is keyof let "
    "module namespace never new null number object of override private protected public readonly require return set "
    "static string super switch symbol this throw true try type typeof undefined unknown var void while with yield "
    "Array Object String Number Boolean Promise Error Map Set Math JSON Symbol Date RegExp console exports arguments "
    "the and not are that for you will can this param returns".split()
)
IDENTIFIER = re.compile(r"(?<![\w$.'\"`/@-])[A-Za-z_$][\w$]*(?![\w$'\"`:-])")


def snippets(text: str, shortest: int, longest: int):
    """Functions, classes and types, found by indentation; moved to the left margin."""
    lines = text.split("\n")
    for i, line in enumerate(lines):
        body = line.lstrip()
        if not line.endswith("{") or NOT_START.match(body) or not START.match(body):
            continue
        indent = line[: len(line) - len(body)]
        end = next((j for j in range(i + 1, min(len(lines), i + longest)) if lines[j].startswith(indent + "}")), None)
        if end is None or end - i + 1 < shortest:
            continue
        block = lines[i : end + 1]
        if all(not b.strip() or b.startswith(indent) for b in block) and max(map(len, block)) <= 140:
            yield "\n".join(b[len(indent) :].rstrip() for b in block)


def word(name: str) -> re.Pattern:
    """`name` as a whole identifier."""
    return re.compile(r"(?<![\w$])" + re.escape(name) + r"(?![\w$])")


def rename(code: str, pool: list[str], rng: random.Random):
    names = Counter(n for n in IDENTIFIER.findall(code) if n not in RESERVED and len(n) > 1)
    sure = [n for n, count in names.items() if count >= 2 and len(word(n).findall(code)) == count]
    if not sure:
        return None
    old, new = rng.choice(sure), rng.choice(pool)
    if word(new).search(code):
        return None
    return f"Rename `{old}` to `{new}`.", word(old).sub(lambda _: new, code)


def literal(code: str, pool: list[str], rng: random.Random):
    numbers = [n for n in set(re.findall(r"(?<![\w$.#-])\d+(?![\w$.])", code)) if len(re.findall(rf"(?<!\d){n}(?!\d)", code)) == 1]
    strings = [s for s in set(re.findall(r"'[\w ./-]{2,30}'|\"[\w ./-]{2,30}\"", code)) if code.count(s) == 1]
    if not numbers and not strings:
        return None
    if strings and (not numbers or rng.random() < 0.6):
        old = rng.choice(strings)
        new = old[0] + rng.choice(pool) + old[0]
    else:
        old, new = rng.choice(numbers), str(rng.choice([rng.randrange(10), rng.randrange(100), rng.randrange(5000)]))
    if new == old:
        return None
    return f"Change `{old}` to `{new}`.", re.sub(rf"(?<!\d){re.escape(old)}(?!\d)", lambda _: new, code, count=1)


def statements(lines: list[str]) -> list[int]:
    """Lines that are one whole statement and occur once."""
    count = Counter(line.strip() for line in lines)
    return [
        i
        for i, line in enumerate(lines)
        if re.fullmatch(r"\s+[^\s}\])/*.?:&|][^\n]{3,78}[;,]", line)
        and count[line.strip()] == 1
        and all(line.count(a) == line.count(b) for a, b in ("()", "{}", "[]"))
    ]


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def swap(code: str, pool: list[str], rng: random.Random):
    lines = code.split("\n")
    at = statements(lines)
    near = [i for i in at if i + 1 in at and indent(lines[i]) == indent(lines[i + 1]) and lines[i][-1] == lines[i + 1][-1]]
    if not near:
        return None
    i = rng.choice(near)
    instruction = f"Swap the lines `{lines[i].strip()}` and `{lines[i + 1].strip()}`."
    lines[i], lines[i + 1] = lines[i + 1], lines[i]
    return instruction, "\n".join(lines)


def delete(code: str, pool: list[str], rng: random.Random):
    lines = code.split("\n")
    at = statements(lines)
    if not at:
        return None
    i = rng.choice(at)
    return f"Delete the line `{lines[i].strip()}`.", "\n".join(lines[:i] + lines[i + 1 :])


REPLACEMENTS = [
    ("let", "const"), ("const", "let"), ("var", "let"), ("===", "=="), ("!==", "!="), ("==", "==="), ("&&", "||"), ("||", "&&"),
    ("||", "??"), (">=", ">"), ("<=", "<"), (">", ">="), ("<", "<="), ("+=", "-="), ("++", "--"), ("true", "false"),
    ("false", "true"), ("null", "undefined"), ("undefined", "null"), ("private", "protected"), ("string", "number"),
    ("number", "string"), ("any", "unknown"), ("boolean", "string"), ("throw", "return"), ("break", "continue"),
]  # fmt: skip


def replace(code: str, pool: list[str], rng: random.Random):
    fitting = []
    for old, new in REPLACEMENTS:
        pattern = word(old) if old.isalpha() else re.compile(r"\+\+" if old == "++" else r"(?<= )" + re.escape(old) + r"(?= )")
        if 1 <= len(pattern.findall(code)) <= 4:
            fitting.append((old, new, pattern))
    if not fitting:
        return None
    old, new, pattern = rng.choice(fitting)
    return f"Replace `{old}` with `{new}`.", pattern.sub(lambda _: new, code)


def parameter(code: str, pool: list[str], rng: random.Random):
    head, _, rest = code.partition("\n")
    match = re.search(r"([\w$]+)\(([^()]*)\)[^()]*\{$", head)
    new = rng.choice(pool)
    if not match or match[1] in RESERVED - {"function"} or "..." in match[2] or word(new).search(code):
        return None
    name = match[1] if match[1] != "function" else "the function"
    name = name if name == "the function" else f"`{name}`"
    head = head[: match.end(2)] + (", " if match[2].strip() else "") + new + head[match.end(2) :]
    return f"Add a parameter `{new}` to {name}.", head + "\n" + rest


def insert(code: str, pool: list[str], rng: random.Random):
    lines = code.split("\n")
    at = [i for i in statements(lines) if lines[i].endswith(";")]
    if not at:
        return None
    i = rng.choice(at)
    new = rng.choice(["{0}();", "{0}({1});", "const {0} = {1};", "{0} = {1};", "console.log({0});", "this.{0} = {1};", "// {0} {1}"])
    new = new.format(rng.choice(pool), rng.choice(pool))
    lines.insert(i + 1, lines[i][: indent(lines[i])] + new)
    return f"Add the line `{new}` after the line `{lines[i].strip()}`.", "\n".join(lines)


KINDS = [(rename, 10), (literal, 4), (swap, 2), (delete, 2), (replace, 2), (parameter, 2), (insert, 1)]


def numbered(before: str, after: str) -> tuple[str, str]:
    """Both texts with a number, from 1, and a space before each line. A line of `after` has the number of the line it comes from, or `+`."""
    old, new = before.split("\n"), after.split("\n")
    labels = ["+"] * len(new)
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if i2 - i1 == j2 - j1:  # the same lines, or as many changed ones
            labels[j1:j2] = map(str, range(i1 + 1, i2 + 1))
    return tuple("\n".join(f"{n} {line}" for n, line in zip(ns, lines)) for ns, lines in ((range(1, len(old) + 1), old), (labels, new)))


def identifiers(rows: list[dict]) -> list[str]:
    """New names: every identifier of 3 to 20 letters that at least two files use."""
    files = Counter()
    for row in rows[:6000]:
        if not row["path"].endswith(".md"):
            files.update(set(re.findall(r"\b[a-z][A-Za-z0-9]{2,19}\b", row["text"])))
    return sorted(n for n, count in files.items() if count >= 2 and n not in RESERVED)


def edits(rows: list[dict], pool: list[str], rng: random.Random, shortest: int, longest: int, per_file: int):
    """Edits of code files in the order of `rows`."""
    makers, weights = zip(*KINDS)
    for row in rows:
        if row["path"].endswith(".md"):
            continue
        found = list(snippets(row["text"], shortest, longest))
        for code in rng.sample(found, min(per_file, len(found))):
            for maker in rng.choices(makers, weights, k=4):
                edit = maker(code, pool, rng)
                if edit and edit[1] != code:
                    before, after = numbered(code, edit[1])
                    yield dict(instruction=edit[0], before=before, after=after, kind=maker.__name__, package=row["package"])
                    break


def layout(edit: dict) -> str:
    """The pair as the model reads it; a prompt ends after `### After`."""
    return PROMPT.format(**edit) + edit["after"] + END


def main() -> None:
    rng = random.Random(2)
    train = read_jsonl(WORK / "train.jsonl")
    pool = identifiers(train)
    pairs, size = [], 0
    for edit in edits(train, pool, rng, 8, 60, 4):
        pairs.append(edit)
        size += len(layout(edit))
        if size > PAIR_BYTES:
            break
    rng.shuffle(pairs)
    write_jsonl(WORK / "pairs.jsonl", pairs)
    held_out = read_jsonl(WORK / "heldout.jsonl")
    rng.shuffle(held_out)
    chosen = {e["before"]: e for e in edits(held_out, pool, rng, 20, 60, 12)}
    chosen = rng.sample(list(chosen.values()), min(HELD_OUT_PAIRS, len(chosen)))
    if not (RECIPE / "edits-heldout.jsonl").exists():  # models are compared by the same edits
        write_jsonl(RECIPE / "edits-heldout.jsonl", chosen)
    print(len(pairs), "training pairs", size, "bytes", Counter(p["kind"] for p in pairs))
    print(len(chosen), "held-out pairs", Counter(e["kind"] for e in chosen), "pool", len(pool))


if __name__ == "__main__":
    main()
