#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "reconciler/ports/store.h"

namespace slipway::sim {

// What is on the disk: it outlives processes.
struct SimDisk {
  std::map<Revision, Record> history;
  std::map<std::string, Revision> current;
  Revision last = 0;
  Revision compacted = 0;
  std::uint64_t told = 0;  // how many of the records are Events: people read those, no process decides by them

  const Record* find(const std::string& key) const;
  // Compaction: superseded values and deletions at or below `upTo` go.
  void forget(Revision upTo);
};

// The Store port on a simulated disk. A commit is synced where somebody waits for it, which is where it may go wrong.
class SimStore final : public Store {
 public:
  enum class Sync { Fine, Lost, FailedButWritten };
  struct Hooks {
    std::function<Sync()> sync;                  // asked at each sync with something to write
    std::function<void(const Record&)> durable;  // the truth, record by record
  };
  SimStore(SimDisk& disk, Hooks hooks) : disk_(disk), hooks_(std::move(hooks)), last_(disk.last) {}

  Status load(const std::function<void(const Record&)>& visit) override;
  Result<Revision> submit(std::vector<Mutation> batch) override;
  Status waitDurable(Revision revision) override;
  Result<std::vector<Record>> history(Revision after, std::size_t limit) override;
  Status compact(Revision upTo) override;
  Revision lastRevision() const override { return last_; }
  Revision compactedRevision() const override { return disk_.compacted; }
  void onDurable(std::function<void(Revision)> durable) override { onDurable_ = std::move(durable); }

  // The process is dead: nothing reaches the disk any more.
  void fail() { failed_ = true; }

 private:
  void write();

  SimDisk& disk_;
  Hooks hooks_;
  std::vector<Record> tail_;  // written, not synced
  Revision last_;
  bool failed_ = false;
  std::function<void(Revision)> onDurable_;
};

}  // namespace slipway::sim
