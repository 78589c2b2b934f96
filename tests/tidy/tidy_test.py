#!/usr/bin/env python3
"""Goal: each rule of tidy.py finds its breach, and lets the allowed form pass.

Method: a table of small trees, one breach each; the tree is written, checked and removed.
"""

import os
import tempfile
import unittest

import tidy

HEADER = "#pragma once\n\n// What it is.\n\n"

# A tree in which nothing is wrong, so that each case below has one cause.
CLEAN = {
    "include/pglynx/core/a.h": HEADER + "int Answer();\n",
    "src/core/a.cc": '#include "pglynx/core/a.h"\n\nint Answer() { return 42; }\n',
    "src/main.cc": '#include "pglynx/core/a.h"\n\nint main() { return Answer(); }\n',
    "tests/core/a_test.cc": '#include "pglynx/core/a.h"\n',
}

LONG_FUNCTION = "void F() {\n" + "  G();\n" * 70 + "}\n"
LONG_CLASS = "class C {\n" + "  int x;\n" * 80 + "};\n"

# Path, text, and the rule that must speak; None: none may.
CASES = [
    ("src/wire/a.cc", '#include "pglynx/auth/scram.h"\n', "forbidden include"),
    ("src/wire/a.cc", '#include "pglynx/core/a.h"\n', None),
    ("src/session/a.cc", '#include "pglynx/backend/b.h"\n', "forbidden include"),
    ("src/backend/a.cc", '#include "pglynx/session/b.h"\n', "forbidden include"),
    ("src/server/a.cc", '#include "pglynx/session/b.h"\n', None),
    ("src/server/a.cc", '#include "session/b.h"\n', "private header"),
    ("src/nowhere/a.cc", "int x;\n", "unknown module"),
    ("src/session/a.cc", "#include <uv.h>\n", "<uv.h>"),
    ("src/net/uv_stream.cc", "#include <uv.h>\n", None),
    ("src/net/stream.cc", "#include <openssl/evp.h>\n", "<openssl/evp.h>"),
    ("src/pool/a.cc", "#include <mutex>\n", "<mutex>"),
    ("src/pool/a.cc", "#include <fmt/core.h>\n", None),
    ("src/pool/a.cc", "#include <iostream>\n", "<iostream>"),
    ("src/pool/a.cc", "auto x = std::make_shared<int>();\n", "shared_ptr"),
    ("src/pool/a.cc", "auto* x = new int;\n", "naked new"),
    ("src/pool/a.cc", "// a new lease\n", None),
    ("src/pool/a.cc", 'auto x = "new lease";\n', None),
    ("src/pool/a.cc", 'auto x = R"(new " lease)";\n', None),
    ("src/pool/a.cc", "int x = 1'000; int news = 2'000;\n", None),
    ("src/pool/a.cc", "void F() { delete x; }\n", "naked delete"),
    ("src/pool/a.cc", "A(const A&) = delete;\n", None),
    ("src/pool/a.cc", "co_await x;\n", "coroutine"),
    ("src/pool/a.cc", "using namespace std;\n", "using namespace"),
    ("src/pool/a.cc", "auto x = std::chrono::steady_clock::now();\n", "clock"),
    ("src/net/uv_event_loop.cc", "auto x = uv_hrtime();\n", None),
    ("src/pool/a.cc", "int x = rand();\n", "rand"),
    ("src/pool/a.cc", "throw 1;\n", "throw"),
    ("src/pool/a.cc", "// TODO" "(now): x\n", "unfinished"),
    ("tests/core/b_test.cc", "// FIX" "ME\n", "unfinished"),
    ("src/pool/a.cc", "// TO" "DO: x\n", "kind of TODO"),
    ("src/pool/a.cc", "// TODO(perf): x\n", None),
    ("src/pool/a.cc", "// " + "x" * 97 + "\n", None),
    ("src/pool/a.cc", "// " + "x" * 98 + "\n", "line length"),
    ("src/pool/a.cc", "// \u2500" * 30 + "\n", "line length"),
    ("src/pool/a.cc", "// see /ro" "ot/x\n", "machine path"),
    ("src/pool/a.cc", "\n" * 501, "file length"),
    ("tests/core/b_test.cc", "\n" * 800, None),
    ("src/pool/a.cc", LONG_FUNCTION, "function length"),
    ("src/pool/a.cc", "namespace x {\n" + LONG_FUNCTION + "}\n", "function length"),
    ("src/pool/a.cc", LONG_CLASS, None),
    ("src/core/b.h", "// What it is.\n", "#pragma once"),
    ("src/core/b.h", "#pragma once\n\n#include <string>\n", "top comment"),
    ("src/core/b.h", HEADER, "dead header"),
    ("include/pglynx/core/b.h", HEADER, "untested header"),
]


def breaches(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as handle:
                handle.write(text)
        return tidy.check_tree(root)


class TidyTest(unittest.TestCase):
    def test_a_clean_tree_has_no_breach(self):
        self.assertEqual(breaches(CLEAN), [])

    def test_each_rule_finds_its_breach_and_no_more_than_that(self):
        for path, text, rule in CASES:
            with self.subTest(path=path, text=text[:60]):
                found = [line for line in breaches({**CLEAN, path: text})
                         if line.startswith(path + ":")]
                if rule is None:
                    self.assertEqual(found, [])
                else:
                    self.assertTrue(any(f": {rule}: " in line for line in found), found)


if __name__ == "__main__":
    unittest.main()
