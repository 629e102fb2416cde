#include <algorithm>

#include <gtest/gtest.h>

#include "tests/history/history.h"

namespace slipway {
namespace {

using Kind = History::Kind;
using Outcome = History::Outcome;
using EventType = History::EventType;

// Two keys; a is created, read, updated and deleted, b is created meanwhile.
History sound() {
  History history;
  history.base = 10;
  history.operations = {
      {Kind::Create, "a", 1, 4, 0, Outcome::Done, 11},       {Kind::Create, "b", 2, 6, 0, Outcome::Done, 12},
      {Kind::Get, "a", 5, 7, 0, Outcome::Done, 11},          {Kind::Update, "a", 8, 12, 11, Outcome::Done, 13},
      {Kind::Get, "a", 9, 10, 0, Outcome::Done, 11},         {Kind::Get, "a", 9, 11, 0, Outcome::Done, 13},
      {Kind::Update, "a", 13, 14, 11, Outcome::Conflict, 0}, {Kind::Create, "a", 13, 15, 0, Outcome::Exists, 0},
      {Kind::Delete, "a", 16, 17, 13, Outcome::Done, 14},    {Kind::Update, "a", 18, 19, 13, Outcome::Absent, 0},
      {Kind::Get, "a", 18, 20, 0, Outcome::Done, 0}};
  history.lists = {{5, 6, 11, {{"a", 11}}}, {7, 9, 12, {{"a", 11}, {"b", 12}}}, {18, 20, 14, {{"b", 12}}}};
  history.watches = {{10,
                      "",
                      {{EventType::Added, "a", 11},
                       {EventType::Added, "b", 12},
                       {EventType::Bookmark, "", 12},
                       {EventType::Modified, "a", 13},
                       {EventType::Deleted, "a", 14},
                       {EventType::Bookmark, "", 14}},
                      false,
                      false},
                     {11, "b", {{EventType::Added, "b", 12}, {EventType::Bookmark, "", 14}}, false, false}};
  return history;
}

TEST(HistoryChecker, AcceptsWhatACorrectStoreDoes) {
  const auto wrong = anomalies(sound());
  EXPECT_TRUE(wrong.empty()) << wrong.front();
}

TEST(HistoryChecker, ConcurrentOperationsMayTakeEffectInAnyOrder) {
  EXPECT_TRUE(linearisable({{Kind::Create, "a", 1, 9, 0, Outcome::Done, 5},
                            {Kind::Delete, "a", 2, 8, 5, Outcome::Done, 6},
                            {Kind::Get, "a", 3, 4, 0, Outcome::Done, 5},
                            {Kind::Get, "a", 5, 6, 0, Outcome::Done, 0}}));
  EXPECT_FALSE(linearisable({{Kind::Create, "a", 1, 9, 0, Outcome::Done, 5},
                             {Kind::Get, "a", 3, 4, 0, Outcome::Done, 5},
                             {Kind::Get, "a", 5, 6, 0, Outcome::Done, 0}}));
}

struct Mistake {
  const char* name;
  void (*make)(History&);
};

class WrongHistory : public testing::TestWithParam<Mistake> {};

TEST_P(WrongHistory, IsFound) {
  History history = sound();
  GetParam().make(history);
  EXPECT_FALSE(anomalies(history).empty());
}

const Mistake kMistakes[] = {
    {"StaleRead", [](History& h) { h.operations[2].revision = 0; }},
    {"ReadGoesBack",
     [](History& h) {
       h.operations.push_back({Kind::Get, "a", 13, 14, 0, Outcome::Done, 11});
     }},
    {"ReadOfTheFuture", [](History& h) { h.operations[2].revision = 13; }},
    {"LostUpdate",
     [](History& h) {
       h.operations.push_back({Kind::Update, "a", 14, 15, 11, Outcome::Done, 15});
     }},
    {"TwoCreations", [](History& h) { h.operations[7].outcome = Outcome::Done, h.operations[7].revision = 15; }},
    {"ConflictWithNothing", [](History& h) { h.operations[6].expected = 13; }},
    {"ExistsThoughDeleted", [](History& h) { h.operations[7].invoked = 18, h.operations[7].returned = 20; }},
    {"ConflictToldBeforeTheWinnerIsSeen",
     [](History& h) {
       h.operations.push_back({Kind::Update, "a", 8, 9, 5, Outcome::Conflict, 0});
       h.operations.push_back({Kind::Update, "b", 6, 7, 12, Outcome::Conflict, 0});
     }},
    {"RevisionTwice", [](History& h) { h.operations[3].revision = 12; }},
    {"RevisionLeftOut", [](History& h) { h.operations[8].revision = 15; }},
    {"ListOfTwoStates", [](History& h) { h.lists[1].items["a"] = 13; }},
    {"ListWithoutAKey", [](History& h) { h.lists[1].items.erase("b"); }},
    {"ListKeepsADeletedKey", [](History& h) { h.lists[2].items["a"] = 13; }},
    {"ListOlderThanWhatWasAcknowledged", [](History& h) { h.lists[0].invoked = 7; }},
    {"EventTwice",
     [](History& h) { h.watches[0].events.insert(h.watches[0].events.begin(), h.watches[0].events.front()); }},
    {"EventMissing", [](History& h) { h.watches[0].events.erase(h.watches[0].events.begin() + 3); }},
    {"DeletionMissing", [](History& h) { h.watches[0].events.erase(h.watches[0].events.begin() + 4); }},
    {"EventsOutOfOrder", [](History& h) { std::swap(h.watches[0].events[0], h.watches[0].events[1]); }},
    {"BookmarkOvertakes", [](History& h) { std::swap(h.watches[0].events[1], h.watches[0].events[2]); }},
    {"BookmarkOfAFilteredWatchOvertakes",
     [](History& h) { std::swap(h.watches[1].events[0], h.watches[1].events[1]); }},
    {"EventFromBeforeTheStart", [](History& h) { h.watches[0].after = 11; }},
    {"EventOfAnotherType", [](History& h) { h.watches[0].events[3].type = EventType::Added; }},
    {"EventOfAnotherKey", [](History& h) { h.watches[1].events[0].key = "a"; }},
    {"ExpiredForNothing", [](History& h) { h.watches[0].expired = true; }},
};

INSTANTIATE_TEST_SUITE_P(Seeded, WrongHistory, testing::ValuesIn(kMistakes),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace slipway
