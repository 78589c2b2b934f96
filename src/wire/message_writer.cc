#include "pglynx/wire/message_writer.h"

#include "pglynx/core/bytes.h"

namespace pglynx::wire {
namespace {

void AppendField(std::string& out, char code, std::string_view text) {
  if (text.empty()) return;
  out += code;
  AppendCString(out, text);
}

void AppendFields(std::string& out, char type, const ErrorFields& fields) {
  const MessageScope message(out, type);
  AppendField(out, 'S', SeverityName(fields.severity));
  AppendField(out, 'V', SeverityName(fields.severity));
  AppendField(out, 'C', fields.sqlstate);
  AppendField(out, 'M', fields.message);
  AppendField(out, 'D', fields.detail);
  AppendField(out, 'H', fields.hint);
  AppendField(out, 'R', fields.routine);
  out += '\0';
}

}  // namespace

MessageScope::MessageScope(std::string& out, char type) : out_(out) {
  out_ += type;
  length_at_ = out_.size();
  out_.append(4, '\0');
}

MessageScope::~MessageScope() {
  StoreU32(out_.data() + length_at_, static_cast<uint32_t>(out_.size() - length_at_));
}

void AppendCString(std::string& out, std::string_view text) {
  out += text;
  out += '\0';
}

void AppendErrorResponse(std::string& out, const ErrorFields& fields) {
  AppendFields(out, 'E', fields);
}

void AppendNoticeResponse(std::string& out, const ErrorFields& fields) {
  AppendFields(out, 'N', fields);
}

void AppendErrorResponse(std::string& out, Severity severity, const Error& error) {
  ErrorFields fields{.severity = severity,
                     .sqlstate = MeaningOf(error.code).sqlstate,
                     .message = error.detail,
                     .detail = {},
                     .hint = error.hint};
  if (error.routine != nullptr) fields.routine = error.routine;
  AppendFields(out, 'E', fields);
}

void AppendParameterStatus(std::string& out, std::string_view name, std::string_view value) {
  const MessageScope message(out, 'S');
  AppendCString(out, name);
  AppendCString(out, value);
}

void AppendBackendKeyData(std::string& out, uint32_t pid, std::string_view secret) {
  const MessageScope message(out, 'K');
  AppendU32(out, pid);
  out += secret;
}

void AppendReadyForQuery(std::string& out, char status) {
  const MessageScope message(out, 'Z');
  out += status;
}

void AppendCommandComplete(std::string& out, std::string_view tag) {
  const MessageScope message(out, 'C');
  AppendCString(out, tag);
}

void AppendQuery(std::string& out, std::string_view sql) {
  const MessageScope message(out, 'Q');
  AppendCString(out, sql);
}

void AppendParse(std::string& out, std::string_view name, std::string_view sql_and_tail) {
  const MessageScope message(out, 'P');
  AppendCString(out, name);
  out += sql_and_tail;
}

void AppendClose(std::string& out, char kind, std::string_view name) {
  const MessageScope message(out, 'C');
  out += kind;
  AppendCString(out, name);
}

void AppendDescribe(std::string& out, char kind, std::string_view name) {
  const MessageScope message(out, 'D');
  out += kind;
  AppendCString(out, name);
}

void AppendRun(std::string& out, std::string_view name, std::string_view sql) {
  {
    const MessageScope parse(out, 'P');
    AppendCString(out, name);
    AppendCString(out, sql);
    AppendU16(out, 0);  // parameter types
  }
  {
    const MessageScope bind(out, 'B');
    AppendCString(out, name);
    AppendCString(out, name);
    AppendU16(out, 0);  // parameter formats
    AppendU16(out, 0);  // parameters
    AppendU16(out, 0);  // result formats
  }
  {
    const MessageScope execute(out, 'E');
    AppendCString(out, name);
    AppendU32(out, 0);  // all rows
  }
  AppendClose(out, 'P', name);
  AppendClose(out, 'S', name);
}

void AppendSync(std::string& out) {
  const MessageScope message(out, 'S');
}

}  // namespace pglynx::wire
