"""Prints test vectors for src/core/domain/payload.ts: what Python writes, and the JSON that it has to be read as.

    python3 scripts/python-vectors.py [jobs.json ...] > test/support/python-literals.json

A vector is {"repr": text, "json": value}. Most texts are repr() of random dicts, some json.dumps() of them; the payload
cells of the exports named as arguments come first, with what Python itself reads in them. The seed is fixed: the same
Python prints the same file. Lone surrogates are left out, since UTF-8 cannot carry them.
"""

import ast
import json
import math
import random
import sys

SEED = 20240611
REPRS = 340
DUMPS = 60
SAFE = 2**53 - 1

NASTY = [
    "'", '"', "'\"", "\\", "\\\\", "\\n", "\\x", "\\u12", "\\'", '\\"', "\\N{BULLET}", "\n", "\r", "\t", "\0", "\0" + "7",
    "\a", "\b", "\v", "\f", "\x1b", "\x7f", "\x80", "\x9f", "\xa0", "\xad", "é", "ß", "ж", "\u2028", "\u2029", "\ufeff",
    "\ufffd", "\uffff", "\ue000", "😀", "👩\u200d🚀", "𝒳", "\U0010ffff", "\U000e0001", "{", "}", "[", "]", "(", ")", ",", ":",
    "#", "/", "</script>", "None", "datetime.datetime(2024, 1, 1)", "b'x'", "%s", "${x}", " ", "  ",
]
KEYS = ["segment_id", "video_id", "record_id", "operation", "url", "size", "__proto__", "constructor", "toString", ""]
FLOATS = [0.0, -0.0, 0.1, 1e16, 1e-07, 1.5e300, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 123456789.123]
INTS = [0, 1, -1, 7, SAFE, -SAFE, SAFE + 1, -SAFE - 1, SAFE + 2, 2**63, 10**40, -(10**25), 281090763330498]


def main():
    rng = random.Random(SEED)
    vectors = [cell for path in sys.argv[1:] for cell in cells(path)]
    vectors += [vector(repr, mapping(rng, 0)) for _ in range(REPRS)]
    vectors += [vector(dumps(rng), mapping(rng, 0, json_keys=True)) for _ in range(DUMPS)]
    lines = ",\n".join(json.dumps(each, allow_nan=False) for each in vectors)
    print(f"[\n{lines}\n]")


def cells(path):
    """The payloads of an export of the jobs table, each text once."""
    with open(path, encoding="utf-8") as file:
        jobs = json.load(file)
    fields = ("Request Payload", "Response Payload")
    texts = dict.fromkeys(job["fields"][field] for job in jobs for field in fields if job["fields"].get(field))
    return [{"repr": text, "json": comparable(python_reads(text))} for text in texts]


def python_reads(text):
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return ast.literal_eval(text)


def vector(printer, value):
    return {"repr": printer(value), "json": comparable(value)}


def dumps(rng):
    indent, ascii_only = rng.choice([None, 1]), rng.random() < 0.7
    return lambda value: json.dumps(value, indent=indent, ensure_ascii=ascii_only)


def comparable(value):
    """What payload.ts makes of a value, in types that JSON has."""
    if isinstance(value, dict):
        return {str(key): comparable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [comparable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE:
        return str(value)
    return value


def anything(rng, depth, json_keys):
    kinds = [scalar, text, text]
    if depth < 4:
        kinds += [sequence, lambda *_: mapping(rng, depth + 1, json_keys)]
    kind = rng.choice(kinds)
    return kind(rng, depth, json_keys)


def mapping(rng, depth, json_keys=False):
    size = rng.randint(1, 6) if depth == 0 else rng.choice([0, 1, 1, 2, 3])
    return {key(rng, json_keys): anything(rng, depth, json_keys) for _ in range(size)}


def sequence(rng, depth, json_keys):
    items = [anything(rng, depth + 1, json_keys) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
    return rng.choice([list, tuple])(items)


def key(rng, json_keys):
    # json.dumps prints None and True as keys in JSON's words, where str() has Python's.
    if json_keys or rng.random() < 0.8:
        return rng.choice(KEYS) if rng.random() < 0.6 else text(rng)
    return rng.choice([None, True, False, integer(rng), real(rng)])


def scalar(rng, *_):
    return rng.choice([None, True, False, integer(rng), real(rng)])


def integer(rng):
    return rng.choice(INTS) if rng.random() < 0.5 else rng.randint(-10 ** rng.randint(1, 30), 10 ** rng.randint(1, 30))


def real(rng):
    return rng.choice(FLOATS) if rng.random() < 0.5 else rng.uniform(-1, 1) * 10 ** rng.randint(-30, 30)


def text(rng, *_):
    return "".join(rng.choice(NASTY) if rng.random() < 0.6 else plain(rng) for _ in range(rng.randint(0, 6)))


def plain(rng):
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789_-", k=rng.randint(1, 8)))


main()
