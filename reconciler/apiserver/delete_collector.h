#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "reconciler/apiserver/object_writer.h"
#include "reconciler/apiserver/registry.h"

namespace slipway::apiserver {

// Finishes deletions: removes dependents whose owners are gone, waits for blocking ones (Foreground), strips references
// (Orphan), empties namespaces and the kinds of removed definitions. Also lets the store forget old history.
// step() does one round; start() repeats it on a thread of its own whenever there is something to do.
class DeleteCollector {
 public:
  // A namespace is seen as Terminating for at least this long: clients look right after they asked for its deletion.
  static constexpr Duration kNamespaceDrain = std::chrono::seconds(1);

  DeleteCollector(Registry& registry, ObjectWriter& writer);
  ~DeleteCollector();
  DeleteCollector(const DeleteCollector&) = delete;
  DeleteCollector& operator=(const DeleteCollector&) = delete;

  void start();
  // False when nothing was waiting. For one thread at a time.
  bool step();

 private:
  enum class OwnerState { Alive, Leaving, Gone };
  // What wakes the thread. Shared with the registry and timers, whose calls may come late.
  struct Signal {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool pending = true;
    void set();
  };
  struct Going {
    Target target;
    std::string uid;
    SteadyTime since;
  };

  void run(const std::stop_token& stop);
  void signalAfter(Duration wait);
  void take(const CollectorItem& item);
  void collect(const ResourcePtr& resource, const ObjectKey& key);
  OwnerState stateOf(const OwnerLink& owner, const ObjectKey& dependent) const;
  bool advance(const Going& going);
  bool advanceNamespace(const Going& going);
  bool advanceDefinition(const Going& going, const StoredObject& definition);
  bool advanceOrphans(const Going& going);
  bool advanceForeground(const Going& going);
  bool removeAll(const ResourcePtr& resource, const std::string& ns);
  bool remove(const Target& target, const std::string& uid);
  bool dropFinalizer(const Target& target, std::string_view finalizer);
  bool dropOwners(const Target& target, const std::function<bool(const Json& reference)>& drop);
  bool failed(const ApiError& error, const Target& target);

  Registry& registry_;
  ObjectWriter& writer_;
  std::map<std::string, Going> going_;   // by uid
  std::map<std::string, Target> again_;  // dependents whose removal failed, by uid
  std::shared_ptr<Signal> signal_;
  std::uint64_t timer_ = 0;  // only the stepping thread
  std::jthread thread_;
};

}  // namespace slipway::apiserver
