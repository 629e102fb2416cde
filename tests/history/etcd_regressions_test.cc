#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/base/system.h"
#include "reconciler/store/sqlite_store.h"
#include "tests/support/embedded_api.h"
#include "tests/support/temp_dir.h"

// The errors in data that etcd has had, by the number of its issue: what happened there, and that it does not here.
namespace slipway::apiserver {
namespace {

class OnDisk : public testing::Test {
 protected:
  OnDisk() { open(directory_.path()); }
  void open(const std::string& directory) {
    store_.reset();
    auto opened = store::openSqliteStore({.directory = directory}, log_, metrics_, *clock_);
    ASSERT_TRUE(opened) << opened.status().toString();
    store_ = std::move(*opened);
  }
  // What a killed process leaves: its files as they are now, without a clean end.
  void crash() {
    const std::string copy = directory_ / cat("crash", ++crashes_);
    std::filesystem::create_directory(copy);
    for (const char* name : {"slipway.db", "slipway.db-wal"}) {
      std::error_code ignored;
      std::filesystem::copy_file(current_ + "/" + name, copy + "/" + name, ignored);
    }
    current_ = copy;
    open(copy);
  }
  Revision write(const std::string& key, std::optional<std::string> value) {
    const auto revision = store_->submit({{key, std::move(value)}});
    EXPECT_TRUE(revision && store_->waitDurable(*revision));
    return revision.valueOr(0);
  }
  std::vector<Record> history(Revision after) { return store_->history(after, 1U << 20U).valueOr({}); }

  TempDir directory_;
  std::string current_ = directory_.path();
  int crashes_ = 0;
  NullLogger log_;
  NullMetrics metrics_;
  std::unique_ptr<Clock> clock_ = newSystemClock();
  std::unique_ptr<Store> store_;
};

class OnRegistry : public testing::Test {
 protected:
  std::string create(const std::string& name) {
    return textAt(api_.call("POST", EmbeddedApi::kReleases, labRelease(name)).second, {"metadata", "resourceVersion"});
  }
  static std::string url(const std::string& name) { return cat(EmbeddedApi::kReleases, "/", name); }
  void touch(const std::string& name, int value) {
    api_.mergePatch(url(name), cat(R"({"metadata":{"labels":{"n":")", value, "\"}}}"));
  }
  std::shared_ptr<WatchCursor> watch(Revision after) {
    WatchCursor::Options options;
    options.ns = "default";
    options.after = after;
    auto cursor = api_.registry->watch(*releases_, std::move(options));
    return cursor ? *cursor : nullptr;
  }
  std::vector<WatchCursor::Item> readAll(WatchCursor& cursor) {
    std::vector<WatchCursor::Item> out;
    for (auto batch = api_.registry->read(cursor, 7);; batch = api_.registry->read(cursor, 7)) {
      expired_ = batch.expired;
      out.insert(out.end(), batch.items.begin(), batch.items.end());
      if (!batch.more || batch.expired) return out;
    }
  }

  EmbeddedApi api_;
  const ResourcePtr releases_ = api_.registry->resource("lab.example.dev", "v1", "releases");
  bool expired_ = false;
};

// 13766: after a crash under load members had different data at the same revision, because the consistent index was
// saved before the data it stood for.
TEST_F(OnDisk, Etcd13766TheRevisionAfterACrashUnderLoadIsTheOneOfTheData) {
  {
    std::vector<std::jthread> writers;
    for (int w = 0; w < 4; ++w) {
      writers.emplace_back([&, w] {
        for (int i = 0; i < 60; ++i) write(cat("k", w), cat(w, ":", i));
      });
    }
  }
  crash();
  const auto records = history(0);
  ASSERT_EQ(records.size(), 240U);
  EXPECT_EQ(store_->lastRevision(), records.back().revision);
  std::map<std::string, std::string> last;
  for (const Record& record : records) last[record.key] = *record.value;
  EXPECT_TRUE(store_->load([&](const Record& record) { EXPECT_EQ(*record.value, last[record.key]); }));
}

// 14685: a crash in defragmentation left a file whose revision was behind its data.
TEST_F(OnDisk, Etcd14685ACrashWhileSpaceIsGivenBackKeepsRevisionAndDataTogether) {
  for (int i = 0; i < 300; ++i) write(cat("k", i % 3), std::string(2000, 'x'));
  std::jthread compacting([&] { EXPECT_TRUE(store_->compact(250)); });
  const Revision during = write("during", "1");
  compacting.join();
  crash();
  EXPECT_EQ(store_->lastRevision(), during);
  const auto records = history(store_->compactedRevision());
  ASSERT_FALSE(records.empty());
  EXPECT_EQ(records.back().revision, during);
}

// 14370: a single member answered before its log was synced, so that a crash took an acknowledged write back.
TEST_F(OnDisk, Etcd14370ASingleNodeKeepsWhatItAcknowledgedThroughACrash) {
  for (int i = 1; i <= 20; ++i) {
    const Revision acknowledged = write("k", std::to_string(i));
    crash();
    ASSERT_EQ(store_->lastRevision(), acknowledged);
    ASSERT_EQ(history(acknowledged - 1).front().value, std::to_string(i));
  }
}

// 14571: after a change of permissions some members applied a write that others refused. Here the decision is made
// once, before the store: what is refused leaves no revision behind.
TEST_F(OnRegistry, Etcd14571ARefusedWriteLeavesNoTrace) {
  create("a");
  const Revision before = api_.registry->published();
  HttpRequest request = EmbeddedApi::request("POST", EmbeddedApi::kReleases, labRelease("b"));
  request.principal = {"somebody", {}};
  EXPECT_EQ(api_.send(request)->response.status, 403);
  EXPECT_EQ(api_.call("POST", EmbeddedApi::kReleases, labRelease("b", R"({"version":""})")).first, 422);
  EXPECT_EQ(api_.registry->published(), before);
  EXPECT_EQ(api_.store->lastRevision(), before);
}

// 15220: a progress notification said "up to here" before the events up to there were sent.
TEST_F(OnRegistry, Etcd15220ABookmarkNeverOvertakesEvents) {
  const Revision start = api_.registry->published();
  const auto cursor = watch(start);
  for (int i = 0; i < 30; ++i) create(cat("r", i));
  Revision delivered = start;
  for (bool more = true; more;) {
    const auto batch = api_.registry->read(*cursor, 4);
    for (const auto& item : batch.items) delivered = std::max(delivered, item.revision);
    EXPECT_EQ(batch.seen, delivered);
    more = batch.more;
  }
  EXPECT_EQ(delivered, api_.registry->published());
}

// 15271: a watch that went on at another member after a partition saw older events again.
TEST_F(OnRegistry, Etcd15271AWatchThatGoesOnAfterARestartNeverGoesBack) {
  const auto cursor = watch(api_.registry->published());
  for (int i = 0; i < 5; ++i) create(cat("r", i));
  const Revision seen = readAll(*cursor).back().revision;
  EmbeddedApi restarted(api_.store);
  const auto stream = restarted.watch(cat(EmbeddedApi::kReleases, "?watch=1&resourceVersion=", seen));
  EXPECT_TRUE(stream->events().empty());
  restarted.call("POST", EmbeddedApi::kReleases, labRelease("after"));
  ASSERT_EQ(stream->events().size(), 1U);
  EXPECT_EQ(textAt(stream->events()[0], {"object", "metadata", "name"}), "after");
}

// 17247: an event came twice when a watch moved from catching up to following.
TEST_F(OnRegistry, Etcd17247AnEventIsNotSentTwiceWhenAWatchHasCaughtUp) {
  const Revision start = api_.registry->published();
  for (int i = 0; i < 20; ++i) create(cat("r", i));
  const auto cursor = watch(start);
  std::vector<Revision> seen;
  for (int i = 20; i < 60; ++i) {
    for (const auto& item : api_.registry->read(*cursor, 3).items) seen.push_back(item.revision);
    create(cat("r", i));
  }
  for (const auto& item : readAll(*cursor)) seen.push_back(item.revision);
  ASSERT_EQ(seen.size(), 60U);
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], start + i + 1);
}

// 17529: a slow watcher lost events without being told when its buffer was full.
TEST_F(OnRegistry, Etcd17529ASlowWatcherGetsEveryEventOrIsTold) {
  create("a");
  const auto slow = watch(api_.registry->published());
  for (int i = 0; i < 100; ++i) touch("a", i);
  EXPECT_EQ(readAll(*slow).size(), 100U);
  EXPECT_FALSE(expired_);
  for (int i = 0; i < 4200; ++i) touch("a", i);
  EXPECT_TRUE(readAll(*slow).empty());
  EXPECT_TRUE(expired_);
}

// 17780: a crash in the middle of a compaction made the revision fall, because the newest one was that of a deletion.
TEST_F(OnDisk, Etcd17780TheRevisionDoesNotFallWhenACompactionIsCutShort) {
  write("a", "1");
  const Revision newest = write("a", std::nullopt);
  ASSERT_TRUE(store_->compact(newest));
  crash();
  EXPECT_EQ(store_->lastRevision(), newest);
  EXPECT_EQ(write("a", "2"), newest + 1);
}

// 18089: compaction at the revision of a deletion dropped the event of that deletion for watches that start there.
TEST_F(OnDisk, Etcd18089CompactionAtADeletionKeepsItForAWatchFromBeforeIt) {
  write("a", "1");
  const Revision deletion = write("a", std::nullopt);
  write("b", "1");
  ASSERT_TRUE(store_->compact(deletion - 1));
  const auto records = history(deletion - 1);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].revision, deletion);
  EXPECT_FALSE(records[0].value);
}

// 18667: a read at a revision that was compacted meanwhile gave part of the data instead of an error.
TEST_F(OnRegistry, Etcd18667AListAtACompactedRevisionIsWholeOrRefused) {
  for (int i = 0; i < 10; ++i) create(cat("r", i));
  const Revision at = api_.registry->published();
  for (int i = 0; i < 6000; ++i) {
    touch("r0", i);
    if (i % 500 != 0) continue;
    ASSERT_TRUE(api_.registry->compact());
    const auto then = api_.registry->listAt(*releases_, "default", at);
    if (then) {
      ASSERT_EQ(then->items.size(), 10U);
      for (const StoredPtr& item : then->items) ASSERT_LE(item->revision, at);
    } else {
      ASSERT_GT(i, 4000);
    }
  }
  EXPECT_FALSE(api_.registry->listAt(*releases_, "default", at));
}

// 19179: a watch that starts at the compacted revision missed a deletion right after it.
TEST_F(OnRegistry, Etcd19179AWatchFromTheOldestRevisionSeesTheDeletionAfterIt) {
  create("a");
  ASSERT_TRUE(api_.registry->startHistory());
  const Revision oldest = api_.registry->published();
  api_.call("DELETE", url("a"));
  EmbeddedApi restarted(api_.store);
  const auto live = watch(oldest);
  ASSERT_NE(live, nullptr);
  ASSERT_EQ(readAll(*live).size(), 1U);
  // After a restart the last state of what was deleted is not known any more: the watch is refused, not cut short.
  const auto stream = restarted.watch(cat(EmbeddedApi::kReleases, "?watch=1&resourceVersion=", oldest));
  ASSERT_EQ(stream->events().size(), 1U);
  const std::string type = textAt(stream->events()[0], {"type"});
  EXPECT_TRUE(type == "DELETED" || textAt(stream->events()[0], {"object", "code"}) == "410") << type;
}

// 20221: a watch that starts in the future was sent old events.
TEST_F(OnRegistry, Etcd20221AWatchFromTheFutureIsRefused) {
  create("a");
  const Revision future = api_.registry->published() + 10;
  EXPECT_EQ(watch(future), nullptr);
  const auto stream = api_.watch(cat(EmbeddedApi::kReleases, "?watch=1&resourceVersion=", future));
  ASSERT_EQ(stream->events().size(), 1U);
  EXPECT_EQ(textAt(stream->events()[0], {"object", "code"}), "410");
}

}  // namespace
}  // namespace slipway::apiserver
