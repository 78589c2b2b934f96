#pragma once

// A doubly linked list whose links live in its elements: insertion, removal and
// membership are O(1) and allocate nothing. The list does not own its elements; an
// element that is destroyed leaves its list. `Tag` lets one object be on one list of
// each kind.
//
//   class Waiter : public ListNode<Waiter> {};
//   IntrusiveList<Waiter> queue;
//   queue.PushBack(waiter);
//   waiter.Unlink();

#include <cstddef>

#include "pglynx/core/check.h"

namespace pglynx {

template <typename T, typename Tag>
class IntrusiveList;

template <typename T, typename Tag = void>
class ListNode {
 public:
  ListNode() = default;
  ~ListNode() { Unlink(); }
  ListNode(const ListNode&) = delete;
  ListNode& operator=(const ListNode&) = delete;

  [[nodiscard]] bool linked() const { return list_ != nullptr; }
  // Leaves its list, if it is on one.
  void Unlink() {
    if (list_ != nullptr) list_->Remove(*this);
  }

 private:
  friend class IntrusiveList<T, Tag>;

  IntrusiveList<T, Tag>* list_ = nullptr;
  ListNode* previous_ = nullptr;
  ListNode* next_ = nullptr;
};

template <typename T, typename Tag = void>
class IntrusiveList {
 public:
  using Node = ListNode<T, Tag>;

  IntrusiveList() = default;
  ~IntrusiveList() {
    while (!empty()) Remove(*first_);
  }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;

  void PushBack(T& element) {
    Node& node = element;
    PGLYNX_CHECK(node.list_ == nullptr);
    node.list_ = this;
    node.previous_ = last_;
    node.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &node;
    last_ = &node;
    ++size_;
  }
  void PushFront(T& element) {
    Node& node = element;
    PGLYNX_CHECK(node.list_ == nullptr);
    node.list_ = this;
    node.previous_ = nullptr;
    node.next_ = first_;
    (first_ != nullptr ? first_->previous_ : last_) = &node;
    first_ = &node;
    ++size_;
  }
  void Remove(Node& node) {
    PGLYNX_CHECK(node.list_ == this);
    (node.previous_ != nullptr ? node.previous_->next_ : first_) = node.next_;
    (node.next_ != nullptr ? node.next_->previous_ : last_) = node.previous_;
    node.list_ = nullptr;
    node.previous_ = node.next_ = nullptr;
    --size_;
  }

  [[nodiscard]] bool empty() const { return first_ == nullptr; }
  [[nodiscard]] size_t size() const { return size_; }
  // nullptr where the list is empty.
  [[nodiscard]] T* front() const { return static_cast<T*>(first_); }
  [[nodiscard]] T* back() const { return static_cast<T*>(last_); }
  // The element behind `element`, nullptr at the end.
  [[nodiscard]] T* Next(const T& element) const {
    const Node& node = element;
    return static_cast<T*>(node.next_);
  }
  [[nodiscard]] bool Contains(const T& element) const {
    const Node& node = element;
    return node.list_ == this;
  }

 private:
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace pglynx
