#include "tests/crash/disk_images.h"

#include <algorithm>
#include <set>

#include "reconciler/base/strings.h"
#include "tests/support/seeded_random.h"

namespace slipway::store {
namespace {

constexpr std::size_t kSector = 512;

// Which sectors of a write arrive, by their place in the write.
using Sectors = std::function<bool(std::size_t index, std::size_t count)>;

void write(std::string& data, const DiskOperation& operation, const Sectors& arrives) {
  const std::size_t end = operation.offset + operation.bytes.size();
  const std::size_t first = operation.offset / kSector;
  const std::size_t count = (end + kSector - 1) / kSector - first;
  for (std::size_t i = 0; i < count; ++i) {
    if (arrives && !arrives(i, count)) continue;
    const std::size_t from = std::max<std::size_t>(operation.offset, (first + i) * kSector);
    const std::size_t to = std::min<std::size_t>(end, (first + i + 1) * kSector);
    data.resize(std::max(data.size(), to));
    data.replace(from, to - from, operation.bytes, from - operation.offset, to - from);
  }
}

void apply(DiskFiles& files, const DiskOperation& operation, const Sectors& arrives = {}) {
  using Kind = DiskOperation::Kind;
  if (operation.kind == Kind::Create) {
    files[operation.file] = {};
  } else if (operation.kind == Kind::Delete) {
    files.erase(operation.file);
  } else if (const auto found = files.find(operation.file); found != files.end()) {
    if (operation.kind == Kind::Write) write(found->second, operation, arrives);
    if (operation.kind == Kind::Truncate) found->second.resize(operation.offset);
  }
}

bool ofDirectory(const DiskOperation& operation) {
  return operation.kind == DiskOperation::Kind::Create || operation.kind == DiskOperation::Kind::Delete;
}

class Enumeration {
 public:
  Enumeration(const DiskFiles& start, const DiskImages::Options& options, const DiskImages::Visit& image)
      : durable_(start), options_(options), image_(image), random_(options.seed) {}

  void perform(const DiskOperation& operation) {
    if (operation.kind != DiskOperation::Kind::Sync) {
      pending_.push_back(&operation);
      return;
    }
    if (options_.syncsAreLies) return;
    // The directory is synced with a file that is new in it, and its changes are ordered.
    std::size_t directory = 0;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (ofDirectory(*pending_[i]) && pending_[i]->file == operation.file) directory = i + 1;
    }
    std::vector<const DiskOperation*> rest;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (pending_[i]->file == operation.file || (ofDirectory(*pending_[i]) && i < directory)) {
        apply(durable_, *pending_[i]);
      } else {
        rest.push_back(pending_[i]);
      }
    }
    pending_ = std::move(rest);
  }

  void crash(std::size_t done, std::uint64_t epoch) {
    done_ = done;
    epoch_ = epoch;
    keep("everything", [](std::size_t) { return true; });
    keep("only what was synced", [](std::size_t) { return false; });
    if (pending_.empty()) return;
    tearTheLast();
    for (std::size_t i = 0; i < std::min(options_.subsets, pending_.size()); ++i) {
      const std::size_t one = pending_.size() <= options_.subsets ? i : random_.next() % pending_.size();
      keep(cat("all but write ", one), [&](std::size_t at) { return at != one; });
      keep(cat("nothing but write ", one), [&](std::size_t at) { return at == one; });
    }
    for (std::size_t i = 0; i < options_.random; ++i) {
      const std::uint64_t rate = 1 + random_.next() % 7;
      keep(
          cat("a random part, ", i), [&](std::size_t) { return random_.next() % 8 < rate; },
          [&](std::size_t, std::size_t) { return random_.next() % 4 != 0; });
    }
  }
  std::size_t count() const { return count_; }

 private:
  using Kept = std::function<bool(std::size_t index)>;

  void tearTheLast() {
    const std::size_t last = pending_.size() - 1;
    const std::pair<const char*, Sectors> tears[] = {
        {"its first sector", [](std::size_t i, std::size_t) { return i == 0; }},
        {"its first half", [](std::size_t i, std::size_t n) { return i < n / 2; }},
        {"its last sector", [](std::size_t i, std::size_t n) { return i + 1 == n; }},
        {"every second sector", [](std::size_t i, std::size_t) { return i % 2 == 1; }}};
    for (const auto& [name, sectors] : tears) {
      DiskFiles files = durable_;
      for (std::size_t i = 0; i < pending_.size(); ++i) apply(files, *pending_[i], i == last ? sectors : Sectors());
      give(std::move(files), cat("everything, of the last write ", name));
    }
  }
  void keep(const std::string& how, const Kept& kept, const Sectors& arrives = {}) {
    // What is written to a new file is nowhere without its creation, and a creation is not there without what was done
    // to the directory before.
    std::vector<bool> there(pending_.size());
    std::map<std::string, std::size_t> created;
    std::size_t directory = 0;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (pending_[i]->kind == DiskOperation::Kind::Create) created[pending_[i]->file] = i + 1;
      there[i] = kept(i);
      if (!there[i]) continue;
      directory = std::max(directory, ofDirectory(*pending_[i]) ? i + 1 : created[pending_[i]->file]);
    }
    DiskFiles files = durable_;
    for (std::size_t i = 0; i < pending_.size(); ++i) {
      if (ofDirectory(*pending_[i]) ? i < directory : there[i]) apply(files, *pending_[i], arrives);
    }
    give(std::move(files), how);
  }
  void give(DiskFiles files, const std::string& how) {
    std::size_t print = std::hash<std::uint64_t>()(epoch_);
    for (const auto& [name, data] : files) {
      print = print * 1099511628211ULL + std::hash<std::string>()(name) * 31 + std::hash<std::string>()(data);
    }
    if (!seen_.insert(print).second) return;
    ++count_;
    image_(std::move(files), how, done_);
  }

  DiskFiles durable_;
  std::vector<const DiskOperation*> pending_;
  const DiskImages::Options& options_;
  const DiskImages::Visit& image_;
  SeededRandom random_;
  std::set<std::size_t> seen_;
  std::size_t done_ = 0;
  std::uint64_t epoch_ = 0;
  std::size_t count_ = 0;
};

}  // namespace

std::size_t DiskImages::forEach(const DiskFiles& start, const std::vector<DiskOperation>& operations,
                                const std::function<std::uint64_t(std::size_t done)>& epoch, const Options& options,
                                const Visit& image) {
  Enumeration enumeration(start, options, image);
  for (std::size_t done = 0; done <= operations.size(); ++done) {
    if (done >= options.from && (done - options.from) % options.stride == 0) enumeration.crash(done, epoch(done));
    if (done < operations.size()) enumeration.perform(operations[done]);
  }
  return enumeration.count();
}

}  // namespace slipway::store
