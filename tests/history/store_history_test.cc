#include <atomic>
#include <cstdlib>
#include <deque>
#include <thread>

#include <gtest/gtest.h>

#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry_install.h"
#include "reconciler/base/strings.h"
#include "reconciler/base/system.h"
#include "reconciler/store/sqlite_store.h"
#include "tests/history/history.h"
#include "tests/support/mem_store.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_dir.h"

namespace slipway::apiserver {
namespace {

using Kind = History::Kind;
using Outcome = History::Outcome;

std::uint64_t operationsWanted() {
  const char* given = std::getenv("SLIPWAY_HISTORY_OPERATIONS");
  return given == nullptr ? 100000 : std::strtoull(given, nullptr, 10);
}

// The real registry and writer over a store, with the clock that orders what clients do.
struct World {
  explicit World(std::unique_ptr<Store> given) : store(std::move(given)) {
    auto opened = Registry::open({*store, *clock, random, metrics, log});
    registry = *std::move(opened);
    writer = std::make_unique<ObjectWriter>(*registry);
    EXPECT_TRUE(install(*registry, *writer, {}));
    maps = registry->resource("", "v1", "configmaps");
    base = registry->published();
  }

  std::uint64_t tick() { return ++moment; }

  const std::unique_ptr<Store> store;
  const std::unique_ptr<Clock> clock = newSystemClock();
  SeededRandom random;
  NullMetrics metrics;
  NullLogger log;
  std::unique_ptr<Registry> registry;
  std::unique_ptr<ObjectWriter> writer;
  ResourcePtr maps;
  std::uint64_t base = 0;
  std::atomic<std::uint64_t> moment = 0;
  std::atomic<std::uint64_t> operations = 0;
};

std::map<std::string, std::uint64_t> versionsOf(const std::vector<StoredPtr>& items) {
  std::map<std::string, std::uint64_t> out;
  for (const StoredPtr& item : items) out[item->key.name] = item->revision;
  return out;
}

// One client: one request after another, on few keys at a time, so that clients meet.
class Client {
 public:
  Client(World& world, std::uint64_t seed) : world_(world), random_(seed) {}

  void step() {
    const std::uint64_t dice = random_.next() % 100;
    // Every few thousand operations new keys, which keeps the search for an order short.
    const std::string key = cat("k", world_.operations++ / 4000, "-", random_.next() % 24);
    if (dice < 2) return list();
    if (dice < 3) return pages();
    History::Operation operation;
    operation.key = key;
    operation.kind = dice < 35 ? Kind::Get : dice < 52 ? Kind::Create : dice < 85 ? Kind::Update : Kind::Delete;
    operation.expected = known_[key];
    if (operation.expected == 0 && operation.kind != Kind::Create) operation.kind = Kind::Get;
    operation.invoked = world_.tick();
    perform(operation);
    operation.returned = world_.tick();
    if (operation.outcome == Outcome::Done) {
      known_[key] = operation.kind == Kind::Delete ? 0 : operation.revision;
    } else {
      known_[key] = 0;
    }
    done.operations.push_back(std::move(operation));
  }

  History done;

 private:
  void perform(History::Operation& operation) {
    const Target target{world_.maps, {"default", operation.key}};
    if (operation.kind == Kind::Get) {
      const StoredPtr object = world_.registry->get(*world_.maps, target.key);
      operation.revision = object == nullptr ? 0 : object->revision;
      return;
    }
    auto written = operation.kind == Kind::Delete
                       ? world_.writer->remove(target, {"", std::to_string(operation.expected), "", false})
                   : operation.kind == Kind::Create
                       ? world_.writer->create({world_.maps, {"default", ""}}, object(operation), {})
                       : world_.writer->replace(target, object(operation), {});
    if (written) {
      operation.revision = written->object->revision;
      return;
    }
    const ApiError& error = written.error();
    operation.outcome = error.reason == "AlreadyExists" ? Outcome::Exists
                        : error.code == 404             ? Outcome::Absent
                                                        : Outcome::Conflict;
    EXPECT_TRUE(error.code == 404 || error.code == 409) << error.message;
  }
  Json object(const History::Operation& operation) {
    Json metadata = Json::object({{"name", operation.key}, {"namespace", "default"}});
    if (operation.kind == Kind::Update) metadata["resourceVersion"] = std::to_string(operation.expected);
    return Json::object({{"apiVersion", "v1"},
                         {"kind", "ConfigMap"},
                         {"metadata", std::move(metadata)},
                         {"data", Json::object({{"n", std::to_string(world_.tick())}})}});
  }
  void list() {
    const std::uint64_t invoked = world_.tick();
    const auto snapshot = world_.registry->list(*world_.maps, "default");
    done.lists.push_back({invoked, world_.tick(), snapshot.revision, versionsOf(snapshot.items)});
  }
  // Page by page at the first page's revision, as continue tokens do, with writes between.
  void pages() {
    const std::uint64_t invoked = world_.tick();
    auto snapshot = std::optional(world_.registry->list(*world_.maps, "default"));
    const Revision at = snapshot->revision;
    std::map<std::string, std::uint64_t> all;
    std::string after;
    while (true) {
      std::size_t taken = 0;
      for (const auto& [name, revision] : versionsOf(snapshot->items)) {
        if (name <= after) continue;
        if (++taken > 64) break;
        all[name] = revision;
      }
      if (taken <= 64) break;
      after = all.rbegin()->first;
      std::this_thread::yield();
      snapshot = world_.registry->listAt(*world_.maps, "default", at);
      if (!snapshot) return;  // too old to go on, which a client is told
      EXPECT_EQ(snapshot->revision, at);
    }
    done.lists.push_back({invoked, world_.tick(), at, std::move(all)});
  }

  World& world_;
  SeededRandom random_;
  std::map<std::string, std::uint64_t> known_;
};

// Watches from a list on; lists again when it expired. A slow one reads a little now and then.
class Watcher {
 public:
  Watcher(World& world, std::uint64_t seed, bool slow, std::string only)
      : world_(world), random_(seed), slow_(slow), only_(std::move(only)) {
    open(world.base);
  }

  void step(bool toTheEnd = false) {
    const auto batch = world_.registry->read(*cursor_, toTheEnd ? 1U << 20U : 1 + random_.next() % (slow_ ? 8 : 512));
    if (batch.expired) {
      current().expired = true;
      const auto snapshot = world_.registry->list(*world_.maps, "default");
      open(snapshot.revision);
      return;
    }
    for (const auto& item : batch.items) {
      const auto type = item.type == ChangeType::Added      ? History::EventType::Added
                        : item.type == ChangeType::Modified ? History::EventType::Modified
                                                            : History::EventType::Deleted;
      current().events.push_back({type, item.object->key.name, item.revision});
      EXPECT_EQ(item.revision, item.object->revision);
    }
    if (batch.seen >= (current().events.empty() ? current().after : current().events.back().revision)) {
      current().events.push_back({History::EventType::Bookmark, "", batch.seen});
    }
  }
  std::size_t expirations() const { return watches.size() - 1; }

  std::vector<History::Watch> watches;

 private:
  History::Watch& current() { return watches.back(); }
  void open(Revision after) {
    WatchCursor::Options options;
    options.ns = "default";
    options.after = after;
    if (!only_.empty()) {
      auto selector = ListSelector::parse(*world_.maps, "", "metadata.name=" + only_);
      ASSERT_TRUE(selector);
      options.selector = *std::move(selector);
    }
    auto opened = world_.registry->watch(*world_.maps, std::move(options));
    if (!opened) return open(world_.registry->published());  // the state was overtaken: a client lists again
    cursor_ = *opened;
    watches.push_back({after, only_, {}, false, slow_});
  }

  World& world_;
  SeededRandom random_;
  const bool slow_;
  const std::string only_;
  std::shared_ptr<WatchCursor> cursor_;
};

History collect(const World& world, std::deque<Client>& clients, std::deque<Watcher>& watchers) {
  History all;
  all.base = world.base;
  for (Client& client : clients) {
    all.operations.insert(all.operations.end(), client.done.operations.begin(), client.done.operations.end());
    all.lists.insert(all.lists.end(), client.done.lists.begin(), client.done.lists.end());
  }
  for (Watcher& watcher : watchers) {
    while (watcher.watches.back().events.empty() ||
           watcher.watches.back().events.back().revision < world.registry->published()) {
      watcher.step(true);
    }
    all.watches.insert(all.watches.end(), watcher.watches.begin(), watcher.watches.end());
  }
  return all;
}

void addWatchers(World& world, std::deque<Watcher>& watchers) {
  watchers.emplace_back(world, 101, false, "");
  watchers.emplace_back(world, 102, false, "k0-3");
  watchers.emplace_back(world, 103, true, "");
  watchers.emplace_back(world, 104, true, "k1-5");
}

std::string firstOf(const std::vector<std::string>& wrong) {
  return wrong.empty() ? "" : cat(wrong.size(), " anomalies, the first: ", wrong.front());
}

// What threads do to it; the same requests come in another order each time.
void runThreads(World& world, std::uint64_t operations) {
  constexpr int kClients = 8;
  std::deque<Client> clients;
  for (std::uint64_t i = 0; i < kClients; ++i) clients.emplace_back(world, i + 1);
  std::deque<Watcher> watchers;
  addWatchers(world, watchers);
  std::atomic<int> working = kClients;
  {
    std::vector<std::jthread> threads;
    for (Client& client : clients) {
      threads.emplace_back([&] {
        while (world.operations < operations) client.step();
        --working;
      });
    }
    threads.emplace_back([&] {
      while (working > 0) {
        watchers[0].step();
        watchers[1].step();
        EXPECT_TRUE(world.registry->compact());
        std::this_thread::yield();
      }
    });
    threads.emplace_back([&] {
      Revision next = 0;
      while (working > 0) {
        if (world.registry->published() >= next) {
          watchers[2].step();
          watchers[3].step();
          next = world.registry->published() + 300;
        }
        std::this_thread::yield();
      }
    });
  }
  const History history = collect(world, clients, watchers);
  EXPECT_GE(history.operations.size() + history.lists.size(), operations * 95 / 100);
  const auto wrong = anomalies(history);
  EXPECT_TRUE(wrong.empty()) << firstOf(wrong);
}

TEST(StoreHistory, OfManyThreadsOnTheRealStoreHasAnOrder) {
  const TempDir directory;
  NullLogger log;
  NullMetrics metrics;
  const auto clock = newSystemClock();
  auto store = store::openSqliteStore({.directory = directory.path()}, log, metrics, *clock);
  ASSERT_TRUE(store) << store.status().toString();
  World world(*std::move(store));
  runThreads(world, operationsWanted() / 10);
}

TEST(StoreHistory, OfManyThreadsHasAnOrder) {
  World world(std::make_unique<MemStore>());
  runThreads(world, operationsWanted());
}

// One thread, the same every time: what was seen is a matter of the seed alone.
TEST(StoreHistory, OfASeedHasAnOrder) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    World world(std::make_unique<MemStore>(MemStore::Mode::Manual));
    SeededRandom random(seed);
    std::deque<Client> clients;
    for (std::uint64_t i = 0; i < 6; ++i) clients.emplace_back(world, seed * 100 + i);
    std::deque<Watcher> watchers;
    addWatchers(world, watchers);
    while (world.operations < operationsWanted() / 2) {
      clients[random.next() % clients.size()].step();
      const std::uint64_t dice = random.next() % 1000;
      if (dice < 50) watchers[dice % 2].step();
      if (dice == 50 && random.next() % 16 == 0) watchers[2].step();
      if (dice == 51 && random.next() % 16 == 0) watchers[3].step();
      if (dice == 52) {
        ASSERT_TRUE(world.registry->compact());
      }
    }
    const auto wrong = anomalies(collect(world, clients, watchers));
    EXPECT_GT(watchers[2].expirations(), 0U);
    ASSERT_TRUE(wrong.empty()) << "seed " << seed << ": " << firstOf(wrong);
  }
}

}  // namespace
}  // namespace slipway::apiserver
