#!/usr/bin/env python3
"""The house rules that no compiler checks: who may include whom, sizes, banned words.

    tests/tidy/tidy.py [ROOT]

Prints one line `file:line: rule: what is allowed` for each breach and exits with 1 if there
was one. Every rule is a line in one of the tables below; a file that has to break one is
named in that table, with the reason beside it. Only Python's own library is used.
"""

import fnmatch
import os
import re
import sys

# Which modules each module may include: the edge table of src/README.md. A module's public
# headers are include/pglynx/<module>/, its private ones lie in src/<module>/.
EDGES = {
    "core": "",
    "wire": "core",
    "auth": "core",
    "sql": "core",
    "sharding": "core",
    "balancer": "core",
    "metrics": "core",
    "handshake": "core wire auth",
    "governance": "core sql",
    "config": "core auth sharding balancer governance",
    "routing": "core sql sharding balancer",
    "pool": "core wire balancer metrics",
    "net": "core",
    "tls": "core net",
    # backend and session meet only in the interfaces of pool.
    "backend": "core wire auth handshake config pool net tls metrics",
    "session": "core wire auth handshake sql governance routing config pool net tls metrics",
    "admin": "core wire auth handshake config balancer pool net tls metrics",
    "server": "*",
    "main": "*",  # src/main.cc
}

THREADS = "src/net/mailbox* include/pglynx/net/mailbox* src/net/work* include/pglynx/net/work* " \
          "src/server/worker*"
NOWHERE = ""

# Included header (a regular expression), where alone it may be included.
HOMES = [
    (r"uv\.h|uv/.*", "src/net/uv_*"),
    (r"openssl/.*", "src/auth/crypto.cc src/tls/*.cc"),
    (r"toml\+\+.*|toml\.hpp", "src/config/toml_document.cc"),
    (r"spdlog/.*", "src/core/log*.cc"),
    (r"CLI/.*|CLI\.hpp", "src/server/options.cc"),
    (r"systemd/.*", "src/server/systemd.cc"),
    (r"re2/.*", "src/governance/*.cc src/routing/*.cc"),
    (r"pg_query.*", "src/sql/parse_tree.cc"),
    (r"fmt/.*", "src/*.cc"),
    (r"libpq.*|postgres.*", NOWHERE),
    (r"iostream|regex|coroutine", NOWHERE),
    (r"thread|mutex|shared_mutex|condition_variable|future|atomic|stop_token", THREADS),
]

# Immutable snapshots that are swapped at a reload may be shared, and so are spdlog's sinks and
# the key derivations that Offload runs (its std::function has to be copyable); nothing else.
SNAPSHOTS = "src/server/* include/pglynx/server/* src/config/* include/pglynx/config/* " \
            "src/admin/* include/pglynx/admin/* src/core/log.cc " \
            "src/backend/server_connection.cc src/backend/admin_query.cc " \
            "src/session/client_login.cc"

# Words in the code of src/ and include/ (comments and strings aside), where alone they may stand.
WORDS = [
    ("coroutine", r"\bco_(await|yield|return)\b", NOWHERE),
    ("shared_ptr", r"\b(shared_ptr|make_shared|weak_ptr)\b", SNAPSHOTS),
    ("naked new", r"(?<!operator )\bnew\b", NOWHERE),
    ("naked delete", r"(?<!operator )(?<!= )\bdelete\b", NOWHERE),
    # The block pool hands out raw memory.
    ("malloc", r"\b(malloc|calloc|realloc|free)\s*\(", "src/core/buffer.cc"),
    ("regex", r"\bstd::(basic_)?regex\b", NOWHERE),
    ("stream to a terminal", r"\bstd::(cout|cerr|clog|cin)\b", NOWHERE),
    ("thread", r"\bstd::(j?thread|mutex|atomic|condition_variable|async)\b", THREADS),
    ("rand", r"\bs?rand(om)?\s*\(|\bstd::(mt19937|random_device)", "src/core/random.cc"),
    ("using namespace", r"\busing\s+namespace\b", NOWHERE),
    ("clock", r"\b(steady|system|high_resolution)_clock::now\b|\bclock_gettime\b|\bgettimeofday\b"
              r"|\buv_(hrtime|now)\b|\btime\s*\(\s*(nullptr|NULL|0)\s*\)",
     # systemd compares the time of a reload with its own clock.
     "src/net/uv_event_loop.cc src/core/log*.cc src/server/systemd.cc"),
    ("sleep", r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(", NOWHERE),
    ("throw", r"\bthrow\b", NOWHERE),
    # toml++ and CLI11 throw; each is caught in its home.
    ("catch", r"\bcatch\s*\(", "src/config/toml_document.cc src/server/options.cc"),
    ("C cast of a pointer", r"\(\s*(const\s+)?(char|void|uint8_t|unsigned char)\s*\*\s*\)\s*\w",
     NOWHERE),
]

# Text anywhere in the program and its tests, comments included.
TEXTS = [
    ("unfinished", r"TODO\(now\)|FIX" r"ME|\bXX" r"X\b", "finish it, or TODO(soon) with what is missing"),
    ("kind of TODO", r"TODO(?!\((now|soon|perf|security|test)\))",
     "TODO(kind) with kind soon, perf, security or test"),
    ("machine path", r"/(root|wor[k]|home/\w+)/", "no path of one machine"),
]

LINES_MAX = {"include": 500, "src": 500, "tests": 800}
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

CODE = (".h", ".cc")
NOT_CODE = re.compile(
    r'R"([^()\\\s]*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')


class File:
    """One source file: its path below the root, raw lines, and lines with code alone."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8") as handle:
            text = handle.read()
        self.lines = text.splitlines()
        self.code = NOT_CODE.sub(self._blank, text).splitlines()
        self.includes = [(number, match.group(1)) for number, line in enumerate(self.lines, 1)
                         if (match := INCLUDE.match(line))]

    @staticmethod
    def _blank(match):
        return re.sub(r"[^\n]", " ", match.group())

    @property
    def top(self):
        return self.path.split("/")[0]

    @property
    def module(self):
        """The module a file of include/ or src/ belongs to."""
        parts = self.path.split("/")
        inner = parts[2:] if self.top == "include" else parts[1:]
        return inner[0] if len(inner) > 1 else inner[0].removesuffix(".cc")

    @property
    def include_name(self):
        """How others name this header in an #include."""
        return self.path.split("/", 1)[1]

    def is_at(self, patterns):
        return any(fnmatch.fnmatchcase(self.path, pattern) for pattern in patterns.split())


def load(root):
    files = []
    for top in ("include", "src", "tests"):
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders.sort()
            for name in sorted(names):
                if name.endswith(CODE):
                    files.append(File(root, os.path.relpath(os.path.join(folder, name), root)))
    return files


def allowed(patterns):
    return "only in " + ", ".join(patterns.split()) if patterns else "nowhere"


def check_includes(file):
    if file.top == "tests":
        return
    edges = EDGES.get(file.module)
    if edges is None:
        yield 1, "unknown module", f"{file.module} is not in the edge table of tests/tidy/tidy.py"
        return
    for number, name in file.includes:
        parts = name.split("/")
        if parts[0] == "pglynx" and len(parts) == 3:
            target = parts[1]
            if target != file.module and edges != "*" and target not in edges.split():
                yield number, "forbidden include", \
                    f"{file.module} may include: {edges or 'no other module'}"
        elif len(parts) == 2 and parts[0] in EDGES and parts[0] != file.module:
            yield number, "private header", \
                f"only {parts[0]} itself may include it; public ones are pglynx/{parts[0]}/"
        for pattern, home in HOMES:
            if re.fullmatch(pattern, name) and not file.is_at(home):
                yield number, f"<{name}>", f"allowed {allowed(home)}"


def check_words(file):
    if file.top == "tests":
        return
    for number, line in enumerate(file.code, 1):
        for rule, pattern, home in WORDS:
            if INCLUDE.match(line) is None and re.search(pattern, line) and not file.is_at(home):
                yield number, rule, f"allowed {allowed(home)}"


def check_texts(file):
    for number, line in enumerate(file.lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, "line length", f"{len(line)} columns, allowed are {COLUMNS_MAX}"
        for rule, pattern, what in TEXTS:
            if re.search(pattern, line):
                yield number, rule, what


def check_shape(file):
    most = LINES_MAX[file.top]
    if len(file.lines) > most:
        yield 1, "file length", f"{len(file.lines)} lines, allowed are {most}"
    if file.path.endswith(".h") and file.top != "tests":
        if file.lines[:1] != ["#pragma once"]:
            yield 1, "#pragma once", "the first line of a header"
        elif not any(line.startswith("//") for line in file.lines[1:4]):
            yield 2, "top comment", "what it is, its owner, limits, errors, usage"


def check_functions(file):
    """Function bodies by their braces: a heuristic, good enough for formatted code."""
    scopes = []  # kind and line of each open brace
    head = ""    # the code since the last ; { or }
    for number, line in enumerate(file.code, 1):
        if line.lstrip().startswith("#"):
            continue
        for char in line:
            if char == "{":
                outer = all(kind == "scope" for kind, _ in scopes)
                is_scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b", head)
                kind = "scope" if is_scope and not re.search(r"\)\s*(const)?\s*$", head) \
                    else "function" if outer and ")" in head else "other"
                scopes.append((kind, number))
            elif char == "}" and scopes:
                kind, start = scopes.pop()
                if kind == "function" and number - start + 1 > FUNCTION_LINES_MAX:
                    yield start, "function length", \
                        f"{number - start + 1} lines, allowed are {FUNCTION_LINES_MAX}"
            head = "" if char in ";{}" else head + char
        head += " "


def check_headers(files):
    """Headers nobody uses, and public ones that no test sees."""
    users = {}
    for file in files:
        for _, name in file.includes:
            users.setdefault(name, []).append(file)
    for file in files:
        if not file.path.endswith(".h") or file.top == "tests":
            continue
        stem = file.include_name.rsplit("/", 1)[-1].removesuffix(".h")
        using = users.get(file.include_name, [])
        own_source = f"src/{file.module}/{stem}.cc"
        if not any(user.top != "tests" and user.path != own_source for user in using):
            yield file.path, 1, "dead header", "somebody beside its own source includes it"
        if file.top == "include" and not any(user.top == "tests" for user in using):
            yield file.path, 1, "untested header", f"tests/{file.module}/{stem}_test.cc"


def check_tree(root):
    files = load(root)
    found = []
    for file in files:
        for check in (check_includes, check_words, check_texts, check_shape, check_functions):
            found += [(file.path, number, rule, what) for number, rule, what in check(file)]
    found += check_headers(files)
    return [f"{path}:{number}: {rule}: {what}" for path, number, rule, what in sorted(found)]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "..", "..")
    breaches = check_tree(root)
    print("\n".join(breaches + [f"{len(breaches)} breaches of the house rules"]))
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
