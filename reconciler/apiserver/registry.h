#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "reconciler/apiserver/definition_cache.h"
#include "reconciler/apiserver/forms/discovery.h"
#include "reconciler/apiserver/list_selector.h"
#include "reconciler/apiserver/rest_error.h"
#include "reconciler/apiserver/watch_cache.h"
#include "reconciler/base/clock.h"
#include "reconciler/base/log.h"
#include "reconciler/base/random.h"
#include "reconciler/ports/admission.h"
#include "reconciler/ports/metrics.h"
#include "reconciler/ports/store.h"

namespace slipway::apiserver {

struct RegistryPorts {
  Store& store;
  Clock& clock;
  Random& random;
  Metrics& metrics;
  Logger& log;
  DefinitionCache* definitions = nullptr;  // shared with other registries; may be null
  const AdmissionRules* rules = nullptr;   // of our kinds, beyond their schemas; may be null
};

// A write as it was decided on: the registry takes it when nobody wrote the object in between.
struct Proposal {
  ResourcePtr resource;
  ObjectKey key;
  StoredPtr expected;          // the newest version, from Registry::newest; null: there is none
  std::optional<Json> object;  // nothing: delete
  bool checked = false;        // the resource's schema found nothing to refuse in it
};

// One open watch: which changes it wants and how far it has read. Made by Registry::watch; closing or dropping it ends
// it. read() is for one thread, the rest is thread-safe.
class WatchCursor {
 public:
  struct Options {
    std::string ns;  // empty: all
    ListSelector selector;
    Revision after = 0;
    std::function<void()> wake;  // only signals; may be called under a lock, on any thread, never after close()
  };
  struct Item {
    ChangeType type = ChangeType::Added;
    StoredPtr object;
    Revision revision = 0;
  };
  struct Batch {
    std::vector<Item> items;
    Revision seen = 0;     // every change up to it was delivered or did not match
    bool more = false;     // read again
    bool expired = false;  // changes were dropped unread: the watch is over
  };

  explicit WatchCursor(Options options) : options_(std::move(options)), position_(options_.after) {}
  void close();

 private:
  friend class Registry;

  bool concerns(const StoredObject& object) const;
  std::optional<Item> translate(const Change& change) const;
  void signal();

  Options options_;
  std::string kind_;
  Revision position_;  // guarded by the registry's lock
  std::mutex wakeMutex_;
};

// What the collector has to look at: an object that went, that is going, or whose owners changed.
struct CollectorItem {
  enum class Reason { Gone, Going, Owned };
  Reason reason = Reason::Gone;
  ResourcePtr resource;
  StoredPtr object;
};

// All objects in memory, every write through one place. Thread-safe.
//
// Two states: the newest, which decides preconditions and may not be durable yet, and the published one, durable and in
// commit order, which is all that readers and watchers see. A write returns when it is durable and published.
class Registry {
 public:
  // Loads everything from the store; the history there lets watches go on across a restart. DataLoss or the store's
  // error when that fails.
  static Result<std::unique_ptr<Registry>> open(const RegistryPorts& ports);

  const RegistryPorts& ports() const { return ports_; }

  std::shared_ptr<const ResourceTable> table() const;
  // nullptr when it is not served.
  ResourcePtr resource(std::string_view group, std::string_view version, std::string_view plural) const;
  ResourcePtr resourceOfKind(std::string_view apiVersion, std::string_view kind) const;

  StoredPtr get(const ResourceInfo& resource, const ObjectKey& key) const;
  struct Snapshot {
    Revision revision = 0;
    std::vector<StoredPtr> items;
  };
  Snapshot list(const ResourceInfo& resource, const std::string& ns) const;
  // As it was at `revision`: nothing when that is too long ago.
  std::optional<Snapshot> listAt(const ResourceInfo& resource, const std::string& ns, Revision revision) const;
  Revision published() const;
  bool empty(const ResourceInfo& resource) const;

  // 410 when the changes after options.after are gone or were never made.
  ApiResult<std::shared_ptr<WatchCursor>> watch(const ResourceInfo& resource, WatchCursor::Options options);
  // How many are open.
  std::size_t watches(const ResourceInfo& resource) const;
  WatchCursor::Batch read(WatchCursor& cursor, std::size_t limit);

  // The newest decided version, durable or not; nullptr when there is none or it is being removed.
  StoredPtr newest(const ResourceInfo& resource, const ObjectKey& key) const;
  // Writes, and waits until that is durable and published. Answers nullptr when `expected` is not the newest version
  // any more: decide again. Creating checks that the namespace is there and stays.
  ApiResult<StoredPtr> commit(Proposal proposal);
  // Waits until what newest() showed is durable: before an answer tells of it.
  ApiCheck settle(Revision revision);
  // The same for all that was decided up to now: before an answer refuses because of any of it.
  ApiCheck settle();

  // Objects that name `uid` as an owner.
  struct Dependent {
    ResourcePtr resource;
    StoredPtr object;
  };
  std::vector<Dependent> dependents(const std::string& uid) const;
  std::vector<CollectorItem> takeCollectorWork();
  void onCollectorWork(std::function<void()> signal);

  // Lets the store forget history that no watch can ask for. Blocks; call from a background thread.
  Status compact();
  // The installation is over: what was written up to now is no history that a watch may ask for.
  Status startHistory();

 private:
  struct KindState {
    WatchCache cache;
    std::vector<std::weak_ptr<WatchCursor>> watches;
  };
  struct Pending {
    std::string kind;
    std::string storeKey;
    ResourcePtr resource;
    Change change;
  };
  struct Newest {
    Revision revision = 0;
    StoredPtr object;  // null: deleted
  };
  using Wakes = std::vector<std::shared_ptr<WatchCursor>>;

  explicit Registry(const RegistryPorts& ports) : ports_(ports) {}

  Status load();
  void loadRecord(const Record& record);
  Status loadHistory();
  void replay(const Record& record, std::map<std::string, StoredPtr>& last);
  ApiCheck checkNamespace(const Proposal& proposal) const;
  void publish(Revision durable);
  void apply(Pending& pending, Wakes& wakes);
  void noteOwners(const ResourceInfo& resource, const StoredPtr& before, const StoredPtr& after);
  void noteCollector(const Pending& pending);
  void defineResources(const StoredPtr& definition, bool removed);
  std::vector<ResourcePtr> compiled(const StoredObject& definition) const;
  void rebuildTable();
  void readAgain(const ResourceInfo& resource);
  ResourcePtr anyVersion(const std::string& kind) const;

  RegistryPorts ports_;
  mutable std::mutex mutex_;
  std::shared_ptr<const ResourceTable> table_;
  std::map<std::string, std::vector<ResourcePtr>> defined_;  // by name of the definition
  std::map<std::string, KindState> kinds_;                   // by "group/plural"; kept when a definition goes
  std::map<std::string, Newest> newest_;                     // by store key, only while not published
  RecentTrees recent_;
  std::deque<Pending> pending_;
  Revision published_ = 0;
  Revision floor_ = 0;
  Revision compactAt_ = 0;
  std::unordered_map<std::string, std::set<std::pair<std::string, ObjectKey>>> dependents_;  // by owner's uid
  std::vector<CollectorItem> collectorWork_;
  std::function<void()> collectorSignal_;
};

}  // namespace slipway::apiserver
