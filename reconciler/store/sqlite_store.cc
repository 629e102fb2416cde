#include "reconciler/store/sqlite_store.h"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/base/strings.h"
#include "reconciler/store/lock_file.h"
#include "reconciler/store/store_file.h"

namespace slipway::store {
namespace {

// Log sizes, in pages of 4 KiB, from which a checkpoint is worth its syncs: when there is nothing else to do, and also
// when commits wait.
constexpr int kIdleCheckpointPages = 1000;
constexpr int kBusyCheckpointPages = 8000;

struct Batch {
  std::vector<Record> records;
  std::size_t bytes = 0;
};

// SQLite makes its files with the mode of the first one, which must not be readable by others: values hold secrets.
Status createFile(const std::string& directory, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    std::filesystem::create_directories(directory, error);
    if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  }
  if (error) return {Code::Unavailable, cat("cannot create ", directory, ": ", error.message())};
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return {Code::Unavailable, cat("cannot open ", path, ": ", std::strerror(errno))};
  ::close(file);
  const int folder = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  return synced ? Status() : Status(Code::Unavailable, cat("cannot sync ", directory, ": ", std::strerror(errno)));
}

}  // namespace

struct SqliteStore::State {
  State(SqliteStoreOptions given, LockFile held, Logger& logger, Metrics& counted, Clock& time)
      : options(std::move(given)), lock(std::move(held)), log(logger), metrics(counted), clock(time) {}

  bool step();
  bool commitQueued();
  bool compactSome();
  bool tidy();
  bool checkpoint();
  void fail(const Status& cause);
  void reportSize();
  bool hasWork() const;  // under mutex
  void run(const std::stop_token& stop);

  const SqliteStoreOptions options;
  const LockFile lock;
  Logger& log;
  Metrics& metrics;
  Clock& clock;

  std::unique_ptr<StoreWriter> writer;  // only the committing thread
  int retryCheckpointAt = 0;            // likewise: log pages, after a reader was in the way
  bool mayShrink = false;               // likewise

  std::mutex readMutex;
  std::unique_ptr<StoreReader> reader;

  mutable std::mutex mutex;
  std::condition_variable_any work;     // for the committing thread
  std::condition_variable_any changed;  // for waiting callers
  std::deque<Batch> queue;
  std::size_t queuedBytes = 0;
  Revision last = 0;
  Revision announced = 0;
  Revision compacted = 0;
  Revision compactGoal = 0;
  Revision swept = 0;
  Status failure;
  std::function<void(Revision)> durable;

  std::jthread committer;
};

bool SqliteStore::State::hasWork() const {
  return failure.isOk() && (!queue.empty() || (compactGoal > swept && announced >= compactGoal));
}

void SqliteStore::State::run(const std::stop_token& stop) {
  while (true) {
    while (step()) {
    }
    std::unique_lock lockNow(mutex);
    if (!work.wait(lockNow, stop, [this] { return hasWork(); })) break;
  }
  while (commitQueued()) {
  }
}

bool SqliteStore::State::step() {
  const bool committed = commitQueued();
  const bool compacted_ = compactSome();
  if (committed || compacted_) {
    if (writer->logPages() > kBusyCheckpointPages) checkpoint();
    return true;
  }
  return tidy();
}

bool SqliteStore::State::commitQueued() {
  std::vector<Batch> batches;
  std::vector<Record> records;
  {
    const std::lock_guard guard(mutex);
    if (!failure.isOk() || queue.empty()) return false;
    std::size_t count = 0;
    while (!queue.empty() && (count == 0 || count + queue.front().records.size() <= options.maxCommitRecords)) {
      count += queue.front().records.size();
      queuedBytes -= queue.front().bytes;
      batches.push_back(std::move(queue.front()));
      queue.pop_front();
    }
    records.reserve(count);
  }
  for (auto& batch : batches) {
    for (auto& record : batch.records) records.push_back(std::move(record));
  }
  const SteadyTime start = clock.steady();
  if (const Status done = writer->commit(records); !done) {
    fail(done.withContext("commit"));
    return false;
  }
  const std::chrono::duration<double> took = clock.steady() - start;
  const Revision newest = records.back().revision;
  if (durable) {
    for (Revision revision = records.front().revision; revision <= newest; ++revision) durable(revision);
  }
  {
    const std::lock_guard guard(mutex);
    announced = newest;
  }
  changed.notify_all();
  metrics.add("slipway_store_commits_total", {});
  metrics.observe("slipway_store_commit_mutations", {}, static_cast<double>(records.size()));
  metrics.observe("slipway_store_commit_duration_seconds", {}, took.count());
  metrics.set("slipway_store_revision", {}, static_cast<double>(newest));
  return true;
}

bool SqliteStore::State::compactSome() {
  Revision goal = 0;
  {
    const std::lock_guard guard(mutex);
    if (!failure.isOk() || compactGoal <= swept || announced < compactGoal) return false;
    goal = compactGoal;
  }
  if (writer->compactedRevision() < goal) {
    if (const Status done = writer->setCompacted(goal); !done) {
      fail(done.withContext("compact"));
      return false;
    }
    // Known to readers before the first record goes: whoever read meanwhile finds out that it may have missed some.
    const std::lock_guard guard(mutex);
    compacted = goal;
  }
  if (const Status done = writer->sweep(); !done) {
    fail(done.withContext("compact"));
    return false;
  }
  {
    const std::lock_guard guard(mutex);
    swept = writer->sweptRevision();
  }
  changed.notify_all();
  mayShrink = true;
  metrics.set("slipway_store_compacted_revision", {}, static_cast<double>(writer->compactedRevision()));
  return true;
}

bool SqliteStore::State::tidy() {
  {
    const std::lock_guard guard(mutex);
    if (!failure.isOk()) return false;
  }
  if (mayShrink) {
    const auto shrunk = writer->shrink();
    if (!shrunk) {
      fail(shrunk.status().withContext("give back space"));
      return false;
    }
    mayShrink = *shrunk;
    if (*shrunk) return true;
  }
  return writer->logPages() > kIdleCheckpointPages && checkpoint();
}

bool SqliteStore::State::checkpoint() {
  if (writer->logPages() < retryCheckpointAt) return false;
  const auto done = writer->checkpoint();
  if (!done) {
    fail(done.status().withContext("checkpoint"));
    return false;
  }
  retryCheckpointAt = *done ? 0 : writer->logPages() + kIdleCheckpointPages;
  metrics.add("slipway_store_checkpoints_total", {{"result", *done ? "done" : "busy"}});
  reportSize();
  return *done;
}

void SqliteStore::State::reportSize() {
  const auto size = writer->sizeBytes();
  if (size) metrics.set("slipway_store_size_bytes", {}, static_cast<double>(*size));
}

void SqliteStore::State::fail(const Status& cause) {
  const Status lost(Code::DataLoss, cat("the store failed and what is durable is unknown: ", cause.message()));
  {
    const std::lock_guard guard(mutex);
    if (!failure.isOk()) return;
    failure = lost;
    queue.clear();
  }
  changed.notify_all();
  log.error("the store failed; this process must end", {{"error", cause.message()}});
  if (options.onFailure) options.onFailure(lost);
}

SqliteStore::SqliteStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

SqliteStore::~SqliteStore() {
  if (state_->committer.joinable()) {
    state_->committer.request_stop();
    state_->committer.join();
  }
  // The writer goes last, so that it is the one that folds the log into the file.
  state_->reader.reset();
  state_->writer.reset();
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(SqliteStoreOptions options, Logger& log, Metrics& metrics,
                                                       Clock& clock) {
  const std::string directory = options.directory;
  const std::string path = directory + "/slipway.db";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) SLIPWAY_RETURN_IF_ERROR(createFile(directory, path));
  auto held = LockFile::acquire(directory + "/slipway.lock");
  if (!held) return held.status();
  auto state = std::make_unique<State>(std::move(options), std::move(*held), log, metrics, clock);
  auto writer = StoreWriter::open(path);
  if (!writer) return writer.status().withContext(path);
  auto reader = StoreReader::open(path);
  if (!reader) return reader.status().withContext(path);
  state->writer = std::move(*writer);
  state->reader = std::move(*reader);
  state->last = state->announced = state->writer->lastRevision();
  state->compacted = state->compactGoal = state->writer->compactedRevision();
  state->swept = state->writer->sweptRevision();
  metrics.set("slipway_store_revision", {}, static_cast<double>(state->last));
  metrics.set("slipway_store_compacted_revision", {}, static_cast<double>(state->compacted));
  state->reportSize();
  auto* raw = state.get();
  if (raw->options.startThread) {
    raw->committer = std::jthread([raw](const std::stop_token& stop) { raw->run(stop); });
  }
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(state)));
}

Status SqliteStore::load(const std::function<void(const Record&)>& visit) {
  {
    const std::lock_guard guard(state_->mutex);
    if (!state_->failure.isOk()) return state_->failure;
  }
  const std::lock_guard guard(state_->readMutex);
  return state_->reader->load(visit);
}

Result<Revision> SqliteStore::submit(std::vector<Mutation> batch) {
  if (batch.empty()) return Status(Code::Invalid, "a batch without mutations");
  Batch queued;
  queued.records.reserve(batch.size());
  for (auto& mutation : batch) {
    if (mutation.key.empty()) return Status(Code::Invalid, "a mutation without key");
    queued.bytes += mutation.key.size() + (mutation.value ? mutation.value->size() : 0);
    queued.records.push_back({0, std::move(mutation.key), std::move(mutation.value)});
  }
  Revision first = 0;
  {
    const std::lock_guard guard(state_->mutex);
    if (!state_->failure.isOk()) return state_->failure;
    if (!state_->queue.empty() && state_->queuedBytes + queued.bytes > state_->options.maxQueuedBytes) {
      return Status(Code::Unavailable, cat("the disk is behind by ", state_->queuedBytes, " bytes; try again later"));
    }
    first = state_->last + 1;
    for (auto& record : queued.records) record.revision = ++state_->last;
    state_->queuedBytes += queued.bytes;
    state_->queue.push_back(std::move(queued));
  }
  state_->work.notify_one();
  return first;
}

Status SqliteStore::waitDurable(Revision revision) {
  std::unique_lock guard(state_->mutex);
  if (revision > state_->last) return {Code::Invalid, cat("revision ", revision, " was never given out")};
  state_->changed.wait(guard, [&] { return state_->announced >= revision || !state_->failure.isOk(); });
  return state_->announced >= revision ? Status() : state_->failure;
}

Result<std::vector<Record>> SqliteStore::history(Revision after, std::size_t limit) {
  const auto checkKept = [&]() -> Status {
    const std::lock_guard guard(state_->mutex);
    if (!state_->failure.isOk()) return state_->failure;
    if (after >= state_->compacted) return {};
    return {Code::Expired, cat("revision ", after, " was compacted; the oldest is ", state_->compacted)};
  };
  SLIPWAY_RETURN_IF_ERROR(checkKept());
  auto records = [&] {
    const std::lock_guard guard(state_->readMutex);
    return state_->reader->history(after, limit);
  }();
  // A compaction that began meanwhile may have taken some.
  SLIPWAY_RETURN_IF_ERROR(checkKept());
  return records;
}

Status SqliteStore::compact(Revision upTo) {
  std::unique_lock guard(state_->mutex);
  if (!state_->failure.isOk()) return state_->failure;
  if (upTo > state_->last) {
    return {Code::Invalid, cat("revision ", upTo, " is in the future; the newest is ", state_->last)};
  }
  state_->compactGoal = std::max(state_->compactGoal, upTo);
  state_->work.notify_one();
  state_->changed.wait(guard, [&] { return state_->swept >= upTo || !state_->failure.isOk(); });
  return state_->swept >= upTo ? Status() : state_->failure;
}

Revision SqliteStore::lastRevision() const {
  const std::lock_guard guard(state_->mutex);
  return state_->last;
}

Revision SqliteStore::compactedRevision() const {
  const std::lock_guard guard(state_->mutex);
  return state_->compacted;
}

void SqliteStore::onDurable(std::function<void(Revision)> durable) {
  const std::lock_guard guard(state_->mutex);
  state_->durable = std::move(durable);
}

bool SqliteStore::step() { return state_->step(); }

Result<std::unique_ptr<Store>> openSqliteStore(SqliteStoreOptions options, Logger& log, Metrics& metrics,
                                               Clock& clock) {
  auto store = SqliteStore::open(std::move(options), log, metrics, clock);
  if (!store) return store.status();
  return std::unique_ptr<Store>(std::move(*store));
}

}  // namespace slipway::store
