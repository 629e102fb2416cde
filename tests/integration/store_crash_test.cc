#include <csignal>
#include <map>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/store/sqlite_store.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_dir.h"

namespace slipway::store {
namespace {

// What a writer says through the pipe after its write was acknowledged. Small enough to be written at once.
struct Acknowledged {
  Revision revision;
  int writer;
  int count;
};

std::string valueOf(int writer, int count) { return cat("w", writer, " n", count, std::string(1 + count % 3000, 'v')); }

// Writes until it is killed. Each writer counts up in one key and deletes it at every 50th count.
[[noreturn]] void writeUntilKilled(const std::string& directory, int pipe, bool compact, int base) {
  NullLogger log;
  NullMetrics metrics;
  const auto clock = newSystemClock();
  auto opened = openSqliteStore({.directory = directory}, log, metrics, *clock);
  if (!opened) _exit(3);
  Store& store = **opened;
  std::vector<std::jthread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&store, pipe, w, base] {
      for (int n = base;; ++n) {
        std::optional<std::string> value;
        if (n % 50 != 0) value = valueOf(w, n);
        const auto revision = store.submit({{cat("key", w), value}});
        if (!revision || !store.waitDurable(*revision)) _exit(4);
        const Acknowledged said{*revision, w, n};
        if (write(pipe, &said, sizeof said) != sizeof said) _exit(5);
      }
    });
  }
  while (compact) {
    if (!store.compact(store.lastRevision() * 3 / 4)) _exit(6);
  }
  while (true) pause();
}

class StoreCrash : public testing::TestWithParam<bool> {
 protected:
  // Runs a writer, kills it after `acknowledgements`, gives back what it was told.
  std::vector<Acknowledged> crashAfter(int acknowledgements, int base) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) writeUntilKilled(directory_.path(), ends[1], GetParam(), base);
    close(ends[1]);
    std::vector<Acknowledged> said;
    Acknowledged one{};
    while (read(ends[0], &one, sizeof one) == static_cast<ssize_t>(sizeof one)) {
      said.push_back(one);
      if (static_cast<int>(said.size()) == acknowledgements) kill(child, SIGKILL);
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself with " << WEXITSTATUS(status);
    return said;
  }

  TempDir directory_;
  NullLogger log_;
  NullMetrics metrics_;
};

TEST_P(StoreCrash, NothingAcknowledgedIsLostAndNoRevisionIsMissing) {
  constexpr int kRounds = 12;
  SeededRandom random(20261121);
  Revision floor = 0;
  int base = 0;
  for (int round = 0; round < kRounds; ++round) {
    const auto said = crashAfter(1 + static_cast<int>(random.next() % 400), base);
    const auto clock = newSystemClock();
    auto opened = openSqliteStore({.directory = directory_.path()}, log_, metrics_, *clock);
    ASSERT_TRUE(opened) << opened.status().toString();
    Store& store = **opened;

    Revision newest = floor;
    std::map<Revision, Acknowledged> told;
    std::map<int, int> lastCount;
    for (const auto& one : said) {
      told[one.revision] = one;
      newest = std::max(newest, one.revision);
      lastCount[one.writer] = std::max(lastCount[one.writer], one.count);
      base = std::max(base, one.count + 2);
    }
    ASSERT_GE(store.lastRevision(), newest);
    ASSERT_EQ(told.size(), said.size()) << "a revision was given out twice";

    const Revision start = store.compactedRevision();
    if (!GetParam()) {
      ASSERT_EQ(start, 0U);
    }
    const auto records = store.history(start, 1U << 30U);
    ASSERT_TRUE(records) << records.status().toString();
    ASSERT_EQ(records->size(), store.lastRevision() - start);
    for (std::size_t i = 0; i < records->size(); ++i) {
      const auto& record = (*records)[i];
      ASSERT_EQ(record.revision, start + i + 1);
      const auto it = told.find(record.revision);
      if (it == told.end()) continue;
      ASSERT_EQ(record.key, cat("key", it->second.writer));
      ASSERT_EQ(record.value.has_value(), it->second.count % 50 != 0);
      if (record.value) {
        ASSERT_EQ(*record.value, valueOf(it->second.writer, it->second.count));
      }
    }
    std::map<std::string, Record> live;
    ASSERT_TRUE(store.load([&](const Record& record) { live[record.key] = record; }));
    for (const auto& each : lastCount) {
      const auto writer = each.first;
      const auto count = each.second;
      // The key holds what was acknowledged last, or the one write after it.
      const auto it = live.find(cat("key", writer));
      const auto is = [&](int n) {
        return n % 50 == 0 ? it == live.end() : it != live.end() && *it->second.value == valueOf(writer, n);
      };
      ASSERT_TRUE(is(count) || is(count + 1)) << "writer " << writer << " count " << count;
    }
    floor = store.lastRevision();
  }
}

INSTANTIATE_TEST_SUITE_P(Crash, StoreCrash, testing::Bool(),
                         [](const auto& one) { return one.param ? "DuringCompactions" : "WithWholeHistory"; });

// Exit codes of a child that fills its disk quota.
int writeUntilTheDiskIsFull(const std::string& directory) {
  signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1U << 20U, 1U << 20U};
  setrlimit(RLIMIT_FSIZE, &limit);
  NullLogger log;
  NullMetrics metrics;
  const auto clock = newSystemClock();
  auto opened = openSqliteStore({.directory = directory}, log, metrics, *clock);
  if (!opened) return 10;
  Revision acknowledged = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto revision = (*opened)->submit({{cat("k", i), std::string(2000, 'x')}});
    if (!revision) return 11;
    const Status durable = (*opened)->waitDurable(*revision);
    if (durable) {
      acknowledged = *revision;
      continue;
    }
    const bool stopped = durable.code() == Code::DataLoss && (*opened)->submit({{"k", "v"}}).code() == Code::DataLoss;
    writeFile(directory + "/acknowledged", std::to_string(acknowledged));
    return stopped ? 0 : 12;
  }
  return 13;
}

TEST(StoreOnAFullDisk, StopsForGoodAndKeepsWhatItAcknowledged) {
  const TempDir directory;
  const pid_t child = fork();
  if (child == 0) _exit(writeUntilTheDiskIsFull(directory.path()));
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  NullLogger log;
  NullMetrics metrics;
  const auto clock = newSystemClock();
  auto opened = openSqliteStore({.directory = directory.path()}, log, metrics, *clock);
  ASSERT_TRUE(opened) << opened.status().toString();
  const Revision acknowledged = std::stoull(readFile(directory / "acknowledged"));
  EXPECT_GT(acknowledged, 20U);
  EXPECT_GE((*opened)->lastRevision(), acknowledged);
  std::size_t live = 0;
  EXPECT_TRUE((*opened)->load([&](const Record&) { ++live; }));
  EXPECT_EQ(live, (*opened)->lastRevision());
}

}  // namespace
}  // namespace slipway::store
