#include "reconciler/store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "reconciler/base/strings.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace slipway::store {
namespace {

class SqliteStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<SqliteStore>> open(bool startThread = false) {
    return SqliteStore::open({.directory = directory_.path(),
                              .onFailure = [this](const Status& status) { failure_ = status; },
                              .startThread = startThread},
                             log_, metrics_, clock_);
  }
  // Changes the file behind the store's back.
  void sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((directory_ / "slipway.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  void writeSome() {
    auto store = open();
    ASSERT_TRUE(store) << store.status().toString();
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE((*store)->submit({{cat("key", i), cat("value", i)}}));
    EXPECT_TRUE((*store)->step());
  }
  Status loadAll() {
    auto store = open();
    return store ? (*store)->load([](const Record&) {}) : store.status();
  }

  TempDir directory_;
  NullLogger log_;
  NullMetrics metrics_;
  FakeClock clock_;
  Status failure_;
};

TEST_F(SqliteStoreTest, CommitsAllThatIsQueuedInOneStep) {
  auto store = *open();
  std::vector<Revision> announced;
  store->onDurable([&](Revision revision) { announced.push_back(revision); });
  ASSERT_TRUE(store->submit({{"a", "1"}}));
  ASSERT_TRUE(store->submit({{"b", "2"}, {"c", "3"}}));
  EXPECT_TRUE(store->history(0, 10)->empty());
  EXPECT_TRUE(store->step());
  EXPECT_EQ(announced, (std::vector<Revision>{1, 2, 3}));
  EXPECT_TRUE(store->waitDurable(3));
  EXPECT_FALSE(store->step());
}

TEST_F(SqliteStoreTest, NeverSplitsABatchOverTransactions) {
  auto store = *open();
  std::vector<Mutation> large;
  for (int i = 0; i < 1000; ++i) large.push_back({cat("k", i), "v"});
  ASSERT_TRUE(store->submit({{"first", "1"}}));
  ASSERT_TRUE(store->submit(large));
  EXPECT_TRUE(store->step());
  EXPECT_EQ(store->history(0, 5000)->size(), 1U);
  EXPECT_TRUE(store->step());
  EXPECT_EQ(store->history(0, 5000)->size(), 1001U);
}

TEST_F(SqliteStoreTest, WhatWasNotCommittedIsWhollyGoneAfterARestart) {
  {
    auto store = *open();
    ASSERT_TRUE(store->submit({{"a", "1"}}));
    ASSERT_TRUE(store->step());
    ASSERT_TRUE(store->submit({{"b", "2"}, {"c", "3"}}));
  }
  auto store = *open();
  EXPECT_EQ(store->lastRevision(), 1U);
  EXPECT_EQ(store->history(0, 10)->size(), 1U);
}

TEST_F(SqliteStoreTest, KeepsEverythingOverARestart) {
  writeSome();
  auto store = *open(true);
  EXPECT_EQ(store->lastRevision(), 3U);
  std::string seen;
  ASSERT_TRUE(store->load([&](const Record& record) { seen += cat(record.key, *record.value, record.revision, ";"); }));
  EXPECT_EQ(seen, "key1value11;key2value22;key3value33;");
}

TEST_F(SqliteStoreTest, ResumesACompactionThatACrashInterrupted) {
  {
    auto store = *open();
    for (int i = 0; i < 2000; ++i) ASSERT_TRUE(store->submit({{"k", cat("value", i)}}));
    while (store->step()) {
    }
  }
  sql("UPDATE meta SET value=1999 WHERE name='compacted'");  // durable first, then the sweep
  auto store = *open(true);
  EXPECT_EQ(store->compactedRevision(), 1999U);
  EXPECT_EQ(store->history(1998, 10).code(), Code::Expired);
  EXPECT_EQ(store->history(1999, 10)->size(), 1U);
  EXPECT_TRUE(store->compact(2000));
  store.reset();
  sql("CREATE TEMP TABLE t(x CHECK(x)); INSERT INTO t SELECT count(*)=1 FROM hist");
}

TEST_F(SqliteStoreTest, GivesSpaceBackAfterACompaction) {
  auto store = *open(true);
  const std::string value(4000, 'x');
  Revision last = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<Mutation> batch(100, Mutation{"k", value});
    last = *store->submit(std::move(batch)) + 99;
  }
  ASSERT_TRUE(store->waitDurable(last));
  ASSERT_TRUE(store->compact(last));
  store.reset();
  struct stat info {};
  ASSERT_EQ(stat((directory_ / "slipway.db").c_str(), &info), 0);
  EXPECT_LT(info.st_size, 60 * 100 * 4000 / 2 + (4096 << 12));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "slipway.db-wal"));
}

TEST_F(SqliteStoreTest, HidesItsFilesFromOthers) {
  auto store = *open();
  for (const char* name : {"slipway.db", "slipway.db-wal", "slipway.lock"}) {
    struct stat info {};
    ASSERT_EQ(stat((directory_ / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777U, 0600U) << name;
  }
}

TEST_F(SqliteStoreTest, RefusesASecondProcessAndNamesTheFirst) {
  auto first = *open();
  const auto second = open();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.code(), Code::Unavailable);
  EXPECT_NE(second.status().message().find(cat("in use by process ", getpid())), std::string::npos)
      << second.status().message();
  first.reset();
  EXPECT_TRUE(open());
}

TEST_F(SqliteStoreTest, RefusesANewerFormatAndTouchesNothing) {
  writeSome();
  sql("PRAGMA user_version=7");
  const std::string before = readFile(directory_ / "slipway.db");
  const auto opened = open();
  EXPECT_EQ(opened.code(), Code::Invalid);
  EXPECT_NE(opened.status().message().find("written by a newer slipwayd (format 7; this one reads up to 1)"),
            std::string::npos)
      << opened.status().message();
  EXPECT_EQ(readFile(directory_ / "slipway.db"), before);
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoStore) {
  writeFile(directory_ / "slipway.db", std::string(5000, 'x'));
  EXPECT_EQ(open().code(), Code::Invalid);
  EXPECT_NE(open().status().message().find("not a slipway store"), std::string::npos);
  std::filesystem::remove(directory_ / "slipway.db");
  sql("CREATE TABLE other(x)");
  EXPECT_NE(open().status().message().find("another program wrote it"), std::string::npos);
}

TEST_F(SqliteStoreTest, FindsAMissingTableAndAMissingRecord) {
  writeSome();
  sql("DELETE FROM hist WHERE rev=2");
  EXPECT_EQ(loadAll().code(), Code::DataLoss);
  EXPECT_EQ(loadAll().message(), "damaged: no value for key key2 at revision 2");
  sql("DROP TABLE hist");
  EXPECT_EQ(loadAll().code(), Code::DataLoss);
  EXPECT_NE(loadAll().message().find("table hist is missing"), std::string::npos);
}

TEST_F(SqliteStoreTest, FindsAChangedValue) {
  writeSome();
  sql("UPDATE hist SET value=CAST('value9' AS BLOB) WHERE rev=2");
  EXPECT_EQ(loadAll().code(), Code::DataLoss);
  auto store = *open();
  EXPECT_EQ(store->history(1, 1).code(), Code::DataLoss);
  EXPECT_EQ(store->history(2, 1)->size(), 1U);
}

TEST_F(SqliteStoreTest, FindsFlippedBitsAnywhereInTheFile) {
  writeSome();
  const std::string good = readFile(directory_ / "slipway.db");
  int found = 0;
  int harmless = 0;
  for (std::size_t at = 0; at < good.size(); at += 61) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    writeFile(directory_ / "slipway.db", bad);
    auto store = open();
    std::string seen;
    Status status =
        store ? (*store)->load([&](const Record& record) { seen += record.key + *record.value; }) : store.status();
    // Either the damage is reported or it was in unused space: never another value.
    if (status) {
      EXPECT_EQ(seen, "key1value1key2value2key3value3") << "byte " << at;
      ++harmless;
    } else {
      ++found;
    }
  }
  EXPECT_GT(found, 3);
  EXPECT_GT(harmless, 3);
}

TEST_F(SqliteStoreTest, StopsForGoodWhenACommitFails) {
  auto store = *open();
  ASSERT_TRUE(store->submit({{"a", "1"}}));
  ASSERT_TRUE(store->step());
  sql("CREATE TRIGGER no BEFORE INSERT ON hist BEGIN SELECT RAISE(ABORT,'disk I/O error'); END");
  ASSERT_TRUE(store->submit({{"b", "2"}}));
  store->step();
  EXPECT_EQ(failure_.code(), Code::DataLoss);
  EXPECT_EQ(store->waitDurable(2).code(), Code::DataLoss);
  EXPECT_TRUE(store->waitDurable(1)) << "what was durable before stays so";
  EXPECT_EQ(store->submit({{"c", "3"}}).code(), Code::DataLoss);
  EXPECT_EQ(store->history(0, 1).code(), Code::DataLoss);
  EXPECT_EQ(store->load([](const Record&) {}).code(), Code::DataLoss);
  EXPECT_EQ(store->compact(1).code(), Code::DataLoss);
  EXPECT_FALSE(store->step());
}

TEST_F(SqliteStoreTest, RefusesMoreWhenTheDiskIsFarBehind) {
  auto store = *SqliteStore::open({.directory = directory_.path(), .maxQueuedBytes = 1000, .startThread = false}, log_,
                                  metrics_, clock_);
  ASSERT_TRUE(store->submit({{"a", std::string(2000, 'x')}})) << "one batch always fits";
  EXPECT_EQ(store->submit({{"b", "1"}}).code(), Code::Unavailable);
  EXPECT_EQ(store->lastRevision(), 1U);
  ASSERT_TRUE(store->step());
  EXPECT_EQ(*store->submit({{"b", "1"}}), 2U);
}

TEST_F(SqliteStoreTest, SaysWhyADirectoryCannotBeUsed) {
  writeFile(directory_ / "file", "");
  const auto opened = SqliteStore::open({.directory = directory_ / "file"}, log_, metrics_, clock_);
  EXPECT_EQ(opened.code(), Code::Unavailable);
  EXPECT_NE(opened.status().message().find("/file"), std::string::npos) << opened.status().message();
}

}  // namespace
}  // namespace slipway::store
