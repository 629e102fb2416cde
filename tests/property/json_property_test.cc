#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "reconciler/base/json.h"
#include "tests/support/seeded_random.h"

namespace slipway {
namespace {

// The same value as a tree in which nothing is ever shared.
struct Plain {
  std::int64_t number = 0;
  bool isObject = false;
  bool isArray = false;
  std::vector<std::string> names;  // of the members
  std::vector<Plain> members;
  std::vector<Plain> items;

  Plain* find(const std::string& key) {
    const auto found = std::find(names.begin(), names.end(), key);
    return found == names.end() ? nullptr : &members[static_cast<std::size_t>(found - names.begin())];
  }
  Plain& member(const std::string& key) {
    if (Plain* found = find(key)) {
      return *found;
    }
    isObject = true;
    names.push_back(key);
    return members.emplace_back();
  }
  void erase(const std::string& key) {
    if (const auto found = std::find(names.begin(), names.end(), key); found != names.end()) {
      members.erase(members.begin() + (found - names.begin()));
      names.erase(found);
    }
  }

  std::string dump() const {
    if (!isObject && !isArray) {
      return std::to_string(number);
    }
    std::string out(1, isObject ? '{' : '[');
    for (std::size_t i = 0; i < members.size(); ++i) {
      out += (i > 0 ? ",\"" : "\"") + names[i] + "\":" + members[i].dump();
    }
    for (const Plain& item : items) {
      out += (out.size() > 1 ? "," : "") + item.dump();
    }
    return out + (isObject ? '}' : ']');
  }
};

Plain plainNumber(std::int64_t number) {
  Plain plain;
  plain.number = number;
  return plain;
}

// A few values, copied into one another and changed through members, iterators and references kept over copies.
class Walk {
 public:
  explicit Walk(std::uint64_t seed) : random_(seed) {
    for (std::size_t i = 0; i < kSlots; ++i) {
      json_.push_back(Json::object());
      plain_.emplace_back().isObject = true;
    }
  }

  void step() {
    const std::size_t slot = pick(kSlots);
    Json* json = &json_[slot];
    Plain* plain = &plain_[slot];
    descend(json, plain);
    change(slot, *json, *plain);
  }

  void expectEqual(const std::string& when) const {
    for (std::size_t i = 0; i < kSlots; ++i) {
      ASSERT_EQ(json_[i].dump(), plain_[i].dump()) << when;
      ASSERT_EQ(json_[i] == json_[0], plain_[i].dump() == plain_[0].dump() || json_[i] == parsed(plain_[0])) << when;
    }
  }

 private:
  static constexpr std::size_t kSlots = 4;

  static Json parsed(const Plain& plain) { return parseJson(plain.dump()).value(); }
  std::size_t pick(std::size_t below) { return static_cast<std::size_t>(random_.next() % below); }
  std::string key() { return std::string(1, static_cast<char>('a' + pick(6))); }

  void descend(Json*& json, Plain*& plain) {
    while (pick(3) != 0) {
      const std::string name = key();
      if (plain->isArray && !plain->items.empty()) {
        const std::size_t index = pick(plain->items.size());
        json = &json->asArray()[index];
        plain = &plain->items[index];
      } else if (plain->isObject && plain->find(name) != nullptr) {
        json = json->find(name);
        plain = plain->find(name);
      } else {
        return;
      }
    }
  }

  void change(std::size_t slot, Json& json, Plain& plain) {
    if (plain.isArray) {
      appendTo(json, plain);
      return;
    }
    if (!plain.isObject) {
      // Through a reference that was there before the copy.
      copyWhole(slot);
      json = Json(std::int64_t{7});
      plain = plainNumber(7);
      return;
    }
    const std::string name = key();
    const auto number = static_cast<std::int64_t>(pick(100));
    switch (pick(9)) {
      case 0:
        json[name] = number;
        plain.member(name) = plainNumber(number);
        break;
      case 1:
        json.asObject().set(name, number);
        plain.member(name) = plainNumber(number);
        break;
      case 2:
        json.asObject().erase(name);
        plain.erase(name);
        break;
      case 3:
        copyInto(json, plain, name);
        break;
      case 4:
        copyWhole(slot);
        break;
      case 5:
        bump(json, plain);
        break;
      case 6:
        json[name] = Json::array({number});
        plain.member(name) = Plain();
        plain.member(name).isArray = true;
        plain.member(name).items.push_back(plainNumber(number));
        break;
      case 7:
        copyWhole(slot);
        json[name] = number;
        plain.member(name) = plainNumber(number);
        break;
      default:
        json_[slot].settle();
    }
  }

  void appendTo(Json& json, Plain& plain) {
    const std::size_t from = pick(kSlots);
    if (plain_[from].dump().size() < 200) {
      Plain copy = plain_[from];
      json.push(Json(json_[from]));
      plain.items.push_back(std::move(copy));
    }
  }

  void copyInto(Json& json, Plain& plain, const std::string& name) {
    const std::size_t from = pick(kSlots);
    if (plain_[from].dump().size() < 200) {
      Plain copy = plain_[from];
      Json shared = json_[from];
      json.asObject().set(name, std::move(shared));
      plain.member(name) = std::move(copy);
    }
  }

  void copyWhole(std::size_t slot) {
    const std::size_t to = pick(kSlots);
    if (to != slot) {
      json_[to] = json_[slot];
      plain_[to] = plain_[slot];
    }
  }

  static void bump(Json& json, Plain& plain) {
    for (auto& [name, value] : json.asObject()) {
      if (value.isInt()) {
        value = value.asInt() + 1;
      }
    }
    for (Plain& value : plain.members) {
      value.number += !value.isObject && !value.isArray ? 1 : 0;
    }
  }

  SeededRandom random_;
  std::vector<Json> json_;
  std::vector<Plain> plain_;
};

TEST(JsonProperty, CopiesBehaveAsIfNothingWereShared) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Walk walk(seed);
    for (int step = 0; step < 200; ++step) {
      walk.step();
      walk.expectEqual("seed " + std::to_string(seed) + ", step " + std::to_string(step));
      ASSERT_FALSE(HasFatalFailure());
    }
  }
}

}  // namespace
}  // namespace slipway
