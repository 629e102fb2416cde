#include "reconciler/apiserver/in_process_api.h"

#include <charconv>
#include <deque>
#include <utility>

#include "reconciler/base/strings.h"

namespace slipway::apiserver {

namespace {

constexpr std::size_t kBatch = 256;

WriteOptions asSlipway(std::string subresource = {}) {
  WriteOptions options;
  options.manager = "slipway";
  options.validation = FieldValidation::Strict;
  options.subresource = std::move(subresource);
  return options;
}

ObjectPtr shared(const ResourceInfo& resource, const StoredObject& object) {
  if (shownAs(resource, object)) {
    return object.shared.of(object.bytes);
  }
  auto parsed = parseJson(bytesAs(resource, object));
  return std::make_shared<const Json>(parsed ? *std::move(parsed) : Json());
}

Result<ObjectPtr> answer(const ResourceInfo& resource, const ApiResult<Written>& written) {
  if (!written) {
    return written.error().toStatus();
  }
  return shared(resource, *written->object);
}

class RegistryStream final : public WatchStream {
 public:
  RegistryStream(Registry& registry, ResourcePtr resource, std::shared_ptr<WatchCursor> cursor)
      : registry_(registry), resource_(std::move(resource)), cursor_(std::move(cursor)) {}
  ~RegistryStream() override { cursor_->close(); }

  std::optional<WatchEvent> tryNext() override {
    if (waiting_.empty() && !expired_) {
      auto batch = registry_.read(*cursor_, kBatch);
      waiting_.assign(batch.items.begin(), batch.items.end());
      expired_ = batch.expired;
      if (expired_) {
        return WatchEvent{WatchEvent::Type::Expired, "", nullptr};
      }
    }
    if (waiting_.empty()) {
      return std::nullopt;
    }
    const WatchCursor::Item item = std::move(waiting_.front());
    waiting_.pop_front();
    WatchEvent event;
    event.type = item.type == ChangeType::Added      ? WatchEvent::Type::Added
                 : item.type == ChangeType::Modified ? WatchEvent::Type::Modified
                                                     : WatchEvent::Type::Deleted;
    event.resourceVersion = std::to_string(item.revision);
    event.object = shared(*resource_, *item.object);
    return event;
  }

 private:
  Registry& registry_;
  ResourcePtr resource_;
  std::shared_ptr<WatchCursor> cursor_;
  std::deque<WatchCursor::Item> waiting_;
  bool expired_ = false;
};

std::string textAt(const Json& object, std::initializer_list<std::string_view> path) {
  const Json* value = object.at(path);
  return value != nullptr && value->isString() ? value->asString() : std::string();
}

}  // namespace

Result<ResourcePtr> InProcessApi::resourceOf(const Kind& kind) const {
  ResourcePtr resource = registry_.resource(kind.group, kind.version, kind.plural);
  if (resource == nullptr) {
    return Status(Code::NotFound, cat("no resource ", kind.plural, " in ", kind.apiVersion(), " is served"));
  }
  return resource;
}

Result<ObjectPtr> InProcessApi::get(const Kind& kind, const ObjectKey& key) const {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  const StoredPtr object = registry_.get(**resource, key);
  if (object == nullptr) {
    return notFound(**resource, key.name).toStatus();
  }
  return shared(**resource, *object);
}

Result<ObjectList> InProcessApi::list(const Kind& kind, const std::string& ns) const {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  const Registry::Snapshot snapshot = registry_.list(**resource, ns);
  ObjectList list;
  list.resourceVersion = std::to_string(snapshot.revision);
  list.items.reserve(snapshot.items.size());
  for (const StoredPtr& object : snapshot.items) {
    list.items.push_back(shared(**resource, *object));
  }
  return list;
}

Result<ObjectPtr> InProcessApi::create(const Kind& kind, const Json& object) {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  const ObjectKey url{kind.namespaced ? textAt(object, {"metadata", "namespace"}) : "", ""};
  return answer(**resource, writer_.create({*resource, url}, object, asSlipway()));
}

Result<ObjectPtr> InProcessApi::update(const Kind& kind, const Json& object) {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  const ObjectKey key{kind.namespaced ? textAt(object, {"metadata", "namespace"}) : "",
                      textAt(object, {"metadata", "name"})};
  return answer(**resource, writer_.edit({*resource, key}, asSlipway(), [&](const Json&) {
    return ApiResult<ObjectWriter::Draft>({object, false});
  }));
}

Result<ObjectPtr> InProcessApi::mergePatch(const Kind& kind, const ObjectKey& key, const Json& patch) {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  return answer(**resource, writer_.patch({*resource, key}, {BodyFormat::MergePatch, patch, false}, asSlipway()));
}

Status InProcessApi::remove(const Kind& kind, const ObjectKey& key, const std::string& uid) {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  DeleteOptions options;
  options.uid = uid;
  options.propagation = "Background";
  auto removed = writer_.remove({*resource, key}, options);
  return removed ? Status() : removed.error().toStatus();
}

Result<ObjectPtr> InProcessApi::replaceStatus(const Kind& kind, const ObjectKey& key,
                                              const std::string& resourceVersion, const Json& status) {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  return answer(**resource, writer_.edit({*resource, key}, asSlipway("status"), [&](const Json& live) {
    Json next = live;
    next["status"] = status;
    if (!resourceVersion.empty()) {
      next["metadata"]["resourceVersion"] = resourceVersion;
    }
    return ApiResult<ObjectWriter::Draft>({std::move(next), false});
  }));
}

Result<std::unique_ptr<WatchStream>> InProcessApi::watch(const Kind& kind, const std::string& resourceVersion,
                                                         std::function<void()> wake) {
  auto resource = resourceOf(kind);
  if (!resource) {
    return resource.status();
  }
  WatchCursor::Options options;
  const char* end = resourceVersion.data() + resourceVersion.size();
  if (auto parsed = std::from_chars(resourceVersion.data(), end, options.after);
      parsed.ec != std::errc() || parsed.ptr != end) {
    return Status(Code::Invalid, cat("\"", resourceVersion, "\" is no resource version"));
  }
  options.wake = std::move(wake);
  auto cursor = registry_.watch(**resource, std::move(options));
  if (!cursor) {
    return cursor.error().toStatus();
  }
  return std::unique_ptr<WatchStream>(std::make_unique<RegistryStream>(registry_, *resource, *std::move(cursor)));
}

}  // namespace slipway::apiserver
