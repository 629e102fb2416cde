#include <atomic>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/store/sqlite_store.h"
#include "tests/crash/disk_images.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_dir.h"

namespace slipway::store {
namespace {

// What was asked of the store and what it had acknowledged after how many operations of the disk.
struct Story {
  std::vector<Mutation> mutations;   // by revision - 1
  std::vector<std::size_t> askedAt;  // operations done when that revision was submitted
  std::vector<Revision> batchEnds{0};
  struct Said {
    std::size_t done;
    Revision durable;
    Revision compacted;
  };
  std::vector<Said> said{{0, 0, 0}};
  Revision compactGoal = 0;

  const Said& saidBy(std::size_t done) const {
    const auto after = std::upper_bound(said.begin(), said.end(), done,
                                        [](std::size_t asked, const Said& one) { return asked < one.done; });
    return *std::prev(after);
  }
};

// Every SQLite file of this suite is on a CrashDisk; only the lock file is real.
class StoreImages : public testing::Test {
 protected:
  // The store looks whether its file is there before SQLite opens it.
  StoreImages() { std::ofstream(directory_ / "slipway.db").flush(); }

  // How many seeds: more for a long run.
  static std::uint64_t scale() {
    const char* given = std::getenv("SLIPWAY_CRASH_SEEDS");
    return given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  }

  std::unique_ptr<SqliteStore> open() {
    auto opened = SqliteStore::open({.directory = directory_.path(), .startThread = false}, log_, metrics_, *clock_);
    problem_ = opened ? "" : opened.status().toString();
    return opened ? std::move(*opened) : nullptr;
  }
  void acknowledge(Revision durable, Revision compacted) {
    story_.said.push_back({disk_->operations().size(), durable, compacted});
  }
  void submit(SqliteStore& store, SeededRandom& random, std::size_t mutations, std::size_t largest) {
    std::vector<Mutation> batch;
    for (std::size_t i = 0; i < mutations; ++i) {
      Mutation one{cat("key", random.next() % 9), std::nullopt};
      if (random.next() % 5 != 0) {
        one.value = cat(story_.mutations.size() + 1, std::string(random.next() % largest, static_cast<char>('a' + i)));
      }
      story_.mutations.push_back(one);
      story_.askedAt.push_back(disk_->operations().size());
      batch.push_back(std::move(one));
    }
    ASSERT_TRUE(store.submit(std::move(batch)));
    story_.batchEnds.push_back(story_.mutations.size());
  }
  // Batches that share a commit now and then.
  void commits(SqliteStore& store, SeededRandom& random, int count, std::size_t largest = 6000) {
    for (int i = 0; i < count; ++i) {
      for (std::size_t shared = 1 + (random.next() % 3 == 0 ? 2 : 0); shared > 0; --shared) {
        submit(store, random, 1 + random.next() % 4, largest);
      }
      store.step();
      acknowledge(store.lastRevision(), store.compactedRevision());
    }
  }
  void compact(SqliteStore& store, Revision upTo) {
    story_.compactGoal = upTo;
    std::atomic<bool> over = false;
    {
      const std::jthread caller([&] {
        EXPECT_TRUE(store.compact(upTo));
        over = true;
      });
      while (!over) {
        if (!store.step()) std::this_thread::yield();
      }
    }
    acknowledge(store.lastRevision(), upTo);
  }

  // Creation, commits, a clean end, a restart, a compaction, another restart, and the last moments of a third process.
  void recordSessions(std::uint64_t seed) {
    SeededRandom random(seed);
    disk_ = std::make_unique<CrashDisk>(start_);
    story_ = {};
    for (int session = 0; session < 3; ++session) {
      auto store = open();
      ASSERT_NE(store, nullptr) << problem_;
      commits(*store, random, 5 + static_cast<int>(random.next() % 4));
      if (session > 0) {
        compact(*store, store->lastRevision() * 2 / 3);
        commits(*store, random, 3);
      }
    }
    operations_ = disk_->operations();
    disk_.reset();
  }

  // Opens what a crash left with the real store. Empty: as it must be.
  std::string check(const DiskFiles& files, std::size_t done, bool writeOn) {
    const CrashDisk disk(files);
    const Story::Said& said = story_.saidBy(done);
    auto store = open();
    if (store == nullptr) return "does not open: " + problem_;
    const Revision last = store->lastRevision();
    const Revision compacted = store->compactedRevision();
    if (last < said.durable) return cat("lost: revision ", said.durable, " was acknowledged, the newest is ", last);
    if (last > story_.mutations.size() || (last > 0 && story_.askedAt[last - 1] > done)) {
      return cat("revision ", last, " was never asked for");
    }
    if (!std::binary_search(story_.batchEnds.begin(), story_.batchEnds.end(), last)) {
      return cat("half a batch: the newest revision is ", last);
    }
    if (compacted < said.compacted || compacted > last) return cat("compacted to ", compacted, " of ", said.compacted);
    if (std::string wrong = checkContent(*store, last, compacted); !wrong.empty()) return wrong;
    return writeOn ? checkWriting(*store, last) : "";
  }
  std::string checkContent(SqliteStore& store, Revision last, Revision compacted) {
    const auto history = store.history(compacted, 1U << 20U);
    if (!history) return "no history: " + history.status().toString();
    if (history->size() != last - compacted) return cat("the history has ", history->size(), " records");
    if (compacted > 0) {
      const auto before = store.history(compacted - 1, 1U << 20U);
      if (before.code() != Code::Expired)
        return cat("history before ", compacted, ", which was compacted, is answered");
    }
    Revision next = compacted;
    for (const Record& record : *history) {
      const Mutation& asked = story_.mutations[record.revision - 1];
      if (record.revision != ++next) return cat("a gap before revision ", record.revision);
      if (record.key != asked.key || record.value != asked.value) return cat("revision ", next, " is not as written");
    }
    std::map<std::string, Revision> live;
    for (Revision revision = 1; revision <= last; ++revision) live[story_.mutations[revision - 1].key] = revision;
    std::erase_if(live, [&](const auto& one) { return !story_.mutations[one.second - 1].value; });
    std::map<std::string, Revision> loaded;
    bool same = true;
    const Status read = store.load([&](const Record& record) {
      loaded[record.key] = record.revision;
      same = same && record.value == story_.mutations[record.revision - 1].value;
    });
    if (!read) return "not readable: " + read.toString();
    return same && loaded == live ? "" : "the live keys are not those of the history";
  }
  std::string checkWriting(SqliteStore& store, Revision last) {
    const auto given = store.submit({{"after", "the crash"}});
    if (!given || *given != last + 1) return "the next revision is not the next number";
    store.step();
    return store.waitDurable(*given) ? "" : "cannot write after the crash";
  }

  std::size_t checkImages(const DiskImages::Options& options, std::vector<std::string>& wrong) {
    std::size_t at = 0;
    return DiskImages::forEach(
        start_, operations_, [&](std::size_t done) { return story_.saidBy(done).done; }, options,
        [&](DiskFiles files, const std::string& how, std::size_t done) {
          const std::string found = check(files, done, ++at % 8 == 0);
          if (!found.empty()) wrong.push_back(cat("after operation ", done, ", ", how, ": ", found));
        });
  }

  const TempDir directory_;
  NullLogger log_;
  NullMetrics metrics_;
  const std::unique_ptr<Clock> clock_ = newSystemClock();
  const DiskFiles start_{{"slipway.db", ""}};  // made and synced by the store itself
  std::unique_ptr<CrashDisk> disk_;
  std::vector<DiskOperation> operations_;
  Story story_;
  std::string problem_;
};

TEST_F(StoreImages, EveryPrefixTearAndReorderingHoldsWhatWasAcknowledged) {
  std::size_t images = 0;
  for (std::uint64_t seed = 1; seed <= scale(); ++seed) {
    recordSessions(seed);
    if (HasFatalFailure()) return;
    std::vector<std::string> wrong;
    images += checkImages({.seed = seed}, wrong);
    ASSERT_TRUE(wrong.empty()) << wrong.size() << " images of seed " << seed << ", the first: " << wrong.front();
  }
  RecordProperty("images", static_cast<int>(images));
  std::printf("%zu images\n", images);
  EXPECT_GT(images, 2000U);
}

TEST_F(StoreImages, ACheckpointBetweenCommitsCanBeCutAnywhere) {
  SeededRandom random(7);
  disk_ = std::make_unique<CrashDisk>(start_);
  std::size_t from = 0;
  {
    auto store = open();
    ASSERT_NE(store, nullptr) << problem_;
    while (disk_->operations().size() < 2000) {  // pages and their headers: then the log is worth a checkpoint
      submit(*store, random, 3, 200000);
      store->step();
      acknowledge(store->lastRevision(), 0);
    }
    from = disk_->operations().size();
    store->step();
    ASSERT_GT(disk_->operations().size(), from + 100) << "no checkpoint";
    commits(*store, random, 3);
    operations_ = disk_->operations();
  }
  disk_.reset();
  std::vector<std::string> wrong;
  const std::size_t images = checkImages({.subsets = 2, .random = 1, .stride = 61, .from = from - 5}, wrong);
  ASSERT_TRUE(wrong.empty()) << wrong.size() << " images, the first: " << wrong.front();
  EXPECT_GT(images, 20U);
}

TEST_F(StoreImages, ACrashDuringRecoveryIsRecoveredFrom) {
  recordSessions(3);
  if (HasFatalFailure()) return;
  std::vector<DiskFiles> first;
  std::vector<std::size_t> when;
  DiskImages::forEach(
      start_, operations_, [&](std::size_t done) { return story_.saidBy(done).done; },
      {.subsets = 1, .random = 1, .stride = 37},
      [&](DiskFiles files, const std::string&, std::size_t done) {
        first.push_back(std::move(files));
        when.push_back(done);
      });
  std::size_t images = 0;
  for (std::size_t i = 0; i < first.size(); i += 3) {
    std::vector<DiskOperation> recovery;
    {
      const CrashDisk disk(first[i]);
      const auto store = open();
      ASSERT_NE(store, nullptr) << problem_;
      recovery = disk.operations();
    }
    images += DiskImages::forEach(
        first[i], recovery, [](std::size_t) { return 0; }, {.subsets = 2, .random = 1},
        [&](DiskFiles files, const std::string& how, std::size_t done) {
          const std::string found = check(files, when[i], false);
          EXPECT_TRUE(found.empty()) << how << " after operation " << done << " of the recovery: " << found;
        });
  }
  EXPECT_GT(images, 20U);
}

// The engine itself: what it would say of a store on a disk that lies about its syncs.
TEST_F(StoreImages, ADiskThatForgetsSyncsIsFoundOut) {
  recordSessions(1);
  if (HasFatalFailure()) return;
  std::vector<std::string> wrong;
  checkImages({.subsets = 0, .random = 0, .stride = 5, .syncsAreLies = true}, wrong);
  EXPECT_GT(wrong.size(), 10U);
}

}  // namespace
}  // namespace slipway::store
