#include <map>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/base/system.h"
#include "reconciler/store/sqlite_store.h"
#include "tests/support/mem_store.h"
#include "tests/support/temp_dir.h"

namespace slipway {
namespace {

// What every Store must do, whatever it is made of.
class StoreContract : public testing::TestWithParam<std::string> {
 protected:
  StoreContract() { open(); }

  void open() {
    store_.reset();
    if (GetParam() == "MemStore") {
      store_ = std::make_unique<MemStore>();
      return;
    }
    auto opened = store::openSqliteStore({.directory = directory_.path()}, log_, metrics_, *clock_);
    ASSERT_TRUE(opened) << opened.status().toString();
    store_ = std::move(*opened);
  }
  Revision write(std::vector<Mutation> batch) {
    const std::size_t size = batch.size();
    const auto first = store_->submit(std::move(batch));
    EXPECT_TRUE(first) << first.status().toString();
    const Revision last = first.valueOr(0) + size - 1;
    const Status durable = store_->waitDurable(last);
    EXPECT_TRUE(durable) << durable.toString();
    return last;
  }
  Revision put(const std::string& key, const std::string& value) { return write({{key, value}}); }
  Revision remove(const std::string& key) { return write({{key, std::nullopt}}); }

  std::vector<std::string> live() {
    std::vector<std::string> out;
    EXPECT_TRUE(store_->load(
        [&](const Record& record) { out.push_back(cat(record.key, "=", *record.value, "@", record.revision)); }));
    return out;
  }
  std::vector<std::string> history(Revision after, std::size_t limit = 1000) {
    std::vector<std::string> out;
    const auto records = store_->history(after, limit);
    if (!records) return {std::string(codeName(records.code()))};
    for (const auto& record : *records) {
      out.push_back(cat(record.revision, ":", record.key, record.value ? "=" + *record.value : "-"));
    }
    return out;
  }

  using Texts = std::vector<std::string>;
  TempDir directory_;
  NullLogger log_;
  NullMetrics metrics_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, GivesOneRevisionToEachMutationInOrder) {
  EXPECT_EQ(store_->lastRevision(), 0U);
  EXPECT_EQ(*store_->submit({{"a", "1"}, {"b", "2"}}), 1U);
  EXPECT_EQ(*store_->submit({{"a", "3"}}), 3U);
  EXPECT_EQ(store_->lastRevision(), 3U);
  EXPECT_TRUE(store_->waitDurable(3));
  EXPECT_EQ(history(0), (Texts{"1:a=1", "2:b=2", "3:a=3"}));
}

TEST_P(StoreContract, LoadsLiveKeysInKeyOrderWithTheRevisionThatWroteThem) {
  put("b", "1");
  put("a", "2");
  put("c", "3");
  put("b", "4");
  remove("c");
  EXPECT_EQ(live(), (Texts{"a=2@2", "b=4@4"}));
}

TEST_P(StoreContract, KeepsAnEmptyValueApartFromADeletion) {
  put("a", "");
  EXPECT_EQ(live(), (Texts{"a=@1"}));
  remove("a");
  EXPECT_EQ(live(), Texts{});
  EXPECT_EQ(history(0), (Texts{"1:a=", "2:a-"}));
}

TEST_P(StoreContract, TakesAnyBytesAndOrdersThemAsUnsigned) {
  const std::string zero("k\0z", 3);
  const std::string high = "k\xff";
  put(high, std::string("\0\xff", 2));
  put(zero, "x");
  put("k", "y");
  std::vector<std::string> keys;
  std::vector<std::string> values;
  EXPECT_TRUE(store_->load([&](const Record& record) {
    keys.push_back(record.key);
    values.push_back(*record.value);
  }));
  EXPECT_EQ(keys, (Texts{"k", zero, high}));
  EXPECT_EQ(values, (Texts{"y", "x", std::string("\0\xff", 2)}));
}

TEST_P(StoreContract, RecordsTheDeletionOfAMissingKey) {
  EXPECT_EQ(remove("nothing"), 1U);
  EXPECT_EQ(history(0), (Texts{"1:nothing-"}));
  EXPECT_EQ(live(), Texts{});
}

TEST_P(StoreContract, AKeyThatWasDeletedCanComeBack) {
  put("a", "1");
  remove("a");
  put("a", "2");
  EXPECT_EQ(live(), (Texts{"a=2@3"}));
  EXPECT_TRUE(store_->compact(2));
  EXPECT_EQ(live(), (Texts{"a=2@3"}));
  EXPECT_EQ(history(2), (Texts{"3:a=2"}));
}

TEST_P(StoreContract, HistoryStartsAfterTheGivenRevisionAndStopsAtTheLimit) {
  for (int i = 1; i <= 5; ++i) put("k", std::to_string(i));
  EXPECT_EQ(history(2, 2), (Texts{"3:k=3", "4:k=4"}));
  EXPECT_EQ(history(4), (Texts{"5:k=5"}));
  EXPECT_EQ(history(5), Texts{});
}

TEST_P(StoreContract, HistoryOfAFutureRevisionHasNoOldChanges) {  // etcd 20221
  put("a", "1");
  EXPECT_EQ(history(7), Texts{});
}

TEST_P(StoreContract, RefusesEmptyBatchesAndKeys) {
  EXPECT_EQ(store_->submit({}).code(), Code::Invalid);
  EXPECT_EQ(store_->submit({{"a", "1"}, {"", "x"}}).code(), Code::Invalid);
  EXPECT_EQ(store_->lastRevision(), 0U);
  EXPECT_EQ(store_->waitDurable(1).code(), Code::Invalid);
  EXPECT_EQ(put("a", "1"), 1U);
}

TEST_P(StoreContract, AnnouncesEachRevisionOnceInOrderBeforeTheWriterGoesOn) {
  std::vector<Revision> seen;
  store_->onDurable([&](Revision revision) { seen.push_back(revision); });
  write({{"a", "1"}, {"b", "1"}, {"c", "1"}});
  EXPECT_EQ(seen, (std::vector<Revision>{1, 2, 3}));
  put("a", "2");
  EXPECT_EQ(seen.back(), 4U);
}

TEST_P(StoreContract, CompactionKeepsWhatIsLiveAndForgetsTheRest) {
  put("a", "1");
  put("b", "2");
  put("a", "3");
  remove("b");
  put("c", "5");
  EXPECT_TRUE(store_->compact(4));
  EXPECT_EQ(store_->compactedRevision(), 4U);
  EXPECT_EQ(live(), (Texts{"a=3@3", "c=5@5"}));
  EXPECT_EQ(history(3), (Texts{"Expired"}));
  EXPECT_EQ(history(0), (Texts{"Expired"}));
  EXPECT_EQ(history(4), (Texts{"5:c=5"}));
}

TEST_P(StoreContract, ADeletionRightAfterTheCompactedRevisionIsStillThere) {  // etcd 19179 and 18089
  put("a", "1");
  const Revision compacted = put("b", "2");
  remove("a");
  EXPECT_TRUE(store_->compact(compacted));
  EXPECT_EQ(history(compacted), (Texts{"3:a-"}));
}

TEST_P(StoreContract, RevisionsGoOnWhenTheNewestChangeWasCompactedAway) {  // etcd 17780
  put("a", "1");
  remove("a");
  EXPECT_TRUE(store_->compact(2));
  if (GetParam() != "MemStore") open();
  EXPECT_EQ(store_->lastRevision(), 2U);
  EXPECT_EQ(store_->compactedRevision(), 2U);
  EXPECT_EQ(put("a", "2"), 3U);
}

TEST_P(StoreContract, RefusesToCompactTheFutureAndForgivesThePast) {
  put("a", "1");
  put("a", "2");
  EXPECT_EQ(store_->compact(3).code(), Code::Invalid);
  EXPECT_TRUE(store_->compact(2));
  EXPECT_TRUE(store_->compact(1));
  EXPECT_EQ(store_->compactedRevision(), 2U);
}

TEST_P(StoreContract, ManyWritersGetRevisionsWithoutGapOrDouble) {
  constexpr int kThreads = 8;
  constexpr int kWrites = 100;
  std::vector<std::vector<Revision>> given(kThreads);
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < kThreads; ++t) {
      writers.emplace_back([&, t] {
        for (int i = 0; i < kWrites; ++i) given[t].push_back(put(cat("t", t), std::to_string(i)));
      });
    }
  }
  std::set<Revision> all;
  for (const auto& one : given) {
    EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
    all.insert(one.begin(), one.end());
  }
  EXPECT_EQ(all.size(), kThreads * kWrites);
  EXPECT_EQ(*all.rbegin(), kThreads * kWrites);
  const auto records = store_->history(0, kThreads * kWrites * 2);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), kThreads * kWrites);
  std::map<std::string, int> next;
  for (std::size_t i = 0; i < records->size(); ++i) {
    EXPECT_EQ((*records)[i].revision, i + 1);
    EXPECT_EQ(*(*records)[i].value, std::to_string(next[(*records)[i].key]++));
  }
}

TEST_P(StoreContract, AReaderThatFollowsDuringCompactionsMissesNothingOrIsTold) {  // etcd 18667, 17529
  constexpr Revision kWrites = 600;
  std::jthread writer([&] {
    for (Revision i = 1; i <= kWrites; ++i) {
      i % 3 == 0 ? remove(cat("k", i % 7)) : put(cat("k", i % 7), "v");
      if (i % 4 != 0) continue;
      const Status compacted = store_->compact(i * 3 / 4);
      ASSERT_TRUE(compacted) << compacted.toString();
    }
  });
  Revision at = 0;
  int expired = 0;
  while (at < kWrites) {
    const auto records = store_->history(at, 16);
    if (!records) {
      ASSERT_EQ(records.code(), Code::Expired);
      ++expired;
      ASSERT_GT(store_->compactedRevision(), at);
      at = store_->compactedRevision();
      continue;
    }
    for (const auto& record : *records) ASSERT_EQ(record.revision, ++at);
  }
  RecordProperty("expired", expired);
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, testing::Values("MemStore", "SqliteStore"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace slipway
