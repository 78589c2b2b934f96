// Goal: the lexer cuts text as the server's scanner does and is safe on any bytes.
// Method: a table of texts with their printed tokens; every string up to six bytes over
// an alphabet of quotes and comment marks; seeded random bytes.
#include "pglynx/sql/lexer.h"

#include <cstring>
#include <string>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

namespace {

using pglynx::sql::Lexer;
using pglynx::sql::StringSyntax;
using pglynx::sql::Token;
using pglynx::sql::TokenKind;

const char* Letter(TokenKind kind) {
  switch (kind) {
    case TokenKind::kEnd:
      return "end";
    case TokenKind::kWord:
      return "w";
    case TokenKind::kQuotedWord:
      return "qw";
    case TokenKind::kUnicodeWord:
      return "uw";
    case TokenKind::kString:
      return "s";
    case TokenKind::kEscapeString:
      return "es";
    case TokenKind::kUnicodeString:
      return "us";
    case TokenKind::kBitString:
      return "bs";
    case TokenKind::kDollarString:
      return "ds";
    case TokenKind::kNumber:
      return "n";
    case TokenKind::kParameter:
      return "p";
    case TokenKind::kOperator:
      return "o";
    case TokenKind::kDot:
    case TokenKind::kComma:
    case TokenKind::kColon:
    case TokenKind::kTypecast:
    case TokenKind::kSemicolon:
    case TokenKind::kOpenParen:
    case TokenKind::kCloseParen:
    case TokenKind::kOpenBracket:
    case TokenKind::kCloseBracket:
      return "";
    case TokenKind::kInvalid:
      return "invalid";
    case TokenKind::kUnterminated:
      return "unterminated";
  }
  return "?";
}

// Each token as kind<text>, punctuation as <text>.
std::string Tokens(std::string_view text, StringSyntax syntax = StringSyntax::kStandard) {
  std::string printed;
  Lexer lexer(text, syntax);
  for (Token token = lexer.Next(); token.kind != TokenKind::kEnd; token = lexer.Next()) {
    if (!printed.empty()) printed += ' ';
    printed += Letter(token.kind);
    printed += '<' + std::string(token.text()) + '>';
  }
  return printed;
}

// Nothing but white space and whole comments, as between two tokens.
bool IsBlank(std::string_view gap) {
  size_t depth = 0;
  for (size_t i = 0; i < gap.size(); ++i) {
    const std::string_view two = gap.substr(i, 2);
    if (two == "/*") {
      ++depth;
      ++i;
    } else if (two == "*/" && depth > 0) {
      --depth;
      ++i;
    } else if (depth > 0) {
      continue;
    } else if (two == "--") {
      i = std::min(gap.find_first_of("\r\n", i), gap.size());
    } else if (std::strchr(" \t\n\r\f\v", gap[i]) == nullptr || gap[i] == '\0') {
      return false;
    }
  }
  return depth == 0;
}

// Empty if the tokens of `text` are in order, cover it and end; else what is wrong.
// Lexed in a buffer of exactly its size, so that the sanitizer sees a byte too far.
std::string Broken(std::string_view text, StringSyntax syntax) {
  const std::vector<char> copy(text.begin(), text.end());
  const std::string_view exact(copy.data(), copy.size());
  Lexer lexer(exact, syntax);
  const char* at = exact.data();
  const char* end = at + exact.size();
  for (size_t count = 0;; ++count) {
    if (count > text.size()) return "too many tokens";
    const Token token = lexer.Next();
    const std::string_view found = token.text();
    if (found.data() < at || found.data() + found.size() > end) return "out of order";
    if (!IsBlank({at, static_cast<size_t>(found.data() - at)})) return "skipped text";
    at = found.data() + found.size();
    if (token.kind == TokenKind::kEnd) {
      if (!found.empty() || at != end) return "early end";
      return lexer.Next().kind == TokenKind::kEnd ? "" : "no end";
    }
    if (found.empty()) return "empty token";
    if (token.kind == TokenKind::kUnterminated && at != end) return "goes on after unterminated";
  }
}

struct Case {
  const char* text;
  const char* tokens;
};

}  // namespace

TEST_CASE("Lexer cuts words, quoted words and numbers") {
  const Case cases[] = {
      {"", ""},
      {" \t\r\n\f\v", ""},
      {"select FROM _a a$1 a$$b", "w<select> w<FROM> w<_a> w<a$1> w<a$$b>"},
      {"caf\xc3\xa9 \xd1\x8f(1)", "w<caf\xc3\xa9> w<\xd1\x8f> <(> n<1> <)>"},
      {"\"a b\" \"a\"\"b\" \"\"", "qw<\"a b\"> qw<\"a\"\"b\"> qw<\"\">"},
      {"\"a\n'b\" c", "qw<\"a\n'b\"> w<c>"},
      {"U&\"a\" u&\"b\"\"c\" u & \"d\"", "uw<U&\"a\"> uw<u&\"b\"\"c\"> w<u> o<&> qw<\"d\">"},
      {"u&a u&", "w<u> o<&> w<a> w<u> o<&>"},
      {"1 1.5 .5 1. 1e5 1.5E-3 1e 1e+ 0x1F 0o17 0b11 1_000 0x",
       "n<1> n<1.5> n<.5> n<1.> n<1e5> n<1.5E-3> n<1> w<e> n<1> w<e> o<+> n<0x1F> n<0o17> "
       "n<0b11> n<1_000> n<0> w<x>"},
      {"1..2 1.5.3 1_", "n<1> <..> n<2> n<1.5> n<.3> n<1> w<_>"},
      {"1e'\\'' 0x'1'", "n<1> es<e'\\''> n<0> bs<x'1'>"},
      {"$1 $23a $1$2", "p<$1> p<$23> w<a> p<$1> p<$2>"},
      {"a.b.\"c\"", "w<a> <.> w<b> <.> qw<\"c\">"},
      {"a::int[1:2]:=b:c", "w<a> <::> w<int> <[> n<1> <:> n<2> <]> <:=> w<b> <:> w<c>"},
      {"(a,b);", "<(> w<a> <,> w<b> <)> <;>"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(Tokens(test.text) == test.tokens);
  }
}

TEST_CASE("Lexer cuts strings of every kind") {
  const Case cases[] = {
      {"'a' 'it''s' ''", "s<'a'> s<'it''s'> s<''>"},
      {"'a\\' b", "s<'a\\'> w<b>"},
      {"E'a\\'b' e'\\\\' c", "es<E'a\\'b'> es<e'\\\\'> w<c>"},
      {"E'a''b' E'\\n'", "es<E'a''b'> es<E'\\n'>"},
      {"B'01' x'1F' N'a' n'b\\'", "bs<B'01'> bs<x'1F'> s<N'a'> s<n'b\\'>"},
      {"U&'\\0041' u&'a''b'", "us<U&'\\0041'> us<u&'a''b'>"},
      {"ab'c' _e'\\'", "w<ab> s<'c'> w<_e> s<'\\'>"},
      {"B'0''1'", "bs<B'0'> s<'1'>"},
      // Behind a line break the same string goes on, by the same rules.
      {"'a'\n'b' 'c'", "s<'a'\n'b'> s<'c'>"},
      {"'a' 'b'", "s<'a'> s<'b'>"},
      {"E'a'\n'\\'' b", "es<E'a'\n'\\''> w<b>"},
      {"E'a' '\\' b", "es<E'a'> s<'\\'> w<b>"},
      {"E'a' -- x ' y\r  -- z\n '\\''", "es<E'a' -- x ' y\r  -- z\n '\\''>"},
      {"E'a' /*\n*/ '\\'", "es<E'a'> s<'\\'>"},
      {"E'a'\n b", "es<E'a'> w<b>"},
      {"E'a' --\n", "es<E'a'>"},
      {"$$a$$ $b$ $$ $c$ $b$", "ds<$$a$$> ds<$b$ $$ $c$ $b$>"},
      {"$$ $a$$ b", "ds<$$ $a$$> w<b>"},
      {"$a$ $$a$ b", "ds<$a$ $$a$> w<b>"},
      {"$a1_$'\"$a1_$", "ds<$a1_$'\"$a1_$>"},
      {"$\xc3\xa9$x$\xc3\xa9$", "ds<$\xc3\xa9$x$\xc3\xa9$>"},
      {"a$$b$$ c", "w<a$$b$$> w<c>"},
      {"1$$b$$", "n<1> ds<$$b$$>"},
      {"$1$$b$$", "p<$1> ds<$$b$$>"},
      {"$a b$ $", "invalid<$> w<a> w<b$> invalid<$>"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(Tokens(test.text) == test.tokens);
  }
}

TEST_CASE("Lexer reads backslashes in plain strings where the server does") {
  const Case cases[] = {
      {"'a\\'b' c", "es<'a\\'b'> w<c>"},       {"N'a\\'b' c", "es<N'a\\'b'> w<c>"},
      {"'a'\n'\\'' c", "es<'a'\n'\\''> w<c>"}, {"U&'\\' c", "us<U&'\\'> w<c>"},
      {"B'\\' c", "bs<B'\\'> w<c>"},           {"$$\\$$ c", "ds<$$\\$$> w<c>"},
      {"\"\\\" c", "qw<\"\\\"> w<c>"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(Tokens(test.text, StringSyntax::kBackslash) == test.tokens);
  }
}

TEST_CASE("Lexer cuts operators where a comment begins") {
  const Case cases[] = {
      {"a+b a-b a*b", "w<a> o<+> w<b> w<a> o<-> w<b> w<a> o<*> w<b>"},
      {"->> #> @> <= != <> || ~* !~~* ?| =>",
       "o<->>> o<#>> o<@>> o<<=> o<!=> o<<>> o<||> o<~*> o<!~~*> o<?|> o<=>>"},
      {"a=-1 a>=+1 a@-1 a=--1",
       "w<a> o<=> o<-> n<1> w<a> o<>=> o<+> n<1> w<a> o<@-> n<1> "
       "w<a> o<=>"},
      {"a+/* x */b", "w<a> o<+> w<b>"},
      {"a//* x */b", "w<a> o</> w<b>"},
      {"a*/b", "w<a> o<*/> w<b>"},
      {"a -- b ' \" $$\nc", "w<a> w<c>"},
      {"a -- b\rc", "w<a> w<c>"},
      {"a --", "w<a>"},
      {"a /* b /* ' */ \" */ c", "w<a> w<c>"},
      {"a /* /*/ */ */ b", "w<a> w<b>"},
      {"a /**/ /***/ b", "w<a> w<b>"},
      {"a - - b / * c", "w<a> o<-> o<-> w<b> o</> o<*> w<c>"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(Tokens(test.text) == test.tokens);
  }
}

TEST_CASE("Lexer says what does not end and what is no token") {
  const Case cases[] = {
      {"a 'b", "w<a> unterminated<'b>"},
      {"a 'b''", "w<a> unterminated<'b''>"},
      {"E'\\'", "unterminated<E'\\'>"},
      {"E'\\", "unterminated<E'\\>"},
      {"'a'\n'b", "unterminated<'a'\n'b>"},
      {"a \"b; c", "w<a> unterminated<\"b; c>"},
      {"U&\"b", "unterminated<U&\"b>"},
      {"a /* b */ /* c", "w<a> unterminated</* c>"},
      {"/*/", "unterminated</*/>"},
      {"/* /* */", "unterminated</* /* */>"},
      {"$$a$", "unterminated<$$a$>"},
      {"$a$ $A$", "unterminated<$a$ $A$>"},
      {"{a}", "invalid<{> w<a> invalid<}>"},
      {"\\", "invalid<\\>"},
      {"\x01", "invalid<\x01>"},
      {"$", "invalid<$>"},
  };
  for (const Case& test : cases) {
    CAPTURE(test.text);
    CHECK(Tokens(test.text) == test.tokens);
  }
  using namespace std::string_view_literals;
  CHECK(Tokens("a\0b"sv) == "w<a> invalid<\0> w<b>"sv);
}

TEST_CASE("Lexer covers every string up to six bytes of quotes and comment marks") {
  const std::string_view alphabet = "'\"$a/*-;\\(E";
  for (size_t length = 0; length <= 6; ++length) {
    std::vector<size_t> digits(length, 0);
    std::string text(length, alphabet[0]);
    for (bool more = true; more;) {
      for (size_t i = 0; i < length; ++i) text[i] = alphabet[digits[i]];
      std::string broken = Broken(text, StringSyntax::kStandard);
      if (broken.empty() && length < 6) broken = Broken(text, StringSyntax::kBackslash);
      if (!broken.empty()) FAIL(broken << ": " << text);
      size_t place = 0;
      while (place < length && ++digits[place] == alphabet.size()) digits[place++] = 0;
      more = place < length;
    }
  }
}

TEST_CASE("Lexer covers random bytes") {
  pglynx::SeededRandom random(7);
  const std::string_view likely = "'\"$aeEuU&bB01.-*/\\\n ;()";
  for (int round = 0; round < 20000; ++round) {
    std::string text = random.Bytes(random.Next64() % 40);
    for (char& byte : text) {
      if (random.Next64() % 8 != 0) byte = likely[random.Next64() % likely.size()];
    }
    for (const StringSyntax syntax : {StringSyntax::kStandard, StringSyntax::kBackslash}) {
      const std::string broken = Broken(text, syntax);
      if (!broken.empty()) FAIL(broken << ": " << text);
    }
  }
}

TEST_CASE("QuotedContent and the comparisons know their limits") {
  Lexer lexer("\"a\"\"b\" c \"", StringSyntax::kStandard);
  CHECK(pglynx::sql::QuotedContent(lexer.Next()) == "a\"\"b");
  CHECK(pglynx::sql::QuotedContent(lexer.Next()).empty());
  CHECK(pglynx::sql::QuotedContent(lexer.Next()).empty());

  CHECK(pglynx::sql::EqualsIgnoreCase("SeLect", "select"));
  CHECK_FALSE(pglynx::sql::EqualsIgnoreCase("select", "selec"));
  CHECK_FALSE(pglynx::sql::EqualsIgnoreCase("[", "{"));
  CHECK(pglynx::sql::ContainsIgnoreCase("'a PG_Temp'", "pg_temp"));
  CHECK_FALSE(pglynx::sql::ContainsIgnoreCase("pg_tem", "pg_temp"));
  CHECK_FALSE(pglynx::sql::ContainsIgnoreCase("", "a"));
}
