// Prepared statements of SQL that come through Parse, Bind and Execute; see client_sql_names.cc.

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "pglynx/session/session_table.h"
#include "pglynx/sql/prepared_uses.h"
#include "pglynx/wire/message_writer.h"
#include "session/client_session.h"
#include "session/relay_scratch.h"

namespace pglynx::session {
namespace {

using sql::PreparedUse;
using sql::StateEffect;
using sql::StateEffects;
using wire::Request;
using Kind = sql::PreparedUse::Kind;

// Behind a text that is the same for all clients stands the client's name, as a comment in hex, and
// how many characters it had in the client's own text.
constexpr std::string_view kNoteBegin = " /*pglynx ";
constexpr std::string_view kNoteEnd = "*/";

std::string WithNote(std::string text, char kind, std::string_view name, size_t characters) {
  text += kNoteBegin;
  text += kind;
  for (const char c : name) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  text += fmt::format(".{}", characters);
  text += kNoteEnd;
  return text;
}

struct ParseNote {
  char kind = 0;  // 'e', 'p', 'd' or 'a'; 0: there is none
  std::string name;
  size_t characters = 0;
};

ParseNote NoteOf(std::string_view text) {
  const size_t at = text.rfind(kNoteBegin);
  if (at == std::string_view::npos || !text.ends_with(kNoteEnd)) return {};
  std::string_view note = text.substr(at + kNoteBegin.size());
  note.remove_suffix(kNoteEnd.size());
  const size_t point = note.find('.');
  if (point == std::string_view::npos || point % 2 == 0) return {};
  ParseNote result{note[0], {}, 0};
  const std::string_view digits = note.substr(point + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), result.characters);
  note = note.substr(0, point);
  for (size_t i = 1; i + 1 < note.size(); i += 2) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(note.data() + i, note.data() + i + 2, value, 16);
    if (error != std::errc() || end != note.data() + i + 2) return {};
    result.name += static_cast<char>(value);
  }
  return result;
}

std::string Replaced(std::string_view text, const PreparedUse& use, std::string_view name) {
  std::string replaced(text.substr(0, use.name_at));
  replaced += name;
  replaced += text.substr(use.name_at + use.name_bytes);
  return replaced;
}

// Of several commands the server parses none.
bool IsAlone(std::string_view text, const PreparedUse& use, sql::StringSyntax syntax) {
  sql::Lexer rest(text.substr(use.statement_at + use.statement_bytes), syntax);
  sql::Token token = rest.Next();
  while (token.kind == sql::TokenKind::kSemicolon) token = rest.Next();
  return use.statement == 0 && token.kind == sql::TokenKind::kEnd;
}

}  // namespace

// `contents`: a Parse's body behind the name, replaced by what the server gets.
void ClientSession::RenameParse(std::string& contents, StateEffects effects) {
  if (!SharesStatements() || !UsesNames(effects)) return;
  const size_t end = contents.find('\0');
  const std::string tail = contents.substr(end);
  const std::string_view text = std::string_view(contents).substr(0, end);
  const auto uses = sql::FindPreparedUses(text, table_.scratch().text_settings.Of(wanted_).syntax);
  if (!uses.has_value() || uses->size() != 1) return;
  const PreparedUse& use = uses->front();
  const auto shifted = [text, &use](std::string_view name) { return Replaced(text, use, name); };
  const size_t own = Characters(text.substr(use.name_at, use.name_bytes));
  const std::string gone = fmt::format("{}_0", kGoneStatement);
  switch (use.kind) {
    case Kind::kExecute: {
      const pool::Statement* known = statements_ != nullptr ? statements_->Find(use.name) : nullptr;
      if (known != nullptr) contents = WithNote(shifted(known->name), 'e', use.name, own) + tail;
      return;
    }
    case Kind::kPrepare:
      contents = WithNote(shifted(kPassingStatement), 'p', use.name, own) + tail;
      return;
    case Kind::kDeallocate:
      contents = WithNote(shifted(gone), 'd', use.name, own) + tail;
      return;
    case Kind::kDeallocateAll:
      contents = WithNote(shifted(gone), 'a', {}, own) + tail;
      return;
    case Kind::kDiscardAll:
    case Kind::kDiscardPlans:
      return;
  }
}

// Of a Parse or a Bind: where in the text that the server has the client's own name was longer or
// shorter.
void ClientSession::NoteShift(std::string_view text, StateEffects effects) {
  const uint64_t request = lease_->tracker().next_number();
  const ParseNote note = UsesNames(effects) ? NoteOf(text) : ParseNote();
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const auto uses = note.kind != 0 ? sql::FindPreparedUses(text, syntax) : std::nullopt;
  if (!uses.has_value() || uses->size() != 1) {
    // Another text: what was noted before is not about it.
    if (HasShifts()) notes_->shifts.push_back({request, {}, {}, {}});
    return;
  }
  const PreparedUse& use = uses->front();
  const std::string_view name = text.substr(use.name_at, use.name_bytes);
  Notes().shifts.push_back(
      {request,
       {Characters(text.substr(0, use.name_at)) + name.size(),
        static_cast<int64_t>(name.size()) - static_cast<int64_t>(note.characters)},
       std::string(name),
       note.name});
}

// In front of the Bind (or Describe) of such a text: what it needs on the server. `text` is what
// the server has. False: it is refused.
bool ClientSession::PrepareRenamed(std::string_view text, StateEffects effects, Moment moment) {
  if (!SharesStatements() || !UsesNames(effects)) return true;
  const ParseNote note = NoteOf(text);
  if (note.kind == 0) {
    EnsureExecuted(text, effects);
    return true;
  }
  if (moment != Moment::kRuns) return true;
  if (statements_ == nullptr) statements_ = std::make_unique<PreparedStatements>();
  const pool::Statement* named = statements_->Find(note.name);
  const bool known = named != nullptr;
  if (note.kind == 'e') {
    if (known && text.find(named->name) != std::string_view::npos) {
      EnsureExecuted(text, effects);
      return true;
    }
    if (known) {
      DenyOnServer(Request::kDeniedParse,
                   {ErrorCode::kFeatureNotSupported,
                    fmt::format("prepared statement \"{}\" is another one now than when this "
                                "EXECUTE was parsed",
                                note.name),
                    "Parse the EXECUTE again."});
      return false;
    }
    DenyOnServer(Request::kDeniedParse,
                 {ErrorCode::kInvalidStatementName,
                  fmt::format("prepared statement \"{}\" does not exist", note.name),
                  {},
                  "FetchPreparedStatement"});
    return false;
  }
  NameChange change{NameChange::Kind::kDeallocate, 0, note.name, {}, false};
  if (note.kind == 'p') {
    change.kind = NameChange::Kind::kPrepare;
    if (!known && !MakePrepared(text, change)) return false;
    MakeStatementFor(kPassingStatement, known);
  } else {
    if (note.kind == 'a') change.kind = NameChange::Kind::kDeallocateAll;
    MakeStatementFor(fmt::format("{}_0", kGoneStatement), known || note.kind == 'a');
  }
  names_dropped_ = true;
  change.request = lease_->tracker().next_number();
  Notes().changes.push_back(std::move(change));
  return true;
}

bool ClientSession::MakePrepared(std::string_view text, NameChange& change) {
  const uint32_t most = table_.world().config->general.max_client_statements;
  if (statements_->size() >= most) {
    DenyOnServer(Request::kDeniedParse, TooManyStatements(most));
    return false;
  }
  const TextSettings& settings = table_.scratch().text_settings.Of(wanted_);
  text = text.substr(0, text.rfind(kNoteBegin));
  const auto uses = sql::FindPreparedUses(text, settings.syntax);
  if (!uses.has_value() || uses->empty()) return true;
  const size_t behind = uses->front().name_at + uses->front().name_bytes;
  const auto parts = SplitPrepare(text.substr(behind), settings.syntax);
  if (!parts.has_value()) return true;  // the server will say what is wrong
  std::string contents(parts->body);
  contents += kEmptyContents;
  const uint32_t effects = JudgeText(parts->body).bits();
  pool::StatementCache& cache = pool_.statements();
  change.prepared = parts->types.empty()
                        ? cache.Get(contents, settings.identity, effects)
                        : cache.MakeTyped(contents, parts->types, settings.identity, effects);
  return true;
}

// The server has a statement of this name, or none.
void ClientSession::MakeStatementFor(std::string_view name, bool exists) {
  SendHiddenClose(name);
  if (!exists) return;
  std::string& parse = table_.scratch().to_server.NewOwned();
  wire::AppendParse(parse, name, kEmptyContents);
  table_.scratch().to_server.AddOwned(parse);
  lease_->tracker().Sent(Request::kHiddenUnnamedParse);
}

// Postgres looks at what an EXECUTE executes as soon as it is parsed.
void ClientSession::EnsureExecuted(std::string_view text, StateEffects effects) {
  if (!effects.Has(StateEffect::kExecute) || statements_ == nullptr) return;
  const sql::StringSyntax syntax = table_.scratch().text_settings.Of(wanted_).syntax;
  const auto uses = sql::FindPreparedUses(text, syntax);
  if (!uses.has_value() || uses->empty() || !IsAlone(text, uses->front(), syntax)) return;
  const std::string& name = uses->front().name;
  if (!name.starts_with(pool::StatementCache::kNamePrefix)) return;
  uint64_t id = 0;
  const char* begin = name.data() + pool::StatementCache::kNamePrefix.size();
  if (std::from_chars(begin, name.data() + name.size(), id).ec != std::errc()) return;
  const std::string own(statements_->NameOf(id));
  const pool::StatementRef known = statements_->FindRef(own);
  if (known) EnsureOnServer(*known);
}

}  // namespace pglynx::session
