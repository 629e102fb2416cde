#include "tests/history/history.h"

#include <algorithm>
#include <optional>
#include <set>

#include "reconciler/base/strings.h"

namespace slipway {
namespace {

using Operation = History::Operation;
using Kind = History::Kind;
using Outcome = History::Outcome;
using EventType = History::EventType;

// The key's version after the operation, given the one before (0: there is none). Nothing: it cannot have been there.
std::optional<std::uint64_t> apply(std::uint64_t state, const Operation& operation) {
  if (operation.kind == Kind::Get) return state == operation.revision ? std::optional(state) : std::nullopt;
  switch (operation.outcome) {
    case Outcome::Exists:
      return state != 0 ? std::optional(state) : std::nullopt;
    case Outcome::Absent:
      return state == 0 ? std::optional(state) : std::nullopt;
    case Outcome::Conflict:
      return state != 0 && state != operation.expected ? std::optional(state) : std::nullopt;
    case Outcome::Done:
      break;
  }
  if (state != (operation.kind == Kind::Create ? 0 : operation.expected)) return std::nullopt;
  return operation.kind == Kind::Delete ? 0 : operation.revision;
}

// One moment of the key's history: a call, or the return that ends it.
struct Moment {
  std::uint64_t when = 0;
  std::size_t operation = 0;
  bool isCall = true;
  std::size_t next = 0;
  std::size_t previous = 0;
  std::size_t match = 0;  // of a call: its return
};

class Search {
 public:
  explicit Search(const std::vector<Operation>& operations) : operations_(operations) {
    std::vector<Moment> moments;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      moments.push_back({operations[i].invoked, i, true, 0, 0, 0});
      moments.push_back({operations[i].returned, i, false, 0, 0, 0});
    }
    std::stable_sort(moments.begin(), moments.end(), [](const auto& a, const auto& b) { return a.when < b.when; });
    moments_.emplace_back();  // the head
    moments_.insert(moments_.end(), moments.begin(), moments.end());
    std::map<std::size_t, std::size_t> calls;
    for (std::size_t i = 1; i < moments_.size(); ++i) {
      moments_[i - 1].next = i;
      moments_[i].previous = i - 1;
      if (moments_[i].isCall) {
        calls[moments_[i].operation] = i;
      } else {
        moments_[calls[moments_[i].operation]].match = i;
      }
    }
    moments_.back().next = 0;
  }

  bool run() {
    std::vector<bool> done(operations_.size());
    std::set<std::pair<std::uint64_t, std::vector<bool>>> tried;
    std::vector<std::pair<std::size_t, std::uint64_t>> stack;
    std::uint64_t state = 0;
    std::size_t at = moments_[0].next;
    while (moments_[0].next != 0) {
      if (at != 0 && moments_[at].isCall) {
        const std::size_t operation = moments_[at].operation;
        const auto after = apply(state, operations_[operation]);
        done[operation] = true;
        if (after && tried.emplace(*after, done).second) {
          stack.emplace_back(at, state);
          state = *after;
          lift(at);
          at = moments_[0].next;
        } else {
          done[operation] = false;
          at = moments_[at].next;
        }
        continue;
      }
      // Somebody was told before anything that could still come first: take the last choice back.
      if (stack.empty()) return false;
      at = stack.back().first;
      state = stack.back().second;
      stack.pop_back();
      done[moments_[at].operation] = false;
      unlift(at);
      at = moments_[at].next;
    }
    return true;
  }

 private:
  void unlink(std::size_t i) {
    moments_[moments_[i].previous].next = moments_[i].next;
    if (moments_[i].next != 0) moments_[moments_[i].next].previous = moments_[i].previous;
  }
  void link(std::size_t i) {
    moments_[moments_[i].previous].next = i;
    if (moments_[i].next != 0) moments_[moments_[i].next].previous = i;
  }
  void lift(std::size_t call) {
    unlink(call);
    unlink(moments_[call].match);
  }
  void unlift(std::size_t call) {
    link(moments_[call].match);
    link(call);
  }

  const std::vector<Operation>& operations_;
  std::vector<Moment> moments_;
};

class Judge {
 public:
  explicit Judge(const History& history) : history_(history) {}

  std::vector<std::string> verdict() {
    changes();
    keys();
    lists();
    for (std::size_t i = 0; i < history_.watches.size(); ++i) watch(i);
    return std::move(wrong_);
  }

 private:
  struct Change {
    EventType type;
    std::string key;
  };

  void changes() {
    for (const Operation& operation : history_.operations) {
      if (operation.kind == Kind::Get || operation.outcome != Outcome::Done) continue;
      const EventType type = operation.kind == Kind::Create   ? EventType::Added
                             : operation.kind == Kind::Update ? EventType::Modified
                                                              : EventType::Deleted;
      if (!changes_.emplace(operation.revision, Change{type, operation.key}).second) {
        wrong_.push_back(cat("revision ", operation.revision, " was given out twice"));
      }
    }
    std::uint64_t expected = history_.base;
    for (const auto& [revision, change] : changes_) {
      if (revision != ++expected) wrong_.push_back(cat("no write has revision ", expected));
      expected = revision;
    }
  }

  void keys() {
    std::map<std::string, std::vector<Operation>> byKey;
    for (const Operation& operation : history_.operations) byKey[operation.key].push_back(operation);
    for (const auto& [key, operations] : byKey) {
      if (!linearisable(operations)) wrong_.push_back("not linearisable: " + key);
    }
  }

  // In the order of their revisions, so that the state is carried along.
  void lists() {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> acknowledged;  // when, the newest revision
    for (const Operation& operation : history_.operations) {
      if (operation.kind != Kind::Get && operation.outcome == Outcome::Done) {
        acknowledged.emplace_back(operation.returned, operation.revision);
      }
    }
    std::sort(acknowledged.begin(), acknowledged.end());
    for (std::size_t i = 1; i < acknowledged.size(); ++i) {
      acknowledged[i].second = std::max(acknowledged[i].second, acknowledged[i - 1].second);
    }
    std::vector<const History::List*> order;
    for (const History::List& list : history_.lists) order.push_back(&list);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->revision < b->revision; });
    std::map<std::string, std::uint64_t> state;
    auto next = changes_.begin();
    for (const History::List* list : order) {
      for (; next != changes_.end() && next->first <= list->revision; ++next) {
        if (next->second.type == EventType::Deleted) {
          state.erase(next->second.key);
        } else {
          state[next->second.key] = next->first;
        }
      }
      if (list->items != state) wrong_.push_back(cat("a list at revision ", list->revision, " is not that state"));
      const auto before = std::lower_bound(acknowledged.begin(), acknowledged.end(), std::pair(list->invoked, 0UL));
      if (before != acknowledged.begin() && std::prev(before)->second > list->revision) {
        wrong_.push_back(cat("a list at revision ", list->revision, " is older than ", std::prev(before)->second,
                             ", acknowledged before it was asked for"));
      }
    }
  }

  void watch(std::size_t index) {
    const History::Watch& watch = history_.watches[index];
    const std::string name = cat("watch ", index, " after ", watch.after);
    if (watch.expired && !watch.mayExpire) wrong_.push_back(name + " expired though it was read");
    std::uint64_t seen = watch.after;
    for (const History::Event& event : watch.events) {
      const bool bookmark = event.type == EventType::Bookmark;
      if (event.revision < seen || (!bookmark && event.revision == seen)) {
        wrong_.push_back(cat(name, ": revision ", event.revision, " after ", seen));
        return;
      }
      // Nothing that concerns this watch may lie between.
      for (auto change = changes_.upper_bound(seen);
           change != changes_.end() && change->first < event.revision + (bookmark ? 1 : 0); ++change) {
        if (watch.only.empty() || watch.only == change->second.key) {
          wrong_.push_back(cat(name, ": revision ", change->first, " is missing before ", event.revision));
          return;
        }
      }
      seen = event.revision;
      if (bookmark) continue;
      const auto change = changes_.find(event.revision);
      if (change == changes_.end() || change->second.key != event.key || change->second.type != event.type) {
        wrong_.push_back(cat(name, ": revision ", event.revision, " is not what happened"));
        return;
      }
    }
  }

  const History& history_;
  std::map<std::uint64_t, Change> changes_;
  std::vector<std::string> wrong_;
};

}  // namespace

bool linearisable(const std::vector<Operation>& operations) { return Search(operations).run(); }

std::vector<std::string> anomalies(const History& history) { return Judge(history).verdict(); }

}  // namespace slipway
