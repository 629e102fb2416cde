#include <algorithm>
#include <memory>
#include <new>

#include "reconciler/base/json.h"

namespace slipway {

JsonObject::Node* JsonObject::make(std::size_t capacity) {
  static_assert(alignof(Node) >= alignof(Member) && sizeof(Node) % alignof(Member) == 0);
  void* memory = ::operator new(sizeof(Node) + capacity * sizeof(Member));
  Node* node = new (memory) Node();
  node->capacity = static_cast<std::uint32_t>(capacity);
  return node;
}

void JsonObject::destroy(Node* node) {
  std::destroy_n(node->members(), node->size);
  node->~Node();
  ::operator delete(node);
}

JsonObject::Node* JsonObject::clone() const {
  if (node_ == nullptr) {
    return nullptr;
  }
  Node* copy = make(node_->size);
  std::uninitialized_copy_n(node_->members(), node_->size, copy->members());
  copy->size = node_->size;
  return copy;
}

JsonObject::Node* JsonObject::own(std::size_t more) {
  const std::size_t wanted = size() + more;
  // Acquire: whoever gave up its share has read all it will read before we write.
  const bool alone = node_ != nullptr && node_->owners.load(std::memory_order_acquire) == 1;
  if (alone && wanted <= node_->capacity) {
    return node_;
  }
  const std::size_t roomy = more == 0 ? wanted : std::max({wanted, size() * 2, std::size_t{4}});
  Node* fresh = make(roomy);
  if (node_ != nullptr) {
    if (alone) {
      std::uninitialized_move_n(node_->members(), node_->size, fresh->members());
      fresh->lent = node_->lent;
    } else {
      std::uninitialized_copy_n(node_->members(), node_->size, fresh->members());
    }
    fresh->size = node_->size;
    release();
  }
  node_ = fresh;
  return node_;
}

JsonObject::JsonObject(std::initializer_list<Member> members) {
  reserve(members.size());
  for (const Member& member : members) {
    set(member.first, member.second);
  }
}

void JsonObject::reserve(std::size_t members) {
  if (members > size()) {
    own(members - size());
  }
}

JsonObject::iterator JsonObject::begin() {
  if (node_ == nullptr) {
    return nullptr;
  }
  own(0)->lent = true;
  return node_->members();
}

JsonObject::iterator JsonObject::end() { return begin() + size(); }

Json* JsonObject::find(std::string_view key) {
  const std::size_t index = indexOf(key);
  if (index == size()) {
    return nullptr;
  }
  own(0)->lent = true;
  return &node_->members()[index].second;
}

Json& JsonObject::operator[](std::string_view key) {
  if (Json* found = find(key)) {
    return *found;
  }
  Node* node = own(1);
  node->lent = true;
  return (new (node->members() + node->size++) Member(std::string(key), Json()))->second;
}

void JsonObject::set(std::string_view key, Json value) {
  const std::size_t index = indexOf(key);
  if (index == size()) {
    append(std::string(key), std::move(value));
    return;
  }
  Node* node = own(0);
  node->lent = node->lent || value.lent();
  node->members()[index].second = std::move(value);
}

void JsonObject::append(std::string key, Json value) {
  Node* node = own(1);
  node->lent = node->lent || value.lent();
  new (node->members() + node->size) Member(std::move(key), std::move(value));
  ++node->size;
}

bool JsonObject::erase(std::string_view key) {
  const std::size_t index = indexOf(key);
  if (index == size()) {
    return false;
  }
  Node* node = own(0);
  std::move(node->members() + index + 1, node->members() + node->size, node->members() + index);
  --node->size;
  std::destroy_at(node->members() + node->size);
  return true;
}

}  // namespace slipway
