#pragma once

// Fixed sets of lower-case names, written as one text and hashed at compile time. A
// lookup folds at most 63 bytes (the server's longest identifier) on the stack.
//
//   constexpr std::string_view kText = "into temp merge";
//   constexpr auto kTable = MakeNameTable<CountNames(kText)>(kText);
//   const int place = kTable.Find(word);  // 0, 1, 2, or -1; any ASCII case

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pglynx::sql {

inline constexpr size_t kNameBytesMax = 63;

constexpr uint32_t HashName(std::string_view name) {
  uint32_t hash = 2166136261U;
  for (const char byte : name) {
    hash = (hash ^ static_cast<unsigned char>(byte)) * 16777619U;
  }
  return hash ^ (hash >> 15);
}

// The ASCII lower-case form of a name; empty if the name is too long to be in any table.
class FoldedName {
 public:
  explicit FoldedName(std::string_view name) {
    if (name.size() > kNameBytesMax) return;
    for (const char byte : name) {
      bytes_[size_++] = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte | 0x20) : byte;
    }
  }
  [[nodiscard]] std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[kNameBytesMax];  // only the first size_ are set
  size_t size_ = 0;
};

// The number of names in a text that separates them by single spaces.
constexpr size_t CountNames(std::string_view text) {
  size_t count = text.empty() ? 0 : 1;
  for (const char byte : text) count += byte == ' ' ? 1 : 0;
  return count;
}

template <size_t kCount>
class NameTable {
 public:
  constexpr explicit NameTable(std::string_view text) {
    size_t begin = 0;
    for (size_t i = 0; i < kCount; ++i) {
      const size_t end = text.find(' ', begin);
      names_[i] = text.substr(begin, end == std::string_view::npos ? end : end - begin);
      begin = end + 1;
      Insert(i);
    }
  }

  // The place of the name in the text, or -1. The name must be in lower case.
  [[nodiscard]] constexpr int FindLower(std::string_view name) const {
    if (!MayHave(name)) return -1;
    for (size_t slot = HashName(name) % kSlots; slots_[slot] != 0; slot = (slot + 1) % kSlots) {
      const size_t place = slots_[slot] - size_t{1};
      if (names_[place] == name) return static_cast<int>(place);
    }
    return -1;
  }
  // The same for a name in any ASCII case.
  [[nodiscard]] int Find(std::string_view name) const {
    if (!MayHave(name)) return -1;
    return FindLower(FoldedName(name).view());
  }
  [[nodiscard]] bool Contains(std::string_view name) const { return Find(name) >= 0; }
  [[nodiscard]] constexpr const std::array<std::string_view, kCount>& names() const {
    return names_;
  }

 private:
  static constexpr size_t kSlots = std::bit_ceil(2 * kCount);

  // Most words of a statement are in no table; their length and first letter say so.
  [[nodiscard]] constexpr bool MayHave(std::string_view name) const {
    return !name.empty() && name.size() <= kNameBytesMax &&
           (first_letters_[name.size()] & FirstLetterBit(name)) != 0;
  }
  static constexpr uint32_t FirstLetterBit(std::string_view name) {
    return uint32_t{1} << (static_cast<unsigned char>(name[0]) % 32);  // case does not matter
  }
  constexpr void Insert(size_t place) {
    const std::string_view name = names_[place];
    first_letters_[name.size()] |= FirstLetterBit(name);
    size_t slot = HashName(name) % kSlots;
    while (slots_[slot] != 0) slot = (slot + 1) % kSlots;
    slots_[slot] = static_cast<uint16_t>(place + 1);
  }

  std::array<std::string_view, kCount> names_{};
  std::array<uint16_t, kSlots> slots_{};  // 0 is free, else the place plus one
  std::array<uint32_t, kNameBytesMax + 1> first_letters_{};
};

template <size_t kCount>
constexpr NameTable<kCount> MakeNameTable(std::string_view text) {
  return NameTable<kCount>(text);
}

}  // namespace pglynx::sql
