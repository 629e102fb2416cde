#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reconciler/api/kinds.h"
#include "reconciler/apiserver/forms/resource_info.h"
#include "reconciler/base/json.h"
#include "reconciler/ports/store.h"

namespace slipway::apiserver {

using TextPairs = std::vector<std::pair<std::string, std::string>>;

struct OwnerLink {
  std::string apiVersion;
  std::string kind;
  std::string name;
  std::string uid;
  bool blocks = false;  // blockOwnerDeletion
};

// A parsed object, made when somebody asks and kept as long as somebody uses it: readers of one version share one tree.
// Thread-safe. A copy starts empty: it is of another version.
class SharedTree {
 public:
  SharedTree() = default;
  SharedTree(const SharedTree&) {}
  SharedTree& operator=(const SharedTree& other) {
    if (this != &other) {
      const std::lock_guard lock(mutex_);
      tree_.reset();
    }
    return *this;
  }

  // REQUIRES: always the same bytes.
  std::shared_ptr<const Json> of(const std::string& bytes) const;
  // REQUIRES: what parsing the bytes would give.
  void set(const std::shared_ptr<const Json>& tree);

 private:
  mutable std::mutex mutex_;
  mutable std::weak_ptr<const Json> tree_;
};

// One version of one object: its bytes as the API shows them, and of its content only what selectors, the collector and
// preconditions ask for. A parsed tree only while somebody uses it: ten thousand of those would fill the memory.
struct StoredObject {
  ObjectKey key;
  std::string uid;
  Revision revision = 0;  // 0 in the answer to a dry run
  std::string bytes;      // starts with apiVersion, kind, metadata; resourceVersion is metadata's first member
  TextPairs labels;
  TextPairs fields;  // selectable ones, except metadata.name and metadata.namespace
  std::vector<OwnerLink> owners;
  std::vector<std::string> finalizers;
  bool deleting = false;
  SharedTree shared;  // of `bytes`
  // Not null: this version went through that schema, which found nothing to refuse.
  std::shared_ptr<const schema::StructuralSchema> checkedBy;

  Json parse() const { return *shared.of(bytes); }
};
using StoredPtr = std::shared_ptr<const StoredObject>;

// What is written to the store: no resourceVersion, the store's revision is it. Members in a fixed order.
std::string storedForm(const ResourceInfo& resource, const Json& object);

struct NewVersion {
  const Json& object;       // spares a second parse
  std::string_view stored;  // what the store keeps of it
  Revision revision = 0;
  bool checked = false;  // the resource's schema found nothing to refuse
};
// Its tree, where not null, keeps the new version's tree alive for those who will ask for it.
StoredPtr makeStored(const ResourceInfo& resource, const NewVersion& version, std::shared_ptr<const Json>* tree);
// The object as it was, under the revision of its deletion or of its leaving a selection.
StoredPtr withRevision(const StoredObject& object, Revision revision);
// Whether the bytes are already as this version shows them.
bool shownAs(const ResourceInfo& resource, const StoredObject& object);
// The bytes under this version's apiVersion.
std::string bytesAs(const ResourceInfo& resource, const StoredObject& object);

// Keeps the trees of the latest versions, so that the answer to a write, those who watch it and the next write of the
// same object parse nothing. Bounded by bytes. Not thread-safe.
class RecentTrees {
 public:
  static constexpr std::size_t kMaxBytes = 1U << 20U;

  void add(std::shared_ptr<const Json> tree, std::size_t bytes);

 private:
  std::deque<std::pair<std::shared_ptr<const Json>, std::size_t>> trees_;
  std::size_t bytes_ = 0;
};

enum class ChangeType { Added, Modified, Deleted };

struct Change {
  Revision revision = 0;
  ChangeType type = ChangeType::Added;
  StoredPtr object;           // for Deleted the last state, under the deletion's revision
  StoredPtr previous;         // null for Added
  bool previousKnown = true;  // false: read back from a history that starts later
};

// All objects of one kind and their latest changes. Not thread-safe: the registry's lock guards it.
class WatchCache {
 public:
  static constexpr std::size_t kMaxChanges = 4096;
  static constexpr std::size_t kMaxBytes = 16U << 20U;

  // nullptr when there is none.
  StoredPtr find(const ObjectKey& key) const;
  std::size_t size() const { return objects_.size(); }
  // In one namespace, or in all for an empty one; ordered by namespace, then name.
  std::vector<StoredPtr> items(const std::string& ns) const;
  // The same as it was at an older revision; nothing when that is too long ago.
  std::optional<std::vector<StoredPtr>> itemsAt(const std::string& ns, Revision revision) const;

  // Applies a change and remembers it.
  void publish(Change change);
  // At start: remembers a change that `put` objects contain already.
  void remember(Change change);
  void put(StoredPtr object);

  // The first change after `revision`, as an index into changes().
  std::size_t firstAfter(Revision revision) const;
  const std::deque<Change>& changes() const { return changes_; }
  // Watches may start at this revision or later.
  Revision floor() const { return floor_; }
  void raiseFloor(Revision revision) { floor_ = std::max(floor_, revision); }

 private:
  void trim();

  std::map<ObjectKey, StoredPtr> objects_;
  std::deque<Change> changes_;
  std::size_t bytes_ = 0;
  Revision floor_ = 0;
};

}  // namespace slipway::apiserver
