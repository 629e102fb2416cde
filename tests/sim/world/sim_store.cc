#include "tests/sim/world/sim_store.h"

#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::sim {
namespace {

Status lost() { return {Code::DataLoss, "the store failed: what is durable is unknown"}; }

}  // namespace

const Record* SimDisk::find(const std::string& key) const {
  const auto found = current.find(key);
  return found == current.end() ? nullptr : &history.at(found->second);
}

void SimDisk::forget(Revision upTo) {
  for (auto it = history.begin(); it != history.end() && it->first <= upTo;) {
    const auto live = current.find(it->second.key);
    it = live != current.end() && live->second == it->first ? std::next(it) : history.erase(it);
  }
  compacted = std::max(compacted, upTo);
}

Status SimStore::load(const std::function<void(const Record&)>& visit) {
  for (const auto& [key, revision] : disk_.current) {
    visit(disk_.history.at(revision));
  }
  return {};
}

Result<Revision> SimStore::submit(std::vector<Mutation> batch) {
  if (failed_) {
    return lost();
  }
  const Revision first = last_ + 1;
  for (Mutation& mutation : batch) {
    tail_.push_back({++last_, std::move(mutation.key), std::move(mutation.value)});
  }
  return first;
}

Status SimStore::waitDurable(Revision revision) {
  if (failed_) {
    return lost();
  }
  if (tail_.empty() || revision > last_) {
    return revision <= last_ ? Status() : Status(Code::Invalid, "that revision was never given out");
  }
  switch (hooks_.sync()) {
    case Sync::Fine:
      write();
      return {};
    case Sync::FailedButWritten:
      failed_ = true;
      write();
      return lost();
    case Sync::Lost:
      break;
  }
  failed_ = true;
  return lost();
}

void SimStore::write() {
  const std::vector<Record> batch = std::exchange(tail_, {});
  for (const Record& record : batch) {
    disk_.history[record.revision] = record;
    disk_.last = record.revision;
    disk_.told += record.key.starts_with("/events/") ? 1 : 0;
    if (record.value) {
      disk_.current[record.key] = record.revision;
    } else {
      disk_.current.erase(record.key);
    }
    hooks_.durable(record);
  }
  if (!failed_ && onDurable_) {
    onDurable_(batch.back().revision);
  }
}

Result<std::vector<Record>> SimStore::history(Revision after, std::size_t limit) {
  if (after < disk_.compacted) {
    return Status(Code::Expired, cat("revision ", after, " was compacted; the oldest is ", disk_.compacted));
  }
  std::vector<Record> out;
  for (auto it = disk_.history.upper_bound(after); it != disk_.history.end() && out.size() < limit; ++it) {
    out.push_back(it->second);
  }
  return out;
}

Status SimStore::compact(Revision upTo) {
  SLIPWAY_RETURN_IF_ERROR(waitDurable(std::min(upTo, last_)));
  disk_.forget(upTo);
  return {};
}

}  // namespace slipway::sim
