#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace slipway {

// What clients of the API did and were told, with the moments on one clock that only counts.
struct History {
  enum class Kind { Create, Update, Delete, Get };
  enum class Outcome { Done, Exists, Absent, Conflict };
  struct Operation {
    Kind kind = Kind::Get;
    std::string key;
    std::uint64_t invoked = 0;
    std::uint64_t returned = 0;
    std::uint64_t expected = 0;  // Update, Delete: the version it was decided on
    Outcome outcome = Outcome::Done;
    std::uint64_t revision = 0;  // of the object after it; for Delete the deletion's, for Get 0: there is none
  };
  struct List {
    std::uint64_t invoked = 0;
    std::uint64_t returned = 0;
    std::uint64_t revision = 0;
    std::map<std::string, std::uint64_t> items;
  };
  enum class EventType { Added, Modified, Deleted, Bookmark };
  struct Event {
    EventType type = EventType::Bookmark;
    std::string key;
    std::uint64_t revision = 0;
  };
  struct Watch {
    std::uint64_t after = 0;
    std::string only;  // one key; empty: all
    std::vector<Event> events;
    bool expired = false;
    bool mayExpire = false;  // it was slow on purpose
  };

  std::uint64_t base = 0;  // the newest revision before any of this
  std::vector<Operation> operations;
  std::vector<List> lists;
  std::vector<Watch> watches;
};

// What of a history cannot have happened on a correct store, one line each; none when there is an explanation:
//   each key is linearisable, and every revision is given out once and without a gap;
//   a list is one state, not older than what was acknowledged before it was asked for;
//   a watch brings each change once, in order and without a gap, bookmarks never overtake; or it says that it expired.
std::vector<std::string> anomalies(const History& history);

// Whether the operations on one key can be put in an order that respects time and makes sense, by Wing and Gong's
// search with Lowe's memory of what was tried.
bool linearisable(const std::vector<History::Operation>& operations);

}  // namespace slipway
