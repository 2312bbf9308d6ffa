"""Makes the prompts of the benchmarks: six kinds, 20 each, one JSON Lines file a kind. Nothing of them was in the embedded model's training data.

    mkdir -p work && cd work && npm install --ignore-scripts --legacy-peer-deps --omit=optional \
      @tanstack/form-core@1.33.5 h3@2.0.8 jsonwebtoken@9.0.3 konva@10.9.1 ky@1.14.3 kysely@0.28.19 matter-js@0.20.0 \
      neverthrow@8.2.0 prosemirror-transform@1.12.6 simple-git@4.0.2 telegraf@4.16.3 ts-pattern@5.9.2 && cd ..
    PYTHONHASHSEED=0 python3 bench/prompts/make.py work     # edits are drawn in the order of a set

code, edit, docstring   from the held-out packages of weights/recipe that are under the MIT licence: the files that the recipe held out
json, data              written by this script: made-up records
prose                   from the documentation of this repository

A line has id, kind, source, licence, prompt, and answer: the text that follows in the source, which for edits is the right answer. An answer
is longer than 128 tokens, except of edits, whose answers are whole and shorter. Edits also have the kind of change, and the old text as reference.
"""

import json
import random
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path.insert(0, str(REPOSITORY / "weights/recipe"))

import corpus  # noqa: E402
import edits as recipe_edits  # noqa: E402
import records  # noqa: E402
from common import write_jsonl  # noqa: E402

COUNT = 20
PROMPT_CHARACTERS = 1200
ANSWER_CHARACTERS = 800
SHORTEST_PROMPT = 250
MOST_OF_A_PACKAGE = 3
MOST_OF_A_DOCUMENTED_PACKAGE = 8  # few packages comment their functions
"""Edits: kinds by how well so small a model does them, and answers of at most this many bytes, so that they end within 128 tokens."""
EDIT_KINDS = {"literal": 6, "replace": 5, "rename": 4, "parameter": 2, "delete": 1, "insert": 1, "swap": 1}
EDIT_BYTES = 260


def held_out(root: Path) -> list[dict]:
    """The files that weights/recipe/corpus.py held out, of MIT packages."""
    data = json.loads((REPOSITORY / "weights/recipe/data.json").read_text("utf-8"))
    wanted = {(row["package"], row["version"]) for row in data if row["heldOut"] and row["licence"] == "MIT"}
    files: list[dict] = []
    seen: set[int] = set()
    found = set()
    for name, version, licence, folder in corpus.packages(root / "node_modules"):
        if (name, version) not in wanted:
            continue
        found.add((name, version))
        for path, text in corpus.choose(folder, corpus.CAP_HELD_OUT, seen, set()):
            files.append(dict(source=f"{name}@{version}/{path}", licence=licence, package=name, path=path, text=text))
    if found != wanted:
        sys.exit(f"not installed: {sorted(wanted - found)}")
    return files


def picked(candidates: list[dict], rng: random.Random, count: int = COUNT, most: int = MOST_OF_A_PACKAGE) -> list[dict]:
    """In random order, at most so many of a package, no place twice."""
    rng.shuffle(candidates)
    taken: list[dict] = []
    for candidate in candidates:
        if sum(other["package"] == candidate["package"] for other in taken) == most:
            continue
        if any(candidate["source"] == other["source"] for other in taken):
            continue
        taken.append(candidate)
        if len(taken) == count:
            return taken
    sys.exit(f"only {len(taken)} of {count} prompts")


def split(text: str, at: int) -> dict | None:
    """Prompt and answer around a place."""
    prompt, answer = text[:at][-PROMPT_CHARACTERS:], text[at : at + ANSWER_CHARACTERS]
    if len(prompt) == PROMPT_CHARACTERS:  # from the beginning of a line on
        prompt = prompt[prompt.index("\n") + 1 :]
    if len(prompt) < SHORTEST_PROMPT or len(answer) < ANSWER_CHARACTERS:
        return None
    return dict(prompt=prompt, answer=answer)


def code(files: list[dict], rng: random.Random) -> list[dict]:
    """The file up to the second line of a function."""
    candidates = []
    for file in files:
        if file["path"].endswith((".md", ".d.ts", ".d.mts")):
            continue
        places = [m.end() for m in re.finditer(r"^[^\n]*(?:function\b|\) ?(?::[^\n{]*)?)\{\n[^\n}]*\n", file["text"], re.M)]
        for at in rng.sample(places, min(2, len(places))):
            parts = split(file["text"], at)
            if parts:
                candidates.append({**file, "source": f"{file['source']} up to character {at}", **parts})
    return picked(candidates, rng)


DOCUMENTED = re.compile(
    r"^(?P<doc>[ \t]*/\*\*\n(?:[ \t]*\*[^\n]*\n){3,14}?[ \t]*\*/\n)(?P<head>[ \t]*(?:export |async |public |static )*[\w$<>. =,:*\[\]]+\([^\n]*\{\n)",
    re.M,
)


def docstring(files: list[dict], rng: random.Random) -> list[dict]:
    """A function without its comment, then the comment's first line: what follows is the comment, and the function again."""
    candidates = []
    for file in files:
        for match in DOCUMENTED.finditer(file["text"]):
            function = file["text"][match.start("head") : match.start("head") + 1600]
            indent = re.match(r"\s*", function)[0]
            end = re.search(rf"^{indent}\}}[;,]?\n", function, re.M)
            if not end or not 150 <= end.end() <= PROMPT_CHARACTERS:
                continue
            function = function[: end.end()]
            first, rest = match["doc"].split("\n", 1)
            prompt = f"// Without a comment:\n\n{function}\n// The same with its comment:\n\n{first}\n"
            answer = (rest + file["text"][match.start("head") :])[:ANSWER_CHARACTERS]
            if len(rest) >= 120 and len(answer) == ANSWER_CHARACTERS:
                candidates.append({**file, "source": f"{file['source']} from character {match.start()}", "prompt": prompt, "answer": answer})
    return picked(candidates, rng, most=MOST_OF_A_DOCUMENTED_PACKAGE)


def edit(files: list[dict], rng: random.Random) -> list[dict]:
    """Short functions and a change of each, in the form that the embedded model knows."""
    pool = sorted(set(re.findall(r"\b[a-z][A-Za-z]{3,11}\b", " ".join(file["text"] for file in files))) - recipe_edits.RESERVED)
    makers = {maker.__name__: maker for maker, _ in recipe_edits.KINDS}
    candidates: dict[str, list[dict]] = {kind: [] for kind in EDIT_KINDS}
    seen = set()
    for file in files:
        if file["path"].endswith(".md"):
            continue
        for function in recipe_edits.snippets(file["text"], 5, 14):
            kind = rng.choices(list(EDIT_KINDS), list(EDIT_KINDS.values()))[0]
            change = makers[kind](function, pool, rng)
            if not change or change[1] == function or function in seen:
                continue
            seen.add(function)
            before, after = recipe_edits.numbered(function, change[1])
            if len(after.encode()) <= EDIT_BYTES:
                prompt = recipe_edits.PROMPT.format(instruction=change[0], before=before)
                candidates[kind].append({**file, "edit": kind, "reference": before, "prompt": prompt, "answer": after})
    return [row for kind, count in EDIT_KINDS.items() for row in picked(candidates[kind], rng, count)]


def made(makers: list, rng: random.Random) -> list[dict]:
    """Two texts of each maker, each ending in the middle of a record."""
    rows = []
    for maker in makers:
        for copy in (1, 2):
            text = maker(rng)
            at = text.index("\n", PROMPT_CHARACTERS - rng.randrange(300)) + 1
            parts = split(text, at)
            if not parts:
                sys.exit(f"{maker.__name__}: too short")
            rows.append(dict(source=f"bench/prompts/records.py {maker.__name__} {copy}", licence="MIT", **parts))
    return rows


def prose(rng: random.Random) -> list[dict]:
    """Running text of the documentation, from a paragraph's middle on."""
    candidates = []
    for path in sorted([*(REPOSITORY / "docs").glob("*.md"), REPOSITORY / "README.md", *(REPOSITORY / "weights").glob("*/README.md")]):
        if path.name in ("figures.md", "benchmarks.md", "proofs.md", "errors.md"):
            continue
        text = re.sub(r"^```.*?^```\n", "", path.read_text("utf-8"), flags=re.M | re.S)
        paragraphs = [part for part in text.split("\n\n") if part.strip() and not re.match(r"\s*(\||!\[|<|[-*] |\d+\. |\*\*)", part)]
        text = "\n\n".join(paragraphs)
        for match in re.finditer(r"(?<=[.;,:]) (?=[A-Za-z])", text):
            place = text[max(0, match.start() - 500) :][: 500 + ANSWER_CHARACTERS]
            start = place.find("\n\n") + 2
            parts = split(place[start:], match.start() - max(0, match.start() - 500) - start)
            if parts:
                source = f"{path.relative_to(REPOSITORY)} from character {match.start()}"
                candidates.append({"source": source, "licence": "MIT", "at": (path, match.start()), **parts})
    rng.shuffle(candidates)
    taken: list[dict] = []
    for candidate in candidates:
        path, at = candidate["at"]
        if all(other["at"][0] != path or abs(other["at"][1] - at) > 1500 for other in taken):
            taken.append(candidate)
    return taken[:COUNT] if len(taken) >= COUNT else sys.exit(f"only {len(taken)} prompts of prose")


def main() -> None:
    files = held_out(Path(sys.argv[1]))
    kinds = {
        "code": code(files, random.Random(1)),
        "edit": edit(files, random.Random(2)),
        "docstring": docstring(files, random.Random(3)),
        "json": made(records.JSON, random.Random(4)),
        "data": made(records.DATA, random.Random(5)),
        "prose": prose(random.Random(6)),
    }
    keys = ("source", "licence", "edit", "prompt", "answer", "reference")
    for kind, rows in kinds.items():
        lines = [{"id": f"{kind}-{i + 1:02}", "kind": kind, **{key: row[key] for key in keys if key in row}} for i, row in enumerate(rows)]
        write_jsonl(HERE / f"{kind}.jsonl", lines)
        print(kind, len(lines), "prompts")


if __name__ == "__main__":
    main()
