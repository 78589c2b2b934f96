#include "session/unnamed_statement.h"

namespace pglynx::session {

void UnnamedStatement::Parsed(std::string_view contents, sql::StateEffects effects, Place place) {
  if (place.reach == pool::Reach::kCertain) pending_bytes_ = 0;
  const bool kept =
      contents.size() <= kKeptBytesMax && pending_bytes_ + contents.size() <= kPendingBytesMax;
  if (kept) pending_bytes_ += contents.size();
  Text& text = texts_.Change(place.request, place.batch, place.reach);
  text.contents.assign(kept ? contents : std::string_view());
  text.effects = effects;
  text.version = ++last_version_;
  text.kept = kept;
  text.bound = false;
}

void UnnamedStatement::Dropped(Place place) {
  if (!exists() && texts_.size() == 1) return;
  Text& text = texts_.Change(place.request, place.batch, place.reach);
  text.contents.clear();
  text.effects = {};
  text.version = 0;
  text.kept = true;
}

void UnnamedStatement::Strike(uint64_t first, uint64_t end) {
  texts_.Strike(first, end);
}

}  // namespace pglynx::session
