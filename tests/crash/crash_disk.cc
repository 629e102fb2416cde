#include "tests/crash/crash_disk.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <sqlite3.h>

namespace slipway::store {
namespace {

struct Handle;

// One file, and what its connections hold of it.
struct Node {
  std::string name;  // empty: a temporary file, of no concern
  std::string data;
  bool exists = true;
  std::vector<Handle*> handles;
  std::vector<std::unique_ptr<char[]>> shared;  // the log's index: lost in any crash
};

constexpr int kSharedLocks = 8;

struct Handle {
  sqlite3_file base;
  std::vector<DiskOperation>* log;
  std::shared_ptr<Node>* node;
  int lock;
  bool mapped;
  std::array<int, kSharedLocks> held;  // 0, SQLITE_SHM_SHARED or SQLITE_SHM_EXCLUSIVE

  Node& file() const { return **node; }
  void note(DiskOperation::Kind kind, std::uint64_t offset = 0, std::string bytes = {}) const {
    if (!file().name.empty()) log->push_back({kind, file().name, offset, std::move(bytes)});
  }
};

Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }

int closeFile(sqlite3_file* file) {
  Handle& handle = of(file);
  std::erase(handle.file().handles, &handle);
  delete handle.node;
  return SQLITE_OK;
}

int readFile(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  const std::string& data = of(file).file().data;
  const auto at = std::min<std::size_t>(static_cast<std::size_t>(offset), data.size());
  const auto have = std::min<std::size_t>(static_cast<std::size_t>(size), data.size() - at);
  std::memcpy(out, data.data() + at, have);
  std::memset(static_cast<char*>(out) + have, 0, static_cast<std::size_t>(size) - have);
  return have == static_cast<std::size_t>(size) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int writeFile(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  const auto at = static_cast<std::size_t>(offset);
  const auto count = static_cast<std::size_t>(size);
  std::string& data = of(file).file().data;
  data.resize(std::max(data.size(), at + count));
  std::memcpy(data.data() + at, bytes, count);
  of(file).note(DiskOperation::Kind::Write, at, std::string(static_cast<const char*>(bytes), count));
  return SQLITE_OK;
}

int truncateFile(sqlite3_file* file, sqlite3_int64 size) {
  of(file).file().data.resize(static_cast<std::size_t>(size));
  of(file).note(DiskOperation::Kind::Truncate, static_cast<std::uint64_t>(size));
  return SQLITE_OK;
}

int syncFile(sqlite3_file* file, int) {
  of(file).note(DiskOperation::Kind::Sync);
  return SQLITE_OK;
}

int fileSize(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(of(file).file().data.size());
  return SQLITE_OK;
}

int strongestOther(const Handle& handle) {
  int strongest = SQLITE_LOCK_NONE;
  for (const Handle* other : handle.file().handles) {
    if (other != &handle) strongest = std::max(strongest, other->lock);
  }
  return strongest;
}

int lockFile(sqlite3_file* file, int level) {
  Handle& handle = of(file);
  if (handle.lock >= level) return SQLITE_OK;
  const int other = strongestOther(handle);
  if (level == SQLITE_LOCK_SHARED && other >= SQLITE_LOCK_PENDING) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_RESERVED && other >= SQLITE_LOCK_RESERVED) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_EXCLUSIVE && other >= SQLITE_LOCK_SHARED) return SQLITE_BUSY;
  handle.lock = level;
  return SQLITE_OK;
}

int unlockFile(sqlite3_file* file, int level) {
  of(file).lock = std::min(of(file).lock, level);
  return SQLITE_OK;
}

int checkReserved(sqlite3_file* file, int* reserved) {
  const Handle& handle = of(file);
  *reserved = std::max(handle.lock, strongestOther(handle)) >= SQLITE_LOCK_RESERVED ? 1 : 0;
  return SQLITE_OK;
}

int fileControl(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
int sectorSize(sqlite3_file*) { return 4096; }
// As the real one says of itself: a power failure spoils no bytes beside those that are being written.
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int mapShared(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  Handle& handle = of(file);
  handle.mapped = true;
  auto& shared = handle.file().shared;
  *out = nullptr;
  if (static_cast<int>(shared.size()) <= region) {
    if (extend == 0) return SQLITE_OK;
    while (static_cast<int>(shared.size()) <= region) {
      shared.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
    }
  }
  *out = shared[static_cast<std::size_t>(region)].get();
  return SQLITE_OK;
}

int lockShared(sqlite3_file* file, int first, int count, int flags) {
  Handle& handle = of(file);
  const auto from = static_cast<std::size_t>(first);
  const auto to = from + static_cast<std::size_t>(count);
  const int wanted = (flags & SQLITE_SHM_SHARED) != 0 ? SQLITE_SHM_SHARED : SQLITE_SHM_EXCLUSIVE;
  if ((flags & SQLITE_SHM_LOCK) != 0) {
    for (const Handle* other : handle.file().handles) {
      for (std::size_t i = from; i < to && other != &handle; ++i) {
        if (other->held[i] == SQLITE_SHM_EXCLUSIVE || (other->held[i] != 0 && wanted == SQLITE_SHM_EXCLUSIVE)) {
          return SQLITE_BUSY;
        }
      }
    }
  }
  for (std::size_t i = from; i < to; ++i) handle.held[i] = (flags & SQLITE_SHM_LOCK) != 0 ? wanted : 0;
  return SQLITE_OK;
}

void barrier(sqlite3_file*) {}

int unmapShared(sqlite3_file* file, int) {
  Handle& handle = of(file);
  handle.mapped = false;
  const auto& all = handle.file().handles;
  if (std::none_of(all.begin(), all.end(), [](const Handle* one) { return one->mapped; })) handle.file().shared.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods kMethods = {2,           closeFile,   readFile,        writeFile,  truncateFile,
                                     syncFile,    fileSize,    lockFile,        unlockFile, checkReserved,
                                     fileControl, sectorSize,  characteristics, mapShared,  lockShared,
                                     barrier,     unmapShared, nullptr,         nullptr};

std::string baseName(const char* path) {
  const std::string_view text(path);
  return std::string(text.substr(text.rfind('/') + 1));
}

}  // namespace

struct CrashDisk::Vfs {
  sqlite3_vfs methods;  // first: SQLite gives it back
  std::map<std::string, std::shared_ptr<Node>> nodes;
  std::vector<DiskOperation> log;

  static Vfs& self(sqlite3_vfs* vfs) { return *static_cast<Vfs*>(vfs->pAppData); }
  static int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* outFlags) {
    Vfs& disk = self(vfs);
    std::memset(static_cast<void*>(file), 0, sizeof(Handle));
    auto node = std::make_shared<Node>();
    if (name != nullptr) {
      const std::string base = baseName(name);
      auto& found = disk.nodes[base];
      if (found == nullptr) {
        if ((flags & SQLITE_OPEN_CREATE) == 0) {
          disk.nodes.erase(base);
          return SQLITE_CANTOPEN;
        }
        node->name = base;
        found = node;
        disk.log.push_back({DiskOperation::Kind::Create, base, 0, {}});
      }
      node = found;
    }
    Handle& handle = of(file);
    handle.base.pMethods = &kMethods;
    handle.log = &disk.log;
    handle.node = new std::shared_ptr<Node>(node);
    node->handles.push_back(&handle);
    if (outFlags != nullptr) *outFlags = flags;
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* name, int syncDirectory) {
    Vfs& disk = self(vfs);
    const std::string base = baseName(name);
    if (disk.nodes.erase(base) == 0) return SQLITE_IOERR_DELETE_NOENT;
    disk.log.push_back({DiskOperation::Kind::Delete, base, 0, {}});
    if (syncDirectory != 0) disk.log.push_back({DiskOperation::Kind::Sync, base, 0, {}});
    return SQLITE_OK;
  }
  static int access(sqlite3_vfs* vfs, const char* name, int, int* out) {
    *out = self(vfs).nodes.contains(baseName(name)) ? 1 : 0;
    return SQLITE_OK;
  }
};

CrashDisk::CrashDisk(DiskFiles files) : vfs_(std::make_unique<Vfs>()) {
  vfs_->methods = *sqlite3_vfs_find("unix");
  vfs_->methods.pNext = nullptr;
  vfs_->methods.zName = "crash-disk";
  vfs_->methods.szOsFile = sizeof(Handle);
  vfs_->methods.pAppData = vfs_.get();
  vfs_->methods.xOpen = Vfs::open;
  vfs_->methods.xDelete = Vfs::remove;
  vfs_->methods.xAccess = Vfs::access;
  for (auto& [name, data] : files) {
    auto node = std::make_shared<Node>();
    node->name = name;
    node->data = std::move(data);
    vfs_->nodes[name] = std::move(node);
  }
  sqlite3_vfs_register(&vfs_->methods, 1);
}

CrashDisk::~CrashDisk() { sqlite3_vfs_unregister(&vfs_->methods); }

const std::vector<DiskOperation>& CrashDisk::operations() const { return vfs_->log; }

DiskFiles CrashDisk::files() const {
  DiskFiles out;
  for (const auto& [name, node] : vfs_->nodes) out[name] = node->data;
  return out;
}

}  // namespace slipway::store
