#include "pglynx/admin/console_table.h"

#include "admin/admin_session.h"

namespace pglynx::admin {

ConsoleTable::ConsoleTable(World world)
    : world_(world), mock_secret_(world.random.Bytes(auth::kScramKeyBytes)) {}

ConsoleTable::~ConsoleTable() = default;

void ConsoleTable::Open(std::unique_ptr<net::Stream> stream, std::string_view first) {
  if (sessions_.size() >= kConsoleClientsMax) {
    stream->Close();
    return;
  }
  auto session = std::make_unique<AdminSession>(*this, std::move(stream));
  AdminSession& opened = *session;
  sessions_.emplace(&opened, std::move(session));
  opened.Start(first);
}

void ConsoleTable::CloseAll() {
  while (!sessions_.empty()) sessions_.begin()->second->Finish();
}

void ConsoleTable::Remove(AdminSession& session) {
  const auto found = sessions_.find(&session);
  world_.loop.DeferDelete(std::move(found->second));
  sessions_.erase(found);
}

}  // namespace pglynx::admin
