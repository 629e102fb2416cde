#include "reconciler/apiserver/delete_collector.h"

#include <algorithm>
#include <set>
#include <utility>

#include "reconciler/apiserver/registry_resources.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr Duration kRetry = std::chrono::seconds(1);
constexpr std::string_view kDefinitionCleanup = "customresourcecleanup.apiextensions.k8s.io";

bool hasFinalizer(const StoredObject& object, std::string_view name) {
  return std::find(object.finalizers.begin(), object.finalizers.end(), name) != object.finalizers.end();
}

WriteOptions asCollector(std::string subresource = {}) {
  WriteOptions options;
  options.manager = "slipway-collector";
  options.validation = FieldValidation::Ignore;
  options.subresource = std::move(subresource);
  return options;
}

}  // namespace

DeleteCollector::DeleteCollector(Registry& registry, ObjectWriter& writer)
    : registry_(registry), writer_(writer), signal_(std::make_shared<Signal>()) {
  registry_.onCollectorWork([signal = signal_] { signal->set(); });
}

DeleteCollector::~DeleteCollector() {
  registry_.onCollectorWork(nullptr);
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  registry_.ports().clock.cancelTimer(timer_);
}

void DeleteCollector::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void DeleteCollector::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(signal_->mutex);
      signal_->changed.wait(lock, stop, [this] { return signal_->pending; });
      signal_->pending = false;
    }
    while (!stop.stop_requested() && step()) {
    }
  }
}

void DeleteCollector::Signal::set() {
  const std::lock_guard lock(mutex);
  pending = true;
  changed.notify_all();
}

void DeleteCollector::signalAfter(Duration wait) {
  Clock& clock = registry_.ports().clock;
  clock.cancelTimer(timer_);
  timer_ = clock.startTimer(clock.steady() + wait, [signal = signal_] { signal->set(); });
}

bool DeleteCollector::step() {
  const std::vector<CollectorItem> items = registry_.takeCollectorWork();
  for (const auto& [uid, target] : std::exchange(again_, {})) {
    collect(target.resource, target.key);
  }
  for (const CollectorItem& item : items) {
    take(item);
  }
  for (auto it = going_.begin(); it != going_.end();) {
    it = advance(it->second) ? going_.erase(it) : std::next(it);
  }
  if (Status compacted = registry_.compact(); !compacted) {
    registry_.ports().log.error("old history stays in the store", {{"error", compacted.toString()}});
  }
  return !items.empty();
}

void DeleteCollector::take(const CollectorItem& item) {
  switch (item.reason) {
    case CollectorItem::Reason::Owned:
      collect(item.resource, item.object->key);
      return;
    case CollectorItem::Reason::Going:
      going_.try_emplace(item.object->uid,
                         Going{{item.resource, item.object->key}, item.object->uid, registry_.ports().clock.steady()});
      return;
    case CollectorItem::Reason::Gone:
      for (const Registry::Dependent& dependent : registry_.dependents(item.object->uid)) {
        collect(dependent.resource, dependent.object->key);
      }
      return;
  }
}

// Unknown kinds count as alive: what cannot be judged is kept.
DeleteCollector::OwnerState DeleteCollector::stateOf(const OwnerLink& owner, const ObjectKey& dependent) const {
  const ResourcePtr resource = registry_.resourceOfKind(owner.apiVersion, owner.kind);
  if (resource == nullptr || (resource->namespaced && dependent.ns.empty())) {
    return OwnerState::Alive;
  }
  const StoredPtr object = registry_.newest(*resource, {resource->namespaced ? dependent.ns : "", owner.name});
  if (object == nullptr || object->uid != owner.uid) {
    return OwnerState::Gone;
  }
  return object->deleting && hasFinalizer(*object, "foregroundDeletion") ? OwnerState::Leaving : OwnerState::Alive;
}

void DeleteCollector::collect(const ResourcePtr& resource, const ObjectKey& key) {
  const StoredPtr object = registry_.newest(*resource, key);
  if (object == nullptr || object->deleting || object->owners.empty()) {
    return;
  }
  std::set<std::string> gone;
  bool alive = false;
  for (const OwnerLink& owner : object->owners) {
    const OwnerState state = stateOf(owner, key);
    alive = alive || state == OwnerState::Alive;
    if (state == OwnerState::Gone) {
      gone.insert(owner.uid);
    }
  }
  const Target target{resource, key};
  bool done = true;
  if (!alive) {
    done = remove(target, object->uid);
  } else if (!gone.empty()) {
    done = dropOwners(target, [&](const Json& reference) { return gone.contains(reference.getString("uid")); });
  }
  if (!done) {
    again_.emplace(object->uid, target);
  }
}

bool DeleteCollector::advance(const Going& going) {
  const StoredPtr object = registry_.newest(*going.target.resource, going.target.key);
  if (object == nullptr || object->uid != going.uid || !object->deleting) {
    return true;
  }
  if (!going.target.resource->custom && going.target.resource->kind == "Namespace") {
    return advanceNamespace(going);
  }
  if (hasFinalizer(*object, kDefinitionCleanup)) {
    return advanceDefinition(going, *object);
  }
  if (hasFinalizer(*object, "orphan")) {
    return advanceOrphans(going);
  }
  return hasFinalizer(*object, "foregroundDeletion") ? advanceForeground(going) : true;
}

// True when nothing of the resource is left there.
bool DeleteCollector::removeAll(const ResourcePtr& resource, const std::string& ns) {
  for (const StoredPtr& object : registry_.list(*resource, ns).items) {
    if (!object->deleting) {
      remove({resource, object->key}, object->uid);
    }
  }
  return registry_.list(*resource, ns).items.empty();
}

bool DeleteCollector::advanceNamespace(const Going& going) {
  bool empty = true;
  for (const ResourcePtr& resource : registry_.table()->resources) {
    if (resource->namespaced) {
      empty = removeAll(resource, going.target.key.name) && empty;
    }
  }
  if (!empty) {
    return false;
  }
  const Duration age = registry_.ports().clock.steady() - going.since;
  if (age < kNamespaceDrain) {
    signalAfter(kNamespaceDrain - age);
    return false;
  }
  auto written = writer_.edit(going.target, asCollector("finalize"), [](const Json& live) {
    Json next = live;
    next["spec"] = Json::object();
    return ApiResult<ObjectWriter::Draft>({std::move(next), true});
  });
  return written ? true : failed(written.error(), going.target);
}

bool DeleteCollector::advanceDefinition(const Going& going, const StoredObject& definition) {
  const Json tree = definition.parse();
  const Json* spec = tree.find("spec");
  const Json* plural = tree.at({"spec", "names", "plural"});
  for (const ResourcePtr& resource : registry_.table()->resources) {
    if (spec != nullptr && plural != nullptr && resource->custom && resource->group == spec->getString("group") &&
        Json(resource->plural) == *plural && !removeAll(resource, "")) {
      return false;
    }
  }
  return dropFinalizer(going.target, kDefinitionCleanup);
}

bool DeleteCollector::advanceOrphans(const Going& going) {
  for (const Registry::Dependent& dependent : registry_.dependents(going.uid)) {
    if (!dropOwners({dependent.resource, dependent.object->key},
                    [&](const Json& reference) { return reference.getString("uid") == going.uid; })) {
      return false;
    }
  }
  return dropFinalizer(going.target, "orphan");
}

bool DeleteCollector::advanceForeground(const Going& going) {
  for (const Registry::Dependent& dependent : registry_.dependents(going.uid)) {
    collect(dependent.resource, dependent.object->key);
  }
  for (const Registry::Dependent& dependent : registry_.dependents(going.uid)) {
    for (const OwnerLink& owner : dependent.object->owners) {
      if (owner.uid == going.uid && owner.blocks) {
        return false;
      }
    }
  }
  return dropFinalizer(going.target, "foregroundDeletion");
}

bool DeleteCollector::remove(const Target& target, const std::string& uid) {
  DeleteOptions options;
  options.uid = uid;
  options.propagation = "Background";
  auto removed = writer_.remove(target, options);
  return removed ? true : failed(removed.error(), target);
}

bool DeleteCollector::dropFinalizer(const Target& target, std::string_view finalizer) {
  auto written = writer_.edit(target, asCollector(), [&](const Json& live) {
    Json next = live;
    if (Json* list = next.at({"metadata", "finalizers"}); list != nullptr && list->isArray()) {
      std::erase(list->asArray(), Json(finalizer));
    }
    return ApiResult<ObjectWriter::Draft>({std::move(next), false});
  });
  return written ? true : failed(written.error(), target);
}

bool DeleteCollector::dropOwners(const Target& target, const std::function<bool(const Json&)>& drop) {
  auto written = writer_.edit(target, asCollector(), [&](const Json& live) {
    Json next = live;
    if (Json* list = next.at({"metadata", "ownerReferences"}); list != nullptr && list->isArray()) {
      std::erase_if(list->asArray(), drop);
    }
    return ApiResult<ObjectWriter::Draft>({std::move(next), false});
  });
  return written ? true : failed(written.error(), target);
}

// True when there is nothing left to do about it: somebody else did it.
bool DeleteCollector::failed(const ApiError& error, const Target& target) {
  if (error.code == 404 || error.code == 409) {
    return true;
  }
  registry_.ports().log.warn(
      "a deletion could not be finished and is tried again",
      {{"object", cat(target.resource->qualified(), " ", target.key.toString())}, {"error", error.message}});
  signalAfter(kRetry);
  return false;
}

}  // namespace slipway::apiserver
