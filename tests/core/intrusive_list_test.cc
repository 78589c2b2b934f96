// Goal: an element is on at most one list of each kind and leaves it when it dies. Method:
// cases, then a seeded run against std::list.
#include "pglynx/core/intrusive_list.h"

#include <algorithm>
#include <array>
#include <list>
#include <memory>
#include <vector>

#include "pglynx/core/random.h"
#include "support/catch.h"

using pglynx::IntrusiveList;
using pglynx::ListNode;

namespace {

struct ByAge;
struct Item : ListNode<Item>, ListNode<Item, ByAge> {
  explicit Item(int number_in) : number(number_in) {}
  int number;
};
using Items = IntrusiveList<Item>;
using Ages = IntrusiveList<Item, ByAge>;

bool IsLinked(const Item& item) {
  return static_cast<const ListNode<Item>&>(item).linked();
}

template <typename List>
std::vector<int> NumbersOf(const List& list) {
  std::vector<int> numbers;
  for (const Item* item = list.front(); item != nullptr; item = list.Next(*item)) {
    numbers.push_back(item->number);
  }
  return numbers;
}

}  // namespace

TEST_CASE("IntrusiveList keeps the order in which elements were put in") {
  Items list;
  CHECK(list.empty());
  CHECK(list.front() == nullptr);
  CHECK(list.back() == nullptr);
  Item one(1);
  Item two(2);
  Item three(3);
  list.PushBack(two);
  list.PushBack(three);
  list.PushFront(one);
  CHECK(NumbersOf(list) == std::vector<int>{1, 2, 3});
  CHECK(list.front() == &one);
  CHECK(list.back() == &three);
  CHECK(list.size() == 3);
  CHECK(list.Next(three) == nullptr);
}

TEST_CASE("IntrusiveList loses an element at either end and in the middle") {
  for (size_t gone = 0; gone < 3; ++gone) {
    Items list;
    std::array<Item, 3> items{Item(0), Item(1), Item(2)};
    std::vector<int> expected = {0, 1, 2};
    for (Item& item : items) list.PushBack(item);
    static_cast<ListNode<Item>&>(items.at(gone)).Unlink();
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(gone));
    CHECK(NumbersOf(list) == expected);
    CHECK_FALSE(IsLinked(items.at(gone)));
    CHECK_FALSE(list.Contains(items.at(gone)));
    static_cast<ListNode<Item>&>(items.at(gone)).Unlink();  // no harm
    list.PushBack(items.at(gone));
    CHECK(list.back() == &items.at(gone));
    CHECK(list.size() == 3);
  }
}

TEST_CASE("IntrusiveList loses an element that is destroyed") {
  Items list;
  Item first(1);
  list.PushBack(first);
  {
    Item second(2);
    list.PushBack(second);
    CHECK(list.size() == 2);
  }
  CHECK(NumbersOf(list) == std::vector<int>{1});
}

TEST_CASE("IntrusiveList that is destroyed lets its elements go") {
  Item one(1);
  Item two(2);
  {
    Items list;
    list.PushBack(one);
    list.PushBack(two);
  }
  CHECK_FALSE(IsLinked(one));
  Items other;
  other.PushBack(two);
  CHECK(other.Contains(two));
}

TEST_CASE("IntrusiveList knows its own elements from another list's") {
  Items list;
  Items other;
  Item item(1);
  CHECK_FALSE(list.Contains(item));
  list.PushBack(item);
  CHECK(list.Contains(item));
  CHECK_FALSE(other.Contains(item));
}

TEST_CASE("IntrusiveList lets one object be on one list of each kind") {
  Items items;
  Ages ages;
  Item one(1);
  Item two(2);
  items.PushBack(one);
  items.PushBack(two);
  ages.PushFront(one);
  ages.PushFront(two);
  CHECK(NumbersOf(items) == std::vector<int>{1, 2});
  CHECK(NumbersOf(ages) == std::vector<int>{2, 1});
  static_cast<ListNode<Item>&>(one).Unlink();
  CHECK(NumbersOf(items) == std::vector<int>{2});
  CHECK(NumbersOf(ages) == std::vector<int>{2, 1});
}

TEST_CASE("IntrusiveList behaves as std::list does, from any seed") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    pglynx::SeededRandom random(seed);
    Items list;
    std::list<int> model;
    std::vector<std::unique_ptr<Item>> items(16);
    for (int step = 0; step < 2000; ++step) {
      const size_t at = random.Next64() % items.size();
      std::unique_ptr<Item>& item = items[at];
      const auto number = static_cast<int>(at);
      switch (random.Next64() % 4) {
        case 0:
          if (item == nullptr) item = std::make_unique<Item>(number);
          if (IsLinked(*item)) break;
          list.PushBack(*item);
          model.push_back(number);
          break;
        case 1:
          if (item == nullptr) item = std::make_unique<Item>(number);
          if (IsLinked(*item)) break;
          list.PushFront(*item);
          model.push_front(number);
          break;
        case 2:
          if (item != nullptr) static_cast<ListNode<Item>&>(*item).Unlink();
          model.remove(number);
          break;
        default:
          item.reset();
          model.remove(number);
          break;
      }
      REQUIRE(NumbersOf(list) == std::vector<int>(model.begin(), model.end()));
      REQUIRE(list.size() == model.size());
      REQUIRE((list.back() == nullptr || list.back()->number == model.back()));
    }
  }
}
