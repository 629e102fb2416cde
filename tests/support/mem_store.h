#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "reconciler/base/strings.h"
#include "reconciler/ports/store.h"

namespace slipway {

// The Store port in memory; passes the same contract suite as the real one. `MemStore store;` commits on a thread of
// its own. Manual mode has no thread: step() commits, and so does waitDurable() on the caller's thread.
class MemStore final : public Store {
 public:
  enum class Mode { Threaded, Manual };

  explicit MemStore(Mode mode = Mode::Threaded) : mode_(mode) {
    if (mode_ == Mode::Threaded) {
      committer_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    }
  }

  Status load(const std::function<void(const Record&)>& visit) override {
    std::vector<Record> live;
    {
      const std::lock_guard lock(mutex_);
      if (failed_) return lost();
      for (const auto& [key, revision] : current_) live.push_back(history_.at(revision));
    }
    for (const auto& record : live) visit(record);
    return {};
  }

  Result<Revision> submit(std::vector<Mutation> batch) override {
    const std::lock_guard lock(mutex_);
    if (failed_) return lost();
    if (batch.empty()) return Status(Code::Invalid, "a batch without mutations");
    for (const auto& mutation : batch) {
      if (mutation.key.empty()) return Status(Code::Invalid, "a mutation without key");
    }
    const Revision first = last_ + 1;
    for (auto& mutation : batch) pending_.push_back({++last_, std::move(mutation.key), std::move(mutation.value)});
    changed_.notify_all();
    return first;
  }

  Status waitDurable(Revision revision) override {
    if (mode_ == Mode::Manual) step();
    std::unique_lock lock(mutex_);
    if (revision > last_) return {Code::Invalid, cat("revision ", revision, " was never given out")};
    changed_.wait(lock, [&] { return failed_ || announced_ >= revision; });
    return announced_ >= revision ? Status() : lost();
  }

  Result<std::vector<Record>> history(Revision after, std::size_t limit) override {
    const std::lock_guard lock(mutex_);
    if (failed_) return lost();
    if (after < compacted_) {
      return Status(Code::Expired, cat("revision ", after, " was compacted; the oldest is ", compacted_));
    }
    std::vector<Record> out;
    for (auto it = history_.upper_bound(after); it != history_.end() && out.size() < limit; ++it) {
      out.push_back(it->second);
    }
    return out;
  }

  Status compact(Revision upTo) override {
    if (mode_ == Mode::Manual) step();
    std::unique_lock lock(mutex_);
    if (upTo > last_) return {Code::Invalid, cat("revision ", upTo, " is in the future; the newest is ", last_)};
    changed_.wait(lock, [&] { return failed_ || announced_ >= upTo; });
    if (failed_) return lost();
    for (auto it = history_.begin(); it != history_.end() && it->first <= upTo;) {
      const auto live = current_.find(it->second.key);
      it = live != current_.end() && live->second == it->first ? std::next(it) : history_.erase(it);
    }
    compacted_ = std::max(compacted_, upTo);
    return {};
  }

  Revision lastRevision() const override {
    const std::lock_guard lock(mutex_);
    return last_;
  }
  Revision compactedRevision() const override {
    const std::lock_guard lock(mutex_);
    return compacted_;
  }
  void onDurable(std::function<void(Revision)> durable) override {
    const std::lock_guard lock(mutex_);
    durable_ = std::move(durable);
  }

  // Commits everything queued. False when there was nothing.
  bool step() {
    const std::lock_guard one(stepping_);
    std::deque<Record> batch;
    {
      const std::lock_guard lock(mutex_);
      if (failNext_ && !pending_.empty()) failed_ = true;
      if (failed_) {
        changed_.notify_all();
        return false;
      }
      if (held_ || pending_.empty()) return false;
      batch.swap(pending_);
      for (const auto& record : batch) apply(record);
    }
    for (const auto& record : batch) {
      if (durable_) durable_(record.revision);
    }
    const std::lock_guard lock(mutex_);
    announced_ = batch.back().revision;
    changed_.notify_all();
    return true;
  }

  // Faults. The next commit fails as a failed sync does: it and every later call answer DataLoss.
  void failNextCommit() {
    const std::lock_guard lock(mutex_);
    failNext_ = true;
  }
  // While held nothing becomes durable: writers wait as on a slow disk.
  void hold(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

 private:
  static Status lost() { return {Code::DataLoss, "the store failed: what is durable is unknown"}; }

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      step();
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return !pending_.empty() && !held_ && !failed_; });
    }
  }
  void apply(const Record& record) {
    history_[record.revision] = record;
    if (record.value) {
      current_[record.key] = record.revision;
    } else {
      current_.erase(record.key);
    }
  }

  const Mode mode_;
  std::mutex stepping_;  // one committer at a time; taken before mutex_
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Revision, Record> history_;  // durable ones
  std::map<std::string, Revision> current_;
  std::deque<Record> pending_;
  Revision last_ = 0;
  Revision announced_ = 0;
  Revision compacted_ = 0;
  bool failNext_ = false;
  bool failed_ = false;
  bool held_ = false;
  std::function<void(Revision)> durable_;
  std::jthread committer_;
};

}  // namespace slipway
