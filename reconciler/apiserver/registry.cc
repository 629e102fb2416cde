#include "reconciler/apiserver/registry.h"

#include <algorithm>
#include <utility>

#include "reconciler/apiserver/registry_resources.h"
#include "reconciler/base/json_part.h"
#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

// The value that created an object ends with this: a restart then knows creations from changes of what is older than
// its history.
constexpr char kCreated = '\n';
constexpr Revision kHistory = 4096;  // revisions that a restart reads back for watches

std::string kindKey(const ResourceInfo& resource) { return resource.group + "/" + resource.plural; }

std::string storeKey(const ResourceInfo& resource, const ObjectKey& key) {
  return cat(resource.group, "/", resource.plural, "/", key.ns, "/", key.name);
}

// "group/plural" of a store key.
std::string kindOf(std::string_view key) {
  const std::size_t second = key.find('/', key.find('/') + 1);
  return std::string(key.substr(0, second));
}

ObjectKey objectOf(std::string_view key) {
  const std::size_t second = key.find('/', key.find('/') + 1);
  const std::size_t third = key.find('/', second + 1);
  return {std::string(key.substr(second + 1, third - second - 1)), std::string(key.substr(third + 1))};
}

bool hasFinalizer(const StoredObject& object, std::string_view name) {
  return std::find(object.finalizers.begin(), object.finalizers.end(), name) != object.finalizers.end();
}

// What the store kept, as it is shown now: with the defaults that the definition has got since.
StoredPtr readStored(const ResourceInfo& resource, std::string_view stored, Revision revision,
                     std::shared_ptr<const Json>* tree) {
  if (stored.ends_with(kCreated)) {
    stored.remove_suffix(1);
  }
  // Events are many, and hardly any is asked for: what they are found by is enough.
  const bool event = !resource.custom && resource.kind == "Event";
  auto parsed = event ? parseJsonWithout(stored, "managedFields") : parseJson(stored);
  if (!parsed || !parsed->isObject() || parsed->find("metadata") == nullptr) {
    return nullptr;
  }
  if (!resource.custom || resource.schema == nullptr) {
    return makeStored(resource, {*parsed, stored, revision}, event ? nullptr : tree);
  }
  Json object = *parsed;
  resource.schema->applyDefaults(object);
  return object == *parsed ? makeStored(resource, {object, stored, revision}, tree)
                           : makeStored(resource, {object, storedForm(resource, object), revision}, tree);
}

}  // namespace

void WatchCursor::close() {
  const std::lock_guard lock(wakeMutex_);
  options_.wake = nullptr;
}

void WatchCursor::signal() {
  const std::lock_guard lock(wakeMutex_);
  if (options_.wake) {
    options_.wake();
  }
}

bool WatchCursor::concerns(const StoredObject& object) const {
  return (options_.ns.empty() || options_.ns == object.key.ns) &&
         (!options_.selector.name() || *options_.selector.name() == object.key.name);
}

std::optional<WatchCursor::Item> WatchCursor::translate(const Change& change) const {
  if (!concerns(*change.object)) {
    return std::nullopt;
  }
  const ListSelector& selector = options_.selector;
  const bool is = selector.matches(*change.object);
  const bool was = change.previous != nullptr ? selector.matches(*change.previous) : !change.previousKnown;
  if (change.type == ChangeType::Deleted) {
    return is || was ? std::optional(Item{ChangeType::Deleted, change.object, change.revision}) : std::nullopt;
  }
  if (is) {
    return Item{was ? ChangeType::Modified : ChangeType::Added, change.object, change.revision};
  }
  if (!was) {
    return std::nullopt;
  }
  // It left the selection: to this watcher that is a deletion, of the object as it last saw it.
  return Item{ChangeType::Deleted,
              change.previous == nullptr ? change.object : withRevision(*change.previous, change.revision),
              change.revision};
}

Result<std::unique_ptr<Registry>> Registry::open(const RegistryPorts& ports) {
  std::unique_ptr<Registry> registry(new Registry(ports));
  SLIPWAY_RETURN_IF_ERROR(registry->load());
  ports.store.onDurable([raw = registry.get()](Revision durable) { raw->publish(durable); });
  return registry;
}

Status Registry::load() {
  rebuildTable();
  std::vector<Record> rest;
  const std::string definitions = kindKey(definitionResource());
  SLIPWAY_RETURN_IF_ERROR(ports_.store.load([&](const Record& record) {
    if (kindOf(record.key) == definitions) {
      loadRecord(record);
    } else {
      rest.push_back(record);
    }
  }));
  for (Record& record : rest) {
    loadRecord(record);
    record.value.reset();
  }
  published_ = ports_.store.lastRevision();
  floor_ = std::max(ports_.store.compactedRevision(), published_ > kHistory ? published_ - kHistory : 0);
  return loadHistory();
}

void Registry::loadRecord(const Record& record) {
  const ResourcePtr resource = anyVersion(kindOf(record.key));
  if (resource == nullptr || !record.value) {
    return;
  }
  std::shared_ptr<const Json> tree;
  StoredPtr object = readStored(*resource, *record.value, record.revision, &tree);
  recent_.add(std::move(tree), record.value->size());
  if (object == nullptr) {
    ports_.log.error("an object in the store cannot be read and is left out", {{"key", record.key}});
    return;
  }
  kinds_[kindKey(*resource)].cache.put(object);
  noteOwners(*resource, nullptr, object);
  if (resource->plural == "customresourcedefinitions") {
    defineResources(object, false);
  }
  noteCollector(
      {kindKey(*resource), record.key, resource, {record.revision, ChangeType::Added, object, nullptr, true}});
}

Status Registry::loadHistory() {
  std::map<std::string, StoredPtr> last;
  for (Revision after = floor_;;) {
    auto records = ports_.store.history(after, 1024);
    if (!records) {
      return records.status().withContext("reading the history of changes");
    }
    for (const Record& record : *records) {
      replay(record, last);
      after = record.revision;
    }
    if (records->size() < 1024) {
      return {};
    }
  }
}

void Registry::replay(const Record& record, std::map<std::string, StoredPtr>& last) {
  const ResourcePtr resource = anyVersion(kindOf(record.key));
  if (resource == nullptr) {
    return;
  }
  WatchCache& cache = kinds_[kindKey(*resource)].cache;
  const auto known = last.find(record.key);
  if (!record.value) {
    if (known == last.end() || known->second == nullptr) {
      cache.raiseFloor(record.revision);  // nobody can say any more what was deleted
    } else {
      cache.remember(
          {record.revision, ChangeType::Deleted, withRevision(*known->second, record.revision), known->second, true});
    }
    last[record.key] = nullptr;
    return;
  }
  StoredPtr object = cache.find(objectOf(record.key));
  if (object == nullptr || object->revision != record.revision) {
    object = readStored(*resource, *record.value, record.revision, nullptr);
  }
  if (object == nullptr) {
    return;
  }
  Change change{record.revision, ChangeType::Modified, object, nullptr, true};
  if (known != last.end() && known->second != nullptr) {
    change.previous = known->second;
  } else if (record.value->ends_with(kCreated)) {
    change.type = ChangeType::Added;
  } else {
    change.previousKnown = false;
  }
  cache.remember(std::move(change));
  last[record.key] = object;
}

std::shared_ptr<const ResourceTable> Registry::table() const {
  const std::lock_guard lock(mutex_);
  return table_;
}

ResourcePtr Registry::resource(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const ResourcePtr& resource : table()->resources) {
    if (resource->plural == plural && resource->group == group && resource->version == version) {
      return resource;
    }
  }
  return nullptr;
}

ResourcePtr Registry::resourceOfKind(std::string_view apiVersion, std::string_view kind) const {
  for (const ResourcePtr& resource : table()->resources) {
    if (resource->kind == kind && resource->apiVersion() == apiVersion) {
      return resource;
    }
  }
  return nullptr;
}

ResourcePtr Registry::anyVersion(const std::string& kind) const {
  for (const ResourcePtr& resource : table_->resources) {
    if (kindKey(*resource) == kind) {
      return resource;
    }
  }
  return nullptr;
}

StoredPtr Registry::get(const ResourceInfo& resource, const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto state = kinds_.find(kindKey(resource));
  return state == kinds_.end() ? nullptr : state->second.cache.find(key);
}

Registry::Snapshot Registry::list(const ResourceInfo& resource, const std::string& ns) const {
  const std::lock_guard lock(mutex_);
  const auto state = kinds_.find(kindKey(resource));
  return {published_, state == kinds_.end() ? std::vector<StoredPtr>() : state->second.cache.items(ns)};
}

std::optional<Registry::Snapshot> Registry::listAt(const ResourceInfo& resource, const std::string& ns,
                                                   Revision revision) const {
  const std::lock_guard lock(mutex_);
  if (revision < floor_) {
    return std::nullopt;
  }
  const auto state = kinds_.find(kindKey(resource));
  if (state == kinds_.end()) {
    return Snapshot{revision, {}};
  }
  auto items = state->second.cache.itemsAt(ns, revision);
  return items ? std::optional(Snapshot{revision, *std::move(items)}) : std::nullopt;
}

std::size_t Registry::watches(const ResourceInfo& resource) const {
  const std::lock_guard lock(mutex_);
  const auto state = kinds_.find(kindKey(resource));
  if (state == kinds_.end()) {
    return 0;
  }
  const auto& all = state->second.watches;
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [](const auto& one) { return !one.expired(); }));
}

Revision Registry::published() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

bool Registry::empty(const ResourceInfo& resource) const {
  const std::lock_guard lock(mutex_);
  const auto state = kinds_.find(kindKey(resource));
  return state == kinds_.end() || state->second.cache.size() == 0;
}

ApiResult<std::shared_ptr<WatchCursor>> Registry::watch(const ResourceInfo& resource, WatchCursor::Options options) {
  const std::lock_guard lock(mutex_);
  KindState& state = kinds_[kindKey(resource)];
  const Revision floor = std::max(floor_, state.cache.floor());
  if (options.after < floor || options.after > published_) {
    return expired(cat("too old resource version: ", options.after, " (", std::max(floor, Revision{1}), ")"));
  }
  auto cursor = std::make_shared<WatchCursor>(std::move(options));
  cursor->kind_ = kindKey(resource);
  std::erase_if(state.watches, [](const auto& watch) { return watch.expired(); });
  state.watches.push_back(cursor);
  return cursor;
}

WatchCursor::Batch Registry::read(WatchCursor& cursor, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  WatchCursor::Batch batch;
  if (cursor.position_ >= published_) {
    batch.seen = cursor.position_;
    return batch;
  }
  const WatchCache& cache = kinds_[cursor.kind_].cache;
  if (cursor.position_ < cache.floor()) {
    batch.expired = true;
    return batch;
  }
  const auto& changes = cache.changes();
  std::size_t at = cache.firstAfter(cursor.position_);
  for (; at < changes.size() && batch.items.size() < limit; ++at) {
    cursor.position_ = changes[at].revision;
    if (auto item = cursor.translate(changes[at])) {
      batch.items.push_back(*std::move(item));
    }
  }
  batch.more = at < changes.size();
  if (!batch.more) {
    cursor.position_ = std::max(cursor.position_, published_);
  }
  batch.seen = cursor.position_;
  return batch;
}

StoredPtr Registry::newest(const ResourceInfo& resource, const ObjectKey& key) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = newest_.find(storeKey(resource, key)); found != newest_.end()) {
    return found->second.object;
  }
  const auto state = kinds_.find(kindKey(resource));
  return state == kinds_.end() ? nullptr : state->second.cache.find(key);
}

ApiCheck Registry::checkNamespace(const Proposal& proposal) const {
  if (proposal.expected != nullptr || !proposal.object || !proposal.resource->namespaced) {
    return std::nullopt;
  }
  const std::string key = "/namespaces//" + proposal.key.ns;
  StoredPtr ns;
  if (const auto found = newest_.find(key); found != newest_.end()) {
    ns = found->second.object;
  } else if (const auto state = kinds_.find("/namespaces"); state != kinds_.end()) {
    ns = state->second.cache.find({"", proposal.key.ns});
  }
  if (ns == nullptr) {
    return namespaceNotFound(proposal.key.ns);
  }
  if (ns->deleting) {
    return namespaceTerminating(*proposal.resource, proposal.key.name, proposal.key.ns);
  }
  return std::nullopt;
}

ApiResult<StoredPtr> Registry::commit(Proposal proposal) {
  const ResourceInfo& resource = *proposal.resource;
  const std::string key = storeKey(resource, proposal.key);
  std::string stored;
  if (proposal.object) {
    proposal.object->settle();
    stored = storedForm(resource, *proposal.object);
  }
  StoredPtr written;
  {
    const std::lock_guard lock(mutex_);
    const auto found = newest_.find(key);
    KindState& state = kinds_[kindKey(resource)];
    const StoredPtr now = found != newest_.end() ? found->second.object : state.cache.find(proposal.key);
    if ((now == nullptr ? 0 : now->revision) != (proposal.expected == nullptr ? 0 : proposal.expected->revision)) {
      return StoredPtr();
    }
    if (auto error = checkNamespace(proposal)) {
      return *error;
    }
    std::optional<std::string> value;
    if (proposal.object) {
      value = now == nullptr ? stored + kCreated : stored;
    }
    auto revision = ports_.store.submit({{key, std::move(value)}});
    if (!revision) {
      return storeError(revision.status());
    }
    Change change{*revision, ChangeType::Deleted, nullptr, now, true};
    if (proposal.object) {
      change.type = now == nullptr ? ChangeType::Added : ChangeType::Modified;
      std::shared_ptr<const Json> tree;
      change.object = makeStored(resource, {*proposal.object, stored, *revision, proposal.checked}, &tree);
      recent_.add(std::move(tree), stored.size());
    } else {
      change.object = withRevision(*now, *revision);
    }
    written = change.object;
    newest_[key] = {*revision, proposal.object ? written : nullptr};
    pending_.push_back({kindKey(resource), key, proposal.resource, std::move(change)});
  }
  if (auto error = settle(written->revision)) {
    return *error;
  }
  return written;
}

ApiCheck Registry::settle(Revision revision) {
  {
    const std::lock_guard lock(mutex_);
    if (revision <= published_) {
      return std::nullopt;
    }
  }
  if (Status durable = ports_.store.waitDurable(revision); !durable) {
    return storeError(durable);
  }
  publish(revision);
  return std::nullopt;
}

ApiCheck Registry::settle() { return settle(ports_.store.lastRevision()); }

void Registry::publish(Revision durable) {
  Wakes wakes;
  std::function<void()> collector;
  {
    const std::lock_guard lock(mutex_);
    while (!pending_.empty() && pending_.front().change.revision <= durable) {
      Pending pending = std::move(pending_.front());
      pending_.pop_front();
      apply(pending, wakes);
    }
    published_ = std::max(published_, durable);
    if (!collectorWork_.empty() || published_ >= compactAt_) {
      compactAt_ = published_ + kHistory / 4;
      collector = collectorSignal_;
    }
  }
  for (const auto& cursor : wakes) {
    cursor->signal();
  }
  if (collector) {
    collector();
  }
}

void Registry::apply(Pending& pending, Wakes& wakes) {
  KindState& state = kinds_[pending.kind];
  const Change& change = pending.change;
  if (const auto found = newest_.find(pending.storeKey);
      found != newest_.end() && found->second.revision == change.revision) {
    newest_.erase(found);
  }
  const Revision before = state.cache.changes().empty() ? 0 : state.cache.changes().back().revision;
  published_ = std::max(published_, change.revision);
  for (const auto& watch : state.watches) {
    const auto cursor = watch.lock();
    if (cursor == nullptr) {
      continue;
    }
    if (cursor->concerns(*change.object)) {
      wakes.push_back(cursor);
    } else if (cursor->position_ >= before) {
      cursor->position_ = change.revision;  // nothing to read: do not let it fall behind the log
    }
  }
  const bool removed = change.type == ChangeType::Deleted;
  noteOwners(*pending.resource, change.previous, removed ? nullptr : change.object);
  noteCollector(pending);
  const StoredPtr object = change.object;
  state.cache.publish(std::move(pending.change));
  if (pending.kind == "apiextensions.k8s.io/customresourcedefinitions") {
    defineResources(object, removed);
  }
}

void Registry::noteOwners(const ResourceInfo& resource, const StoredPtr& before, const StoredPtr& after) {
  if (before != nullptr) {
    for (const OwnerLink& owner : before->owners) {
      if (const auto found = dependents_.find(owner.uid); found != dependents_.end()) {
        found->second.erase({kindKey(resource), before->key});
        if (found->second.empty()) {
          dependents_.erase(found);
        }
      }
    }
  }
  if (after != nullptr) {
    for (const OwnerLink& owner : after->owners) {
      dependents_[owner.uid].emplace(kindKey(resource), after->key);
    }
  }
}

void Registry::noteCollector(const Pending& pending) {
  const Change& change = pending.change;
  const StoredObject& object = *change.object;
  const bool container = pending.kind == "/namespaces" || pending.resource->plural == "customresourcedefinitions";
  if (change.type == ChangeType::Deleted) {
    collectorWork_.push_back({CollectorItem::Reason::Gone, pending.resource, change.object});
  } else if (object.deleting &&
             (container || hasFinalizer(object, "foregroundDeletion") || hasFinalizer(object, "orphan"))) {
    collectorWork_.push_back({CollectorItem::Reason::Going, pending.resource, change.object});
  } else if (!object.owners.empty() && !object.deleting) {
    collectorWork_.push_back({CollectorItem::Reason::Owned, pending.resource, change.object});
  }
}

std::vector<Registry::Dependent> Registry::dependents(const std::string& uid) const {
  const std::lock_guard lock(mutex_);
  std::vector<Dependent> out;
  const auto found = dependents_.find(uid);
  if (found == dependents_.end()) {
    return out;
  }
  for (const auto& [kind, key] : found->second) {
    const auto state = kinds_.find(kind);
    const ResourcePtr resource = anyVersion(kind);
    if (StoredPtr object = state == kinds_.end() ? nullptr : state->second.cache.find(key);
        object != nullptr && resource != nullptr) {
      out.push_back({resource, std::move(object)});
    }
  }
  return out;
}

std::vector<CollectorItem> Registry::takeCollectorWork() {
  const std::lock_guard lock(mutex_);
  return std::exchange(collectorWork_, {});
}

void Registry::onCollectorWork(std::function<void()> signal) {
  const std::lock_guard lock(mutex_);
  collectorSignal_ = std::move(signal);
}

void Registry::defineResources(const StoredPtr& definition, bool removed) {
  std::vector<ResourcePtr> resources;
  if (!removed && ports_.definitions != nullptr) {
    resources = ports_.definitions->get(definition->bytes, [&] { return compiled(*definition); });
  } else if (!removed) {
    resources = compiled(*definition);
  }
  defined_[definition->key.name] = resources;
  rebuildTable();
  if (!resources.empty()) {
    readAgain(*resources.front());
  }
}

std::vector<ResourcePtr> Registry::compiled(const StoredObject& definition) const {
  auto crd = schema::parseCrd(definition.parse());
  if (!crd) {
    ports_.log.error("a stored definition is not served",
                     {{"definition", definition.key.name}, {"error", crd.status().toString()}});
    return {};
  }
  return resourcesOf(*crd);
}

void Registry::rebuildTable() {
  static const std::vector<ResourcePtr> kBuiltin = builtinResources();  // dear to make: they have schemas
  std::vector<ResourcePtr> all = kBuiltin;
  for (const auto& [name, resources] : defined_) {
    all.insert(all.end(), resources.begin(), resources.end());
  }
  table_ = newResourceTable(inDiscoveryOrder(std::move(all)));
}

// A changed definition may bring new defaults and new selectable fields for what is there already.
void Registry::readAgain(const ResourceInfo& resource) {
  const auto state = kinds_.find(kindKey(resource));
  if (state == kinds_.end()) {
    return;
  }
  for (const StoredPtr& object : state->second.cache.items("")) {
    Json tree = object->parse();
    if (resource.schema != nullptr) {
      resource.schema->applyDefaults(tree);
    }
    state->second.cache.put(makeStored(resource, {tree, storedForm(resource, tree), object->revision}, nullptr));
  }
}

Status Registry::compact() {
  Revision upTo = 0;
  {
    const std::lock_guard lock(mutex_);
    upTo = published_ > kHistory ? published_ - kHistory : 0;
  }
  // Not for every write: compaction rewrites pages of the store.
  return upTo > ports_.store.compactedRevision() + kHistory / 4 ? ports_.store.compact(upTo) : Status();
}

Status Registry::startHistory() {
  const Revision now = published();
  SLIPWAY_RETURN_IF_ERROR(ports_.store.compact(now));
  const std::lock_guard lock(mutex_);
  floor_ = now;
  return {};
}

}  // namespace slipway::apiserver
